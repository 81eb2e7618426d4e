package glob

import (
	"path"
	"slices"
	"strings"
)

// Set is many globs, most of which are plain paths: those cost nothing however
// many they are. The zero Set matches nothing.
type Set struct {
	plain    map[string]bool            // paths
	above    map[string]map[string]bool // folders above plain paths, and the names on the way
	patterns []string
}

// NewSet prepares globs.
func NewSet(globs []string) Set {
	s := Set{plain: map[string]bool{}, above: map[string]map[string]bool{}}
	for _, g := range globs {
		if strings.ContainsAny(g, `*?[\`) {
			s.patterns = append(s.patterns, g)
			continue
		}
		name := strings.TrimSuffix(strings.TrimPrefix(g, "./"), "/")
		s.plain[name] = true
		for at := name; at != "."; {
			dir := path.Dir(at)
			if s.above[dir] == nil {
				s.above[dir] = map[string]bool{}
			}
			s.above[dir][path.Base(at)] = true
			at = dir
		}
	}
	return s
}

// Empty reports whether there are no globs.
func (s Set) Empty() bool { return len(s.plain) == 0 && len(s.patterns) == 0 }

// Any reports what the function Any does.
func (s Set) Any(name string) bool {
	if len(s.plain) > 0 {
		for at := name; ; at = path.Dir(at) {
			if s.plain[at] {
				return true
			}
			if at == "." || at == "/" {
				break
			}
		}
	}
	return Any(s.patterns, name)
}

// Below reports whether a path below the folder may match although the folder
// does not.
func (s Set) Below(dir string) bool {
	if s.above[dir] != nil {
		return true
	}
	return slices.ContainsFunc(s.patterns, func(g string) bool { return below(g, dir) })
}

// Names are the names in a folder that match, or below which something may
// match; all says that it may be any.
func (s Set) Names(dir string) (names []string, all bool) {
	for name := range s.above[dir] {
		names = append(names, name)
	}
	for _, g := range s.patterns {
		if !below(g, dir) {
			continue
		}
		segments := strings.Split(strings.TrimPrefix(g, "./"), "/")
		depth := 0
		if dir != "." {
			depth = strings.Count(dir, "/") + 1
		}
		if depth >= len(segments) || slices.Contains(segments[:depth+1], "**") || strings.ContainsAny(segments[depth], `*?[\`) {
			return nil, true
		}
		names = append(names, segments[depth])
	}
	return names, false
}

// below reports whether a path below the folder may match the glob.
func below(glob, dir string) bool {
	if dir == "." {
		return true
	}
	glob = strings.TrimSuffix(strings.TrimPrefix(glob, "./"), "/")
	at := map[int]bool{0: true} // how much of the glob the folder can be
	segments := strings.Split(glob, "/")
	for name := range strings.SplitSeq(dir, "/") {
		next := map[int]bool{}
		for i := range at {
			for ; i < len(segments) && segments[i] == "**"; i++ {
				next[i] = true
			}
			if i < len(segments) {
				if hit, err := path.Match(segments[i], name); err == nil && hit {
					next[i+1] = true
				}
			}
		}
		at = next
	}
	return len(at) > 0
}
