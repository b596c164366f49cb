// Package news holds the words Crier is built from and the contract of its
// log. Read it first: every other package speaks in these terms.
//
// # Words
//
// An [Item] is one piece of news. It belongs to a story, stands on a [Level]
// of the wire services' ladder and changes by entries: an [Entry] is one line
// of the log, of a [Kind] (posted, updated, corrected, refiled, withdrawn),
// and carries the item as it now stands. The [Log] is the append-only truth:
// offsets 1, 2, 3 … within an epoch that changes if history is ever lost. A
// [Cursor] ("epoch.offset") is how a reader says what it has seen. The
// [Front] is the fold of the log: what the ticker shows now.
//
// # The way of an item
//
// An editor's [Post] or [Revision] is checked and becomes a [Draft], the next
// entry of an item. [Log.Append] makes it durable and gives it its offset.
// Only then does the doorbell ring: a [Hint] on the channels that [Log.Wake]
// handed out. [Follow] turns those unreliable hints back into exactly the
// log's suffix; the hub, the campaigns, the feeds and the webhooks all stand
// on that one loop.
//
// # Invariants
//
//  1. Offsets are 1, 2, 3 …; nobody sees n+1 before n.
//  2. One append per idempotency key, however many callers race; the same key
//     with another body is refused ([ErrKeyReused]).
//  3. Following from any cursor yields exactly the log's suffix, with hints
//     dropped, doubled or delayed.
//  4. Close and reopen changes nothing; a kill at any moment loses nothing
//     that was acknowledged.
//  5. Lost or trimmed history is told ([ErrCursorLost], then one snapshot of
//     the front), never silent.
//  6. Nothing is visible before it is durable; a failed append leaves no trace.
//  7. What an engine returns shares no memory with it.
//
// # Drills
//
// A drill is an exercise. Its topics all lie in the "drill" namespace and no
// other item's do, so it can reach no live topic: a reader or a subscriber
// gets drills only by asking for a drill topic by name. See [Wanted].
//
// The package imports the standard library only. Nothing in it blocks except
// [Follow] and the methods of [Log] and [Archive], which wait for the engine.
package news
