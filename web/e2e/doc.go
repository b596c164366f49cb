// Package e2e proves Crier as its people meet it: the real binary, real
// browsers, and a push service that a real browser takes for its vendor's.
// Readers follow the front through cuts, corrections and withdrawals, behind
// networks that let less and less through and back, without JavaScript and on
// other sites; a subscriber is alerted with no page open; an editor works the desk
// with the keyboard alone. The pages' modules are tested in the browser too.
//
// Only tests are in here. Each starts a service of its own on an empty
// directory and waits for what it wants to see, never for a length of time.
package e2e
