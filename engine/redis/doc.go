// Package redis keeps Crier in Redis 7 or Valkey, for any number of nodes:
// single, Sentinel or Cluster. [Engine] implements news.Log, news.Archive,
// desk.Keyring and push.Store, and does what the embedded engine does.
//
// # Keys
//
// With the prefix crier. What is between braces decides a key's slot on a
// Cluster; keys of one slot are on one server, where a script changes them
// together. L stands for {crier:log}.
//
//	key                  type    contents                                           bound
//	L                    hash    schema, epoch, head, floor, mark, run (the server  one
//	                             that the nodes know), followed_…, campaigns (the
//	                             number of the last one), trusted (see Alarms),
//	                             changes (of subscriptions)
//	L:entries            stream  the log: ID OFFSET-0; first, mark, at, by, body    Trim
//	L:items              hash    item → place and last entry                        items
//	L:live, L:drills     zset    items by first                                     items
//	L:story:STORY        zset    items of the story by first                        items
//	L:key:VALUE          string  idempotency key: sum and the entry                 24 h
//	L:call:RANDOM        string  the same for a call without a key                  15 min
//	L:editors, L:sums    hash    editor → sum and JSON; sum → editor                editors
//	L:ids                hash    campaign's ID → its number                         campaigns
//	L:reports            hash    item → number of its last campaign                 items
//	L:opened             zset    numbers by time of opening                         campaigns
//	L:active             zset    numbers of those with ranges left, in the order    being sent
//	                             in which they are served
//	L:c:N                hash    a campaign: body, story, lane, counts, cancelled,  campaigns
//	                             unscanned
//	L:c:N:r              zset    its ranges that are left, by when they are free    64, while sent
//	L:c:N:p              hash    LOW.… : position, token, lease of each range       while sent
//	L:c:N:t, :w:LOW      hash,   retries: attempts; IDs by when they are due, -1    while sent
//	                     zset    for those whose subscription has departed
//	L:c:N:d              hash    its dead letters: subscription → range, status,    10,000, 7 d past
//	                             when and why                                       deadline
//	L:removals           set     subscriptions that are to be removed yet           a page a worker
//	L:stop               hash    the stop in force                                  one
//	L:kept               hash    what nodes share, by name: the VAPID keys          few
//	L:leaders            hash    job → its leader and the end of the term           few
//	L:workers            zset    nodes that send, by how long they are there        nodes
//	L:audiences          hash    node → its readers, by topic, and until when       nodes
//	L:alarms, L:rates    hash    push service → since when and why; when and how    services
//	                             many requests a second it was found to bear
//	{crier:s0} … s1023   zset    a shard of the subscriptions, see record.go        subscriptions
//	{crier:r:TOKEN}      hash    a campaign's receipts: how many, and when          campaigns
//	                             something was displayed
//	…:displayed, …       set     their nonces, 16 bytes each                        7 d past deadline
//	L:bell:DB            channel the doorbell: each entry as it is appended
//
// L has all that must be atomic: the log, its fronts, the campaigns, where
// their ranges stand. The bulk, subscriptions and receipts, spreads over the
// Cluster. Two things cross slots. A checkpoint writes down in L who is to be
// removed, then removes them and strikes them out; whoever claims next does
// what a crash left. And removing a subscription marks its retries in L after
// it; a retry that a crash left unmarked is found when it is due. Campaigns
// and subscriptions are numbered in one order, so nobody who comes back is
// taken for who left.
//
// Scripts name keys of L by L itself: Redis allows it, as all are of one slot.
// While a Cluster moves that slot it stops a script at the first key that is
// not there, so scripts touch all they will write before they write.
// Each script declares itself with a shebang, so that a server short of
// memory, without a disk or demoted refuses it before its first line; it
// reads every key of which it cannot be sure before it writes any; and it
// does a bounded number of steps, more being done by calling it again. What a
// caller asks for in one piece (a front, a page) bounds the rest.
//
// # Durability
//
// An append is one script, and the server answers and rings after it has
// written its append-only file. With appendonly yes and appendfsync always
// what was acknowledged survives the loss of the server's power; with
// everysec a second of it may be lost, and all since the last snapshot
// without the file. [Open] says in the log what a server's settings can lose.
// Replication is asynchronous: a failover may lose what the replica had not
// got; [Options.Replicas] and [Options.Synced] have appends wait for them.
//
// # Lost history
//
// Redis cannot know that it has lost something, so the nodes are its
// witnesses. Each remembers the last entry that it saw, which bears a random
// mark, and sends both with every call that reads or appends: the script
// refuses to go on in a log of the same epoch that ends earlier or has another
// entry there. The node then has the log given a new epoch, at which all
// readers are told. A new node asks those that live to vouch for a server that
// has restarted; where nobody does, as after a restored backup or a power cut
// of the whole site, the epoch changes too, because nobody can say that
// nothing is missing. What no living node had seen can be lost in silence only
// with its reader's connection in a failover without Replicas.
//
// # Moving
//
// [OpenSource] and [OpenTarget] are for moving a store, see package engine. A
// target is filled by plain commands, in batches of one pipeline, while L has no
// epoch but the fields moving (which move it is) and moving_epoch: a node that
// opens it finds no log and makes none, see reckon.lua. The last script gives L
// the epoch. Marks are made anew, because no node has seen the entries here.
//
// # Memory
//
// A usual subscription, with an endpoint of FCM's length and two topics, takes
// 420 bytes. An item of 400 bytes takes 1.3 kB: it is kept once in the log,
// until that is trimmed, and once for the front. BenchmarkMove measures both.
//
// # Answers
//
// Commands are repeated only where that is right. An append carries a key, its
// caller's or one of its own, so when its answer is lost it is asked after
// until the truth is known: news.ErrUnavailable means that nothing was kept,
// and where it cannot be known in time the context's error is returned. A
// checkpoint carries a nonce for the same purpose.
//
// # Who may block
//
// Every method waits for Redis and honours its context, also while the server
// hangs. Close waits for calls that are under way, at most their time limits
// (read_timeout, 5 s). The doorbell has one connection and one goroutine of
// its own, which waits for nobody that listens. The mutexes of sight, bell and
// gate are held for memory only, and never two of them.
package redis
