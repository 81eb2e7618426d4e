package main

import "testing"

// The heap grows freely while little is alive, and by less than twice that
// when much is.
func TestGrowth(t *testing.T) {
	for _, test := range []struct {
		alive uint64
		want  int
	}{
		{0, 400}, {1 << 20, 400}, {3 << 20, 400}, {6 << 20, 250}, {24 << 20, 100}, {48 << 20, 75}, {96 << 20, 62}, {1 << 40, 50},
	} {
		if got := growth(test.alive); got != test.want {
			t.Errorf("%d bytes alive: %d percent, want %d", test.alive, got, test.want)
		}
	}
	if alive() == 0 {
		t.Error("nothing is alive")
	}
}
