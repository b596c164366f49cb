// Package desk holds editorial decisions: who may do what. It is the home of
// editor keys and roles.
//
// An editor key is 32 random bytes, shown once when it is made and kept only
// as its SHA-256, so that a copy of the store opens no door. [Keyring] is how
// an engine keeps them. [Audiences] is how nodes tell each other of their
// readers, for editors to see. Nothing here blocks except the methods of these
// two.
package desk
