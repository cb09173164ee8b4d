// Package oauth holds the protocol's rules: pure functions on values, each
// naming the section it obeys. Nothing here reads a request, a database or a
// clock.
package oauth

// Check is one rule over a request of type R. The endpoints are ordered tables
// of checks, so that a request can be held against all of them, and the order
// in which they refuse is seen in one place.
type Check[R any] struct {
	Rule   string
	Refuse func(R) error
}

// First returns what the first check refuses, or nil.
func First[R any](checks []Check[R], r R) error {
	for _, c := range checks {
		if err := c.Refuse(r); err != nil {
			return err
		}
	}
	return nil
}
