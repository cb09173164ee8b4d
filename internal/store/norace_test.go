//go:build !race

package store

// slowUsers are more than can be read in a millisecond.
const slowUsers = 50_000
