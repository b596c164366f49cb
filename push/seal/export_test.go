package seal

// Kept is how many tokens s keeps.
func (s *Signer) Kept() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.tokens)
}
