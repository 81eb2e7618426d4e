//go:build !race

package sim_test

// usualSeeds is how many seeds every test run simulates.
const usualSeeds = 300
