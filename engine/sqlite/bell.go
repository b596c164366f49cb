package sqlite

import "crier/news"

// Wake implements news.Log. Hints come for entries appended by this engine.
func (e *Engine) Wake() (c <-chan news.Hint, stop func()) { return e.bell.Wake() }
