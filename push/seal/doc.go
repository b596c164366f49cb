// Package seal encrypts notifications for one browser (RFC 8291, with the
// aes128gcm coding of RFC 8188) and signs the tokens that tell a push service
// who sends them (VAPID, RFC 8292).
//
// # Sealing
//
// A subscription brings the receiver's [Keys]. [Seal] makes a body for it in
// one step. Nearly all of the cost is the key agreement, which depends on the
// two parties and not on the message; so [Prepare] does that part ahead of
// time and leaves a [Prepared], 109 bytes, from which [Prepared.Seal] makes one
// body in a fraction of the time. [Open] is the receiver's side, for tests,
// benchmarks and local push services.
//
// # Invariants
//
//   - Every body is of [Size] bytes, whatever it says: its length tells the
//     push service nothing.
//   - A sender key seals one message and is then wiped.
//   - A message is one record, as RFC 8291 section 4 demands.
//   - A token's life ends less than 24 hours after it is signed (RFC 8292
//     section 2) and is never handed out near its end.
//
// Nothing here blocks but for a mutex held while a token is signed. Keys,
// prepared keys and tokens are secrets and have no text form.
package seal
