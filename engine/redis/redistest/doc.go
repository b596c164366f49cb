// Package redistest runs real Redis servers for tests and does to them what
// can happen to them: they are killed and started again, stopped and let go
// on, restored from older files, failed over, resharded. What is between them
// and their clients can be slow, held up, cut, or watched call by call.
//
// # Words
//
// A [Server] is one redis-server on a socket of its own. A [Cluster] is three
// masters, a [Sentinel] is a master and a replica with three sentinels that
// watch them. A [Proxy] is the way to a server; a [Call] is one command on it.
//
// # Rules
//
// Nothing is skipped: where there is no redis-server the test fails and says
// how to install one. Servers keep an append-only file and sync it always, so
// that what they acknowledged survives Kill. They end with the test that
// started them. They are reached over sockets and loopback ports only.
//
// Methods that take a testing.TB belong to the test's goroutine, because they
// fail the test. The rest are safe for concurrent use.
package redistest
