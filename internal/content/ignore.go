package content

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"mlsync.dev/mlsync/internal/limit"
)

// maxIgnoreFile bounds the ignore file that is read.
const maxIgnoreFile = limit.IgnoreBytes

// rules are the patterns of one ignore file, in order; the last that matches
// wins. Nested ignore files are not read, save by Merge.
type rules struct {
	patterns []pattern
	negated  bool
}

// pattern is one line of an ignore file: gitwildmatch as the pathspec library
// that Microsoft's client carries understands it, which is not quite git: a
// path is matched as a whole, so a file below an ignored directory can be
// brought back, and [^x] does not negate.
type pattern struct {
	include bool // the line names files to leave out; false for "!line"
	re      *regexp.Regexp
}

// excluded tells whether rel, relative to the directory of the ignore file, is
// left out.
func (r *rules) excluded(rel string) bool {
	out := false
	for _, p := range r.patterns {
		if p.include != out && p.re.MatchString(rel) {
			out = p.include
		}
	}
	return out
}

// rulesOf reads the rules of the directory root: .amlignore wins over
// .gitignore, and only those at its root count.
func rulesOf(root *node, opt Options) (*rules, error) {
	lines := opt.Ignore
	if lines == nil {
		var err error
		if lines, err = ignoreLines(root); err != nil {
			return nil, err
		}
	}
	if opt.Component {
		lines = append(lines[:len(lines):len(lines)], "__pycache__")
	}
	r, err := newRules(lines)
	if err != nil {
		return nil, err
	}
	if opt.IncludesFile != "" {
		re := regexp.MustCompile(`^` + regexp.QuoteMeta(opt.IncludesFile) + `\z`)
		r.patterns = append(r.patterns, pattern{include: true, re: re})
	}
	return r, nil
}

// ignoreLines returns the lines of the ignore file in the directory root, nil
// if there is none.
func ignoreLines(root *node) ([]string, error) {
	children, err := root.children()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{".amlignore", ".gitignore"} {
		for _, c := range children {
			if c.name != name || c.dir || c.open == nil {
				continue
			}
			text, err := readAll(c, maxIgnoreFile)
			if err != nil {
				return nil, err
			}
			return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }), nil
		}
	}
	return nil, nil
}

func readAll(n *node, most int64) (string, error) {
	if n.size > most {
		return "", limitError(n.name, n.size, "bytes", most)
	}
	f, err := n.open()
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most))
	return string(b), err
}

func newRules(lines []string) (*rules, error) {
	r := &rules{}
	for _, line := range lines {
		p, err := compile(line)
		if err != nil {
			return nil, err
		}
		if p == nil {
			continue
		}
		// Each path is held against each pattern, and each is kept compiled.
		if len(r.patterns) == limit.IgnoreLines {
			return nil, limitError("ignore file", int64(len(r.patterns))+1, "patterns", limit.IgnoreLines)
		}
		r.patterns = append(r.patterns, *p)
		r.negated = r.negated || !p.include
	}
	return r, nil
}

// compile returns the pattern of one line, nil for a blank or a comment.
func compile(line string) (*pattern, error) {
	s := strings.TrimSpace(line)
	if s == "" || s == "/" || strings.HasPrefix(s, "#") {
		return nil, nil
	}
	if len(s) > limit.IgnoreLine {
		return nil, limitError("ignore file", int64(len(s)), "bytes in one pattern", limit.IgnoreLine)
	}
	p := &pattern{include: true}
	if rest, ok := strings.CutPrefix(s, "!"); ok {
		p.include, s = false, rest
	}
	expr, err := expression(s)
	if err != nil {
		return nil, fmt.Errorf("ignore pattern %q: %w", line, err)
	}
	if p.re, err = regexp.Compile(expr); err != nil {
		return nil, fmt.Errorf("ignore pattern %q: bad bracket expression", line)
	}
	return p, nil
}

// expression translates a pattern to a regular expression over whole paths.
func expression(s string) (string, error) {
	segs := strings.Split(s, "/")
	for i := len(segs) - 1; i > 0; i-- {
		if segs[i] == "**" && segs[i-1] == "**" {
			segs = append(segs[:i], segs[i+1:]...)
		}
	}
	if len(segs) == 2 && segs[0] == "**" && segs[1] == "" {
		return `^.+/.*\z`, nil // everything but files at the root
	}
	switch {
	case segs[0] == "":
		segs = segs[1:] // relative to the root
	case (len(segs) == 1 || len(segs) == 2 && segs[1] == "") && segs[0] != "**":
		segs = append([]string{"**"}, segs...) // at any depth
	}
	if len(segs) == 0 {
		return "", fmt.Errorf("nothing to match")
	}
	if last := len(segs) - 1; last > 0 && segs[last] == "" {
		segs[last] = "**" // what is below the directory
	}
	return join(segs)
}

func join(segs []string) (string, error) {
	var b strings.Builder
	b.WriteString("^")
	slash := false
	end := len(segs) - 1
	for i, seg := range segs {
		if seg == "**" {
			switch {
			case i == 0 && i == end:
				b.WriteString(".+")
			case i == 0:
				b.WriteString("(?:.+/)?")
			case i == end:
				b.WriteString("/.*")
			default:
				b.WriteString("(?:/.+)?")
				slash = true
			}
			continue
		}
		if slash {
			b.WriteString("/")
		}
		if seg == "*" {
			b.WriteString("[^/]+")
		} else if err := segment(&b, []rune(seg)); err != nil {
			return "", err
		}
		if i == end {
			b.WriteString("(?:/.*)?")
		}
		slash = true
	}
	b.WriteString(`\z`)
	return b.String(), nil
}

// segment translates one segment of a path.
func segment(b *strings.Builder, s []rune) error {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '\\':
			if i++; i == len(s) {
				return fmt.Errorf("nothing follows the backslash")
			}
			b.WriteString(regexp.QuoteMeta(string(s[i])))
		case '*':
			b.WriteString("[^/]*")
		case '?':
			b.WriteString("[^/]")
		case '[':
			end := bracketEnd(s, i+1)
			if end < 0 {
				b.WriteString(`\[`)
				continue
			}
			bracket(b, s[i+1:end])
			i = end
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	return nil
}

// bracketEnd returns the index of the bracket that closes the expression whose
// first rune is at i, -1 if there is none.
func bracketEnd(s []rune, i int) int {
	if i < len(s) && s[i] == '!' {
		i++
	}
	if i < len(s) && s[i] == ']' {
		i++
	}
	for ; i < len(s); i++ {
		if s[i] == ']' {
			return i
		}
	}
	return -1
}

// bracket writes the class with the given content. All runes but the leading
// exclamation mark and the dash between two others stand for themselves.
func bracket(b *strings.Builder, s []rune) {
	b.WriteString("[")
	if len(s) > 1 && s[0] == '!' {
		b.WriteString("^")
		s = s[1:]
	}
	for i, c := range s {
		if c == '-' && i > 0 && i < len(s)-1 {
			b.WriteString("-")
			continue
		}
		fmt.Fprintf(b, `\x{%x}`, c)
	}
	b.WriteString("]")
}
