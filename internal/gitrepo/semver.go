package gitrepo

import (
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// version is a semantic version 2.0; build metadata is dropped.
type version struct {
	part [3]uint64
	pre  string
}

var versionPattern = regexp.MustCompile(`^v?(\d{1,18})(?:\.(\d{1,18}|[xX*]))?(?:\.(\d{1,18}|[xX*]))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$`)

// parseVersion reads a version of which the last parts may be left out or be
// x; given counts the parts that are there.
func parseVersion(s string) (v version, given int, ok bool) {
	m := versionPattern.FindStringSubmatch(s)
	if m == nil {
		return v, 0, false
	}
	for i, text := range m[1:4] {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			// Left out or x: what follows must be left out or x too.
			for _, later := range m[i+1 : 4] {
				if later != "" && !strings.ContainsAny(later, "xX*") {
					return v, 0, false
				}
			}
			return v, given, m[4] == ""
		}
		v.part[i] = n
		given++
	}
	v.pre = m[4]
	return v, given, true
}

func (v version) compare(w version) int {
	for i := range v.part {
		if c := cmp.Compare(v.part[i], w.part[i]); c != 0 {
			return c
		}
	}
	switch {
	case v.pre == w.pre:
		return 0
	case v.pre == "":
		return 1
	case w.pre == "":
		return -1
	}
	return comparePre(strings.Split(v.pre, "."), strings.Split(w.pre, "."))
}

func comparePre(a, b []string) int {
	for i := range min(len(a), len(b)) {
		x, errX := strconv.ParseUint(a[i], 10, 64)
		y, errY := strconv.ParseUint(b[i], 10, 64)
		c := 0
		switch {
		case errX == nil && errY == nil:
			c = cmp.Compare(x, y)
		case errX == nil: // numbers come before words
			c = -1
		case errY == nil:
			c = 1
		default:
			c = strings.Compare(a[i], b[i])
		}
		if c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

// bound is from <= v < to, either end open if nil.
type bound struct{ from, to *version }

// versionRange is a choice of lists of bounds, all of which must hold.
type versionRange struct {
	text    string
	choices [][]bound
	// pre holds the versions whose pre-releases were asked for by name.
	pre map[[3]uint64]bool
}

// parseRange reads ranges as npm and cargo write them: comparisons (= > >= <
// <=), ^1.2, ~1.2, 1.x, *, joined by spaces or commas (all must hold) and ||
// (one must hold).
func parseRange(s string) (versionRange, error) {
	out := versionRange{text: s, pre: map[[3]uint64]bool{}}
	for choice := range strings.SplitSeq(s, "||") {
		fields := strings.FieldsFunc(choice, func(r rune) bool { return r == ' ' || r == ',' })
		var bounds []bound
		for i := 0; i < len(fields); i++ {
			term := fields[i]
			if strings.Trim(term, "<>=^~") == "" && i+1 < len(fields) { // ">= 1.2"
				i++
				term += fields[i]
			}
			b, err := out.parseTerm(term)
			if err != nil {
				return versionRange{}, err
			}
			bounds = append(bounds, b)
		}
		if len(bounds) == 0 {
			return versionRange{}, invalid("version range", "it is empty; * means any version")
		}
		out.choices = append(out.choices, bounds)
	}
	return out, nil
}

func (r *versionRange) parseTerm(term string) (bound, error) {
	if term == "*" || term == "x" || term == "X" {
		return bound{}, nil
	}
	number := strings.TrimLeft(term, "<>=^~")
	v, given, ok := parseVersion(number)
	if !ok {
		return bound{}, invalid("version range", "cannot read "+strconv.Quote(clean(term))+"; write for example >=1.2 <2, ^1.2 or 1.x")
	}
	if v.pre != "" {
		r.pre[v.part] = true
	}
	after := next(v, given)
	switch op := strings.TrimSuffix(term, number); op {
	case "", "=":
		return bound{&v, &after}, nil
	case ">=":
		return bound{&v, nil}, nil
	case ">":
		return bound{&after, nil}, nil
	case "<":
		return bound{nil, &v}, nil
	case "<=":
		return bound{nil, &after}, nil
	case "~":
		to := next(version{part: v.part}, min(given, 2))
		return bound{&v, &to}, nil
	case "^":
		to := next(version{part: v.part}, caretParts(v, given))
		return bound{&v, &to}, nil
	default:
		return bound{}, invalid("version range", "unknown sign "+strconv.Quote(op))
	}
}

// caretParts says how many leading parts ^v keeps: up to the first that is not
// zero.
func caretParts(v version, given int) int {
	for i := range given {
		if v.part[i] != 0 {
			return i + 1
		}
	}
	return given
}

// next is the least version after all that begin with the first n parts of v.
// The pre-release "0" sorts before every other, so 2.0.0-rc.1 is not below 2.
func next(v version, n int) version {
	if n == 3 {
		if v.pre != "" {
			return version{part: v.part, pre: v.pre + ".0"}
		}
		v.part[2]++
		return version{part: v.part, pre: "0"}
	}
	out := version{pre: "0"}
	copy(out.part[:n], v.part[:n])
	out.part[n-1]++
	return out
}

func (r versionRange) contains(v version) bool {
	if v.pre != "" && !r.pre[v.part] {
		return false
	}
	for _, bounds := range r.choices {
		all := true
		for _, b := range bounds {
			all = all && (b.from == nil || v.compare(*b.from) >= 0) && (b.to == nil || v.compare(*b.to) < 0)
		}
		if all {
			return true
		}
	}
	return false
}

// highest finds the tag of the highest version in the range; of two tags of
// one version (1.0.0 and v1.0.0) the first by name.
func (r versionRange) highest(adv *packp.AdvRefs) (plumbing.ReferenceName, plumbing.Hash, error) {
	var best string
	var at version
	for name := range adv.References {
		tag, ok := strings.CutPrefix(name, "refs/tags/")
		if !ok || checkRefName(tag) != nil {
			continue
		}
		v, given, ok := parseVersion(tag)
		if !ok || given != 3 || !r.contains(v) {
			continue
		}
		if c := v.compare(at); best == "" || c > 0 || (c == 0 && name < best) {
			best, at = name, v
		}
	}
	if best == "" {
		return "", plumbing.ZeroHash, faultOf(ErrNotFound, "no tag is a version in "+r.text)
	}
	return plumbing.ReferenceName(best), adv.References[best], nil
}

// highestTag finds the highest of the tags whose names match a glob: versions in
// their order, pre-releases included, and above all other names; these by their
// letters, with numbers in them as numbers.
func highestTag(glob string, adv *packp.AdvRefs) (plumbing.ReferenceName, plumbing.Hash, error) {
	best := ""
	for name := range adv.References {
		tag, ok := strings.CutPrefix(name, "refs/tags/")
		if !ok || checkRefName(tag) != nil {
			continue
		}
		if ok, _ := path.Match(glob, tag); ok && (best == "" || compareTags(tag, best) > 0) {
			best = tag
		}
	}
	if best == "" {
		return "", plumbing.ZeroHash, faultOf(ErrNotFound, "no tag matches "+clean(glob))
	}
	name := plumbing.NewTagReferenceName(best)
	return name, adv.References[name.String()], nil
}

// compareTags orders tags; two that are one version are ordered by name.
func compareTags(a, b string) int {
	v, _, isA := parseVersion(a)
	w, _, isB := parseVersion(b)
	switch {
	case isA && isB:
		return cmp.Or(v.compare(w), strings.Compare(a, b))
	case isA:
		return 1
	case isB:
		return -1
	}
	return cmp.Or(slices.CompareFunc(runs.FindAllString(a, -1), runs.FindAllString(b, -1), compareRuns), strings.Compare(a, b))
}

// runs splits a name into its numbers and what is between them.
var runs = regexp.MustCompile(`\d+|\D+`)

func compareRuns(a, b string) int {
	x, errX := strconv.ParseUint(a, 10, 64)
	y, errY := strconv.ParseUint(b, 10, 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	return strings.Compare(a, b)
}
