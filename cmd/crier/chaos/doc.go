// Package chaos proves that nothing is lost when things die: real nodes on a
// real Redis, readers on all of them, a newsroom that posts, and faults. At
// the end every reader's whole history is held against the log, and a table is
// printed:
//
//	go test -count 1 -v -run Chaos ./cmd/crier/chaos -full
//
// Without -full the same faults happen to fewer readers and less often; that
// is the form for the race detector, which makes the nodes several times
// slower: with it the full form posts at a third of the rate.
//
// # Words
//
// A fleet is the nodes, processes of the real program, built with the race
// detector if the tests are. A crowd is the readers: each resumes by its
// cursor at a node that lives, and remembers everything it was told. The newsroom posts
// and revises at mixed rates, each request with an idempotency key, and
// repeats what was refused or not answered until it knows. A stage is a fleet,
// a crowd and a newsroom; a fault happens on it.
//
// # What is proven
//
//  1. Every reader gets every entry of the log after its cursor once and in
//     order, whichever nodes and servers died: 0 missing, 0 repeated, 0 out of
//     order. Every cursor it is told is true.
//  2. What was acknowledged is in the log once, at the cursor that was
//     answered. What was refused with 503 is not in it, and every 503 says
//     when to try again. Where nobody could know, the repeat with the same key
//     tells.
//  3. Where history is lost the epoch changes, and every reader is told by
//     exactly one reset, from which it arrives at the front that the log folds
//     to. It is lost only where an older state is restored, and where a
//     replica takes over that was behind; then what was acknowledged is kept.
//  4. A hundred clients that race with one key make one entry.
//  5. A node that is asked to go sends its readers away over the drain window
//     and cuts nobody off: every connection ends with 1012.
//  6. A campaign reaches every subscription, wherever its worker is killed; a
//     lease that has passed to another changes nothing; the report closes.
//
// Seconds to recover are from the end of the fault, or from the kill, until
// every reader had an entry that was posted after it.
//
// Only tests are in here. Nothing is skipped: where there is no redis-server
// they fail.
package chaos
