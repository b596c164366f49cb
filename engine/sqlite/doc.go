// Package sqlite keeps Crier in one embedded database: the engine of a binary
// that runs with nothing installed. [Engine] implements news.Log,
// news.Archive, desk.Keyring and push.Store on a data directory.
//
// # Files
//
// A data directory holds crier.db with its -wal and -shm, all for their owner
// only (0600), and crier.lock, which the process that serves the directory
// holds locked as long as it lives. A second server is refused with [ErrInUse]:
// it would not hear the first one's doorbell. The short commands an operator
// runs next to a server open the directory with Options.Beside. The directory
// must be on a local disk, because write-ahead logging needs shared memory.
//
// # Writing
//
// One goroutine owns the one connection that writes. What waits for it goes
// into one transaction and shares its fsync, each change in a savepoint of its
// own and so all or nothing; see [Engine.Append] and writer.go. Callers hear
// of success, and the doorbell rings, only after the commit. synchronous is
// FULL: what was committed survives the loss of power as far as the disk
// tells the truth.
//
// # Reading
//
// Reads have connections of their own and see a snapshot: they wait neither
// for the writer nor for each other, only for a free connection.
//
// # Time
//
// Times are kept as milliseconds since 1970 and returned in UTC. The engine
// asks the clock itself only to age idempotency keys and entries, see
// Options.Now.
//
// # Moving
//
// [OpenSource] and [OpenTarget] are for moving a store, see package engine. A
// target has another application_id until the move is finished, so that
// nothing opens it, not even a version that knows of no moves.
//
// # Who may block
//
// Every method waits for the disk and honours its context. A write whose
// context ends while it is being committed goes on; whether it was kept can
// only be learnt by asking again. Locks are held for memory only: the
// doorbell's mutex is the one there is, and nothing is called while it is held.
package sqlite
