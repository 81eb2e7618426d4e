//go:build race

package sim_test

// The race detector makes everything take many times as long.
const (
	// usualSeeds is how many seeds every test run simulates.
	usualSeeds = 10
	// usualStride is at how few of the places to die at it dies.
	usualStride = 40
	// usualReplays is how many stored schedules there are for each that is
	// replayed.
	usualReplays = 4
)
