// Field measures crier serve beside what it is held against, in turns, and
// prints the medians with their ratios:
//
//	go run ./cmd/field
//
// The others are the floor, a bare loop of write(2) over sockets that nobody
// reads from, and the usual hub, coder/websocket with two goroutines and a
// channel for each reader. Both are here (peers_linux.go) and no servers to
// use: they keep nothing. Crier is measured twice, the second time over TLS.
// Each server is a process of its own, takes the same posts and sends messages
// of the same bytes, so that differences are those of the way.
//
// # Words
//
// A peer is one of the servers. A crowd is its readers, all in this process, on
// one epoll instance (over TLS with a goroutine each). A round is one
// measurement of one peer: handshakes, idleness, items one by one at a rate,
// and items flat out, a window of them on their way at any time. CPU and memory
// are those of the peer's process as /proc tells them. On loopback the sender
// also pays for the receiver's half of TCP, and all share the machine's
// processors: compare, and do not add up.
package main
