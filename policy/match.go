package policy

import (
	"slices"

	"mlsync.dev/mlsync/internal/glob"
)

// subject is what a rule is asked about, as far as Match looks at it.
type subject struct {
	kind, name, action, target string
}

// concerns reports whether the rule is about a subject.
func (r *Rule) concerns(s subject) bool {
	return r.Match.fits(s) && !slices.ContainsFunc(r.Except, func(m Match) bool { return m.fits(s) })
}

func (m Match) fits(s subject) bool {
	return among(m.Kinds, s.kind) && anyGlob(m.Names, s.name) && among(m.Actions, s.action) && anyGlob(m.Targets, s.target)
}

func among(list []string, word string) bool { return len(list) == 0 || slices.Contains(list, word) }

func anyGlob(globs []string, name string) bool {
	return len(globs) == 0 || slices.ContainsFunc(globs, func(g string) bool { return glob.Name(g, name) })
}
