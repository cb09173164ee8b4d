//go:build race

package store

// slowUsers are more than can be read in a millisecond. Everything takes twenty
// times as long here.
const slowUsers = 10_000
