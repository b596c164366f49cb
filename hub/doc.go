// Package hub holds the readers' sockets: it follows the log and sends every
// entry to every reader who wants it. Its measure is the kernel's own: one
// entry is encoded once and costs one non-blocking write(2) per socket.
//
// # Words
//
// A reader is somebody with the page open: over a WebSocket, over server-sent
// events or in one long poll. A message is what readers are told (hello,
// entry, reset, beat, drain), encoded once in each form that transports need.
// A shard is one writing goroutine with its share of the readers. A crowd is
// the readers who name the same topics, and a group is a shard's part of one. A
// wire is what takes a reader's bytes. A parked reader (Linux, WebSockets, and
// event streams over HTTP/1) costs no goroutine: the poller's epoll wakes it
// when its client has sent something or takes more. Over TLS that goes for
// connections that came by way of [Parkable]: see sealed. An attended reader
// (other systems, other connections) has a goroutine instead. A desk is an
// editor's reader, who is told more: see desk.go.
//
// # The way of an entry
//
// [Hub.Run] follows the log with [news.Follow]. An entry is encoded, folded
// into the front and the ring of recent entries, numbered, and put in line at
// every shard. The shard finds the groups that want it and writes it to each of
// their readers: fanout.go, which reads top to bottom. What a socket does not
// take waits in the reader's outbox, which shares the encoded bytes with
// everybody else's. For WebSockets that have agreed to permessage-deflate (RFC
// 7692) a long message is compressed once, without context, so that these bytes
// are shared too; control frames and short messages stay as they are.
//
// # The way of a reader
//
// A reader is admitted (there is room, for its address too, the hub is ready and not draining),
// greeted with hello, brought to the head by its joiner (the goroutine of the
// HTTP request) from the ring or, further back, from the log, and handed to a
// shard. The ring is filled from the log before the first one comes, as after a
// crash all come at once. It leaves by itself or is ended with a close code:
//
//	1002  what the client sent is not WebSocket
//	1007  the client closed with a reason that is not text
//	1008  the client sent data, or pings without end: readers only listen
//	1009  the client sent data, and too much of it
//	1012  the node is going down; reconnect, to any node
//	1013  the log could not be read to resume, or not in time; try again
//	4008  more than QueueBytes behind, or too slow in taking what it had missed;
//	      reconnect with the last cursor
//
// Readers who come give way to entries (way.go): few handshakes are at work at a
// time, none begins while a broadcast is being written, and the connections
// behind them wait in the kernel if the server accepts from [Hub.Listener].
//
// A reader whose network is gone is found by what it is sent: every beat there
// is something, and what is not acknowledged for as long again ends the
// connection (Linux; elsewhere when the system or a write gives up).
//
// # A silent log
//
// A log that cannot be read looks to readers like a quiet day. When it has not
// been heard of for StaleAfter, all readers are told at once with
// {"type":"beat","cursor":…,"stale":true}; so are those who come, and every
// beat says so until the log is read again, which a plain beat tells all at
// once. Nobody is sent away: the connection is good, and the other nodes read
// the same log. A poll carries these beats among its messages, without a
// cursor, because the page's is the one that counts.
//
// # Invariants
//
//  1. A reader gets the entries it wants after its cursor, each once and in
//     order, or one reset (the front and its cursor) in their place. A reader
//     has one writer of data at any time, first its joiner and then its shard,
//     and remembers the number of the last broadcast it has.
//  2. The cursor of every message is true: all the reader wanted up to there
//     has been sent before. Hello echoes the reader's own. A stale beat to a
//     reader who has seen more than the hub has none.
//  3. All bytes to a reader, our messages and coder/websocket's control
//     frames, go through its mutex, whole frames at a time. After a close
//     frame no data follows.
//  4. No reader makes another wait: a shard never blocks on a socket, and a
//     reader further behind than QueueBytes is ended.
//  5. A file descriptor is used only by the reader it belongs to: see parked.
//  6. What a reader can make the hub keep is bounded: its outbox by QueueBytes
//     and one write, what it has sent by one control frame, what is replayed
//     by Replay, the topics counted by name by those that were named first.
//  7. What a reader does not want costs nothing: no look at it, and no bytes.
//  8. A handshake is only ever kept waiting by work for the processor, never by
//     another client's network.
//
// # Which readers want an entry
//
// [news.Item.WantedBy] decides: a reader who names no topic wants everything
// but drills; others want what carries one of their topics now or did so in
// an earlier version, so that a correction reaches those who read the error
// even if the item has moved. A client shows an entry of an item that carries
// none of its topics only where it shows that item already.
//
// # Who may block
//
// [Hub.Run] and [Hub.Poll] for as long as they say; [Hub.WebSocket] until the
// reader has been brought to the head, and so [Hub.EventStream] over HTTP/1,
// which over HTTP/2 blocks until the reader has left. Of the inner goroutines
// only joiners and those of attended readers and of HTTP/2's event streams wait
// for a client. Locks are held for computing and non-blocking system calls
// only, and are taken in this order: Hub.order, resets.mu, Hub.mu; resets.mu,
// packer.mu; reader.mu, poller.mu; Hub.order, way.mu. The locks of the door, of
// the audience and of a shard's newcomers are taken alone.
package hub
