// Package newstest is a test peer: a [news.Log] in memory, for testing what
// follows a log. It keeps the contract of the log but nothing on disk, and it
// can be told to misbehave in every way the contract allows: hints lost,
// doubled, late or empty, history trimmed, an epoch lost, reads that fail.
// It is no engine and nothing but tests and benchmarks imports it.
package newstest
