// Package pushtest is a push service, for tests and load. It takes
// notifications as RFC 8030 tells, refuses what RFC 8291 and RFC 8292 forbid
// more strictly than the vendors' services do, and hands them on to browsers
// over the WebSocket protocol of Mozilla's autopush, so that a real Firefox
// with
//
//	dom.push.serverURL                      = Service.BrowserURL()
//	dom.push.testing.allowInsecureServerURL = true
//	dom.push.connection.enabled             = true
//
// subscribes to it, decrypts and acknowledges (see [FirefoxPrefs]).
// [Service.Subscribe] makes subscriptions with no browser behind them, as many
// as a load test needs.
//
// # Words
//
// A browser connects, is named by its UAID and registers channels; a channel
// is a subscription, known to senders by its endpoint. A message waits for its
// browser until it is acknowledged or its TTL is over. What the service has
// seen is one value, [Seen], and [Service.Wait] waits until it is as wanted.
//
// # Concurrency
//
// All methods are safe for concurrent use and none but Wait and Close blocks.
// There is one lock, held for no input or output.
package pushtest
