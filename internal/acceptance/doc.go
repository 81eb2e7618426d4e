// Package acceptance holds tests of the whole product: they build the real
// program, run it against the emulator and look at what the emulator was asked
// and at what it holds. It has no code of its own and nothing imports it.
package acceptance
