// Package browsertest drives real browsers from Go tests: Chromium over the
// Chrome DevTools Protocol (CDP), Firefox over WebDriver BiDi. Both are
// JSON-RPC over a WebSocket, so one small client serves both and nothing but
// the browser has to be installed. A browser that is missing fails the test
// and names the command that installs it.
//
// # Words
//
// A browser ([Chromium], [Firefox]) is a process of its own with a profile of
// its own; it ends with its test, or with the test binary, however that ends.
// A [Page] is one tab. What a page does wrong by itself, an error on its
// console or an exception that nobody caught, is a fault and fails the test
// unless [Page.Allow] expects it. A [Proxy] is the network between a page and a
// server: it can be cut, mended, and told what to refuse.
//
// # Waiting
//
// Every method that talks to a browser blocks until the browser has done it,
// and fails the test after [Patience]. Nothing waits for a length of time:
// [Page.Wait] waits for a condition inside the page, and a click waits until
// its target stands still and can be hit.
//
// Methods fail the test they were made with and so must be called from its
// goroutine. Browsers may be shared by tests that run in parallel, pages not.
package browsertest
