// Package enginetest holds engines to the contracts of news, desk and push:
// one suite, [Run], that proves the design's invariants on whatever engine it
// is given. [RunMove] is the part that moves stores, between two engines or
// two stores of one. There is nothing to switch off. An engine passes or is not one.
//
// What each file proves:
//
//	log.go            offsets without gaps; a refused append leaves no trace (1, 6)
//	keys.go           one append per idempotency key (2)
//	follow.go         following yields the log's suffix, whatever becomes of hints (3)
//	front.go          the front is the fold of the log, atomic with its cursor (5)
//	lost.go           lost history is told (5)
//	reopen.go         close and reopen changes nothing (4)
//	kill.go           a kill loses nothing acknowledged; nothing half-done is seen (4, 6, 7)
//	memory.go         what is returned shares no memory with the engine (10)
//	model.go          random operations agree with a slice (1, 2, 5, 6)
//	keyring.go        editors' keys
//	lead.go           one node leads a job
//	writable.go       whether an append would be taken
//	secrets.go        what nodes share is replaced by one of them at a time
//	subscriptions.go  who is to be notified; removal happens once (8)
//	lives.go          who confirms, and who is not seen any more
//	campaigns.go      opening, cancelling, lanes, stop (7, 9)
//	reached.go        a correction goes first to those whom the error had reached (9)
//	unfinished.go     what is to be sent yet, for exact counts while all is stopped
//	letters.go        what was given up is kept, and attempted again once
//	leases.go         every standing subscription is delivered across a crash at any step (7)
//	retries.go        retries in order of their time; what departs is counted (7, 8)
//	report.go         the counts close; receipts count once (7)
//	transfer.go       a store that was moved goes on as before (2, 3, 4, 7); settled.go fills it
//
// The numbers are those of the invariants in the design. The suite waits for
// nothing but the engine and takes seconds.
package enginetest
