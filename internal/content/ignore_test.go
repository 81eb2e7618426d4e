package content

import "testing"

// TestPatterns holds gitwildmatch to what the pathspec library makes of it.
func TestPatterns(t *testing.T) {
	tests := []struct {
		pattern, path string
		want          bool
	}{
		{"foo", "foo", true},
		{"foo", "a/foo", true},
		{"foo", "foo/b", true},
		{"foo", "foob", false},
		{"foo", "a/xfoo", false},
		{"/foo", "foo", true},
		{"/foo", "a/foo", false},
		{"/foo", "foo/x", true},
		{"foo/", "foo", false},
		{"foo/", "foo/x", true},
		{"foo/", "a/foo/x/y", true},
		{"a/b", "a/b", true},
		{"a/b", "x/a/b", false},
		{"a/b/", "a/b/c", true},
		{"a/b/", "a/b", false},
		{"*.py", "a.py", true},
		{"*.py", "d/a.py", true},
		{"*.py", "a.pyc", false},
		{"*", "a/b", true},
		{"*", ".", true},
		{"a/*", "a/b", true},
		{"a/*", "a/b/c", true},
		{"a/*", "a", false},
		{"a/**", "a/b/c", true},
		{"a/**", "a", false},
		{"**", "x/y", true},
		{"**/", "x", false},
		{"**/", "x/y", true},
		{"**/a", "a", true},
		{"**/a", "x/y/a", true},
		{"a/**/b", "a/b", true},
		{"a/**/b", "a/x/y/b", true},
		{"a/**/**/b", "a/b", true},
		{"a?c", "abc", true},
		{"a?c", "a/c", false},
		{"a.c", "abc", false},
		{"[ab]x", "ax", true},
		{"[ab]x", "cx", false},
		{"[!ab]x", "cx", true},
		{"[!ab]x", "ax", false},
		{"[a-c]", "b", true},
		{"[a-c]", "-", false},
		{"[^a]", "^", true},
		{"[^a]", "b", false},
		{"[]-]", "]", true},
		{"[]-]", "-", true},
		{"[!]a-]", "-", false},
		{"[!]a-]", "b", true},
		{"[a", "[a", true},
		{`[\d]`, `\`, true},
		{`[\d]`, "5", false},
		{"[[:alpha:]]", "x", false},
		{`\#x`, "#x", true},
		{`\!x`, "!x", true},
		{`a\*`, "a*", true},
		{`a\*`, "ab", false},
		{"#x", "#x", false},
		{"/", "x", false},
		{"  foo  ", "foo", true},
		{"é*", "été", true},
	}
	for _, tt := range tests {
		r, err := newRules([]string{tt.pattern})
		if err != nil {
			t.Errorf("%q: %v", tt.pattern, err)
			continue
		}
		if got := r.excluded(tt.path); got != tt.want {
			t.Errorf("%q on %q: got %t, want %t", tt.pattern, tt.path, got, tt.want)
		}
	}
}
