//go:build race

package sim_test

// usualSeeds is how many seeds every test run simulates: the race detector
// makes each take many times as long.
const usualSeeds = 40
