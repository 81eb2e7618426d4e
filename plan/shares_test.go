package plan

import (
	"testing"

	"pgregory.net/rapid"
)

func TestToward(t *testing.T) {
	tests := []struct {
		name               string
		before, live, want Shares
		steps              []int
		next               string
		n                  int
	}{
		{"the first step", Shares{"blue": 100}, Shares{"blue": 100}, Shares{"green": 100}, []int{5, 25, 100}, "blue 95, green 5", 1},
		{"the second", Shares{"blue": 100}, Shares{"blue": 95, "green": 5}, Shares{"green": 100}, []int{5, 25, 100}, "blue 75, green 25", 2},
		{"the last", Shares{"blue": 100}, Shares{"blue": 75, "green": 25}, Shares{"green": 100}, []int{5, 25, 100}, "green 100", 3},
		{"between two steps", Shares{"blue": 100}, Shares{"blue": 90, "green": 10}, Shares{"green": 100}, []int{5, 25, 100}, "blue 75, green 25", 2},
		{"git wants less than the next step", Shares{"blue": 100}, Shares{"blue": 95, "green": 5}, Shares{"blue": 90, "green": 10}, []int{5, 25, 100}, "blue 90, green 10", 3},
		{"it serves more than the first steps", Shares{"blue": 70, "green": 30}, Shares{"blue": 70, "green": 30}, Shares{"blue": 30, "green": 70}, []int{5, 25, 50, 100}, "blue 50, green 50", 3},
		{"two new ones", Shares{"blue": 100}, Shares{"blue": 100}, Shares{"green": 50, "grey": 50}, []int{5, 100}, "blue 95, green 3, grey 2", 1},
		{"two old ones", Shares{"blue": 70, "grey": 30}, Shares{"blue": 70, "grey": 30}, Shares{"green": 100}, []int{10, 100}, "blue 63, green 10, grey 27", 1},
		{"somebody moved it to a third", Shares{"blue": 100}, Shares{"grey": 100}, Shares{"green": 100}, []int{10, 100}, "green 10, grey 90", 1},
	}
	for _, tt := range tests {
		next, n := Toward(tt.before, tt.live, tt.want, tt.steps)
		if next.String() != tt.next || n != tt.n {
			t.Errorf("%s: %s, step %d; want %s, step %d", tt.name, next, n, tt.next, tt.n)
		}
	}
}

func TestBack(t *testing.T) {
	for _, tt := range []struct {
		live, want Shares
		back       string
	}{
		{Shares{"blue": 75, "green": 25}, Shares{"green": 100}, "blue 100"},
		{Shares{"blue": 60, "grey": 15, "green": 25}, Shares{"green": 100}, "blue 80, grey 20"},
		{Shares{"green": 100}, Shares{"green": 100}, "none"},
	} {
		if got := Back(tt.live, tt.want); got.String() != tt.back {
			t.Errorf("back from %s to %s: %s, want %s", tt.live, tt.want, got, tt.back)
		}
	}
}

// TestSharesHold: whatever traffic is and is to be, each step sums to 100, goes
// beyond nothing that is wanted, moves no more than the step says, and the
// steps come to their end.
func TestSharesHold(t *testing.T) {
	names := []string{"blue", "green", "grey", "red"}
	shares := rapid.Custom(func(t *rapid.T) Shares {
		raw := Shares{}
		for _, name := range names {
			raw[name] = rapid.IntRange(0, 50).Draw(t, name)
		}
		raw[rapid.SampledFrom(names).Draw(t, "one")] += 1
		return raw.Within(func(string) bool { return true })
	})
	rapid.Check(t, func(t *rapid.T) {
		before, live, want := shares.Draw(t, "before"), shares.Draw(t, "live"), shares.Draw(t, "want")
		steps := append(rapid.SampledFrom([][]int{{}, {5, 25}, {1, 2, 3, 50}, {50, 99}}).Draw(t, "steps"), 100)
		if rapid.Bool().Draw(t, "from before") {
			live = before
		}
		for range 10 {
			if live.Equal(want) {
				return
			}
			next, n := Toward(before, live, want, steps)
			if next.Sum() != 100 {
				t.Fatalf("%s: sums to %d", next, next.Sum())
			}
			rising := growing(before, live, want)
			if now, then := live.toward(want, rising), next.toward(want, rising); !next.Equal(want) && (then > steps[n-1] || then <= now) {
				t.Fatalf("%s -> %s (of %s), step %d", live, next, want, n)
			}
			for name, share := range next {
				if share > max(live[name], want[name]) || share < min(live[name], want[name]) {
					t.Fatalf("%s -> %s goes beyond %s", live, next, want)
				}
			}
			live = next
		}
		t.Fatalf("%s is never reached", want)
	})
}
