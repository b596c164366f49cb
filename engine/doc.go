// Package engine moves a whole store from one engine to another.
//
// # Words
//
// A [Record] is one thing that an engine keeps, in a form that belongs to
// none: an [Entry], an [Item], a [Subscription] … An [Exporter] gives all of
// a store's, an [Importer] fills an empty store with them. [Move] does one
// after the other and holds what arrived against what was sent.
//
// # What is equal
//
// Two stores that behave the same export the same records in the same order,
// whichever engines keep them. So what an engine has only for itself is no
// part of a record, and is made anew by the importer:
//
//   - Campaigns are numbered 1, 2, 3 … in the order in which they opened, and
//     a subscription says how many had opened before it was made. What number
//     an engine gives them is its own affair.
//   - Leases have ended: whoever held one is not there to go on, and no worker
//     is. Their fencing tokens stay, so that none is given twice.
//   - What is only to be tidied up counts as done: a removal that was written
//     down and not made, a retry whose subscription is gone and not marked.
//   - What is over is left out: idempotency keys past their life, the nonces
//     of campaigns that take receipts no more.
//
// The log keeps its epoch, as its history is the same: readers' cursors hold at
// the new place. For that reason only one of the two may be served afterwards.
//
// # Half a move
//
// From its first record until Finish a target is marked as half a move. To
// open it as an engine is refused with [ErrHalfMoved]; another move may
// overwrite it. The mark goes in one atomic write, the last.
//
// # Who may block
//
// All methods wait for the engines and honour their context. A move holds a
// page of records in memory, not a store. From and to Redis it also holds a
// little of every campaign there ever was (some 100 bytes), and what Redis
// keeps in no order: the names of a day's idempotency keys, the nonces of one
// campaign, the retries of one range.
package engine
