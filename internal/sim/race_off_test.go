//go:build !race

package sim_test

const (
	// usualSeeds is how many seeds every test run simulates.
	usualSeeds = 300
	// usualStride is at how few of the places to die at it dies.
	usualStride = 3
	// usualReplays is how many stored schedules there are for each that is
	// replayed.
	usualReplays = 1
)
