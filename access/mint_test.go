package access

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A token has no more than who makes it, and lives no longer than it may.
func TestAttackZ12Mint(t *testing.T) {
	h := newHouse(t)
	h.member(Group, "ops", Operator, "vision")
	p, err := h.who(t, h.sign(map[string]any{"groups": []string{"ops"}}))
	if err != nil {
		t.Fatal(err)
	}
	good := Wanted{"vision", "ci", Operator, time.Hour}
	saved, text, err := Mint(p, good, time.Hour, h.clock)
	if err != nil || !strings.HasPrefix(text, "mlsync_vision.") || !saved.Expires.Equal(h.clock.Add(time.Hour)) || strings.Contains(text, string(saved.Hash)) {
		t.Fatalf("%+v %v", saved, err)
	}
	h.shelf.saved[saved.ID] = saved
	token, err := h.who(t, text)
	if err != nil || granted(token) != "operator@vision" || token.For != "user:entra/ada" {
		t.Errorf("%+v %v", token, err)
	}
	for what, w := range map[string]Wanted{
		"another project": {"fraud", "ci", Operator, time.Hour}, "every project": {All, "ci", Viewer, time.Hour}, "no project": {"", "ci", Viewer, time.Hour},
		"more": {"vision", "ci", Admin, time.Hour}, "other": {"vision", "ci", Approver, time.Hour}, "no role": {"vision", "ci", "", time.Hour}, "an unknown role": {"vision", "ci", "root", time.Hour},
		"too long": {"vision", "ci", Operator, time.Hour + 1}, "no life": {"vision", "ci", Operator, 0}, "a life of less": {"vision", "ci", Operator, -time.Hour},
		"no name": {"vision", "", Operator, time.Hour}, "a long name": {"vision", strings.Repeat("x", 101), Operator, time.Hour},
	} {
		if got, text, err := Mint(p, w, time.Hour, h.clock); !errors.Is(err, ErrNotMinted) || text != "" || got.ID != "" {
			t.Errorf("%s: %+v %v", what, got, err)
		}
	}
	if _, _, err := Mint(token, good, time.Hour, h.clock); !errors.Is(err, ErrNotMinted) {
		t.Errorf("a token makes one: %v", err)
	}
}
