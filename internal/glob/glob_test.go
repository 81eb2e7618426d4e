package glob

import (
	"strings"
	"testing"
)

func TestPath(t *testing.T) {
	for _, tc := range []struct {
		glob, name string
		want       bool
	}{
		{"a", "a/b/c.yml", true},
		{"a/", "a/b.yml", true},
		{"a/*.yml", "a/b.yml", true},
		{"a/*.yml", "a/b/c.yml", false},
		{"**/c.yml", "a/b/c.yml", true},
		{"**/c.yml", "c.yml", true},
		{"a/**/c.yml", "a/c.yml", true},
		{"a/**", "a/b/c", true},
		{"**", "x", true},
		{"*.yml", "a/b.yml", false},
		{"b", "a/b", false},
		{"a/?.yml", "a/b.yml", true},
		{"[", "[", false},
		{strings.Repeat("**/", 50) + "x", strings.Repeat("a/", 50) + "y", false},
	} {
		if got := Path(tc.glob, tc.name); got != tc.want {
			t.Errorf("Path(%q, %q) = %v", tc.glob, tc.name, got)
		}
	}
}

func TestNameAndBad(t *testing.T) {
	if !Name("", "x") || !Name("a-*", "a-b") || Name("a", "b") || Name("[", "[") {
		t.Error("Name")
	}
	for glob, bad := range map[string]bool{"a/**": false, "../x": true, "a/../b": true, "[": true, "/a": true, "": false} {
		if (Bad(glob) != "") != bad {
			t.Errorf("Bad(%q) = %q", glob, Bad(glob))
		}
	}
	if !Any([]string{"b", "a"}, "a/x") || Any(nil, "a") {
		t.Error("Any")
	}
}
