// Package sim holds the deterministic simulation of the whole reconciler, as
// tests: reconcile, journal, emulator and git in one process, with a virtual
// clock and a seeded scheduler that decides who goes on at every request and
// at every access to the journal. See docs/explanation/simulation.md.
package sim
