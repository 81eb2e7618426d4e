// Package problem holds what is wrong with a file and where: places
// (file:line:col) and messages for the author of the file, collected so that
// all of them are shown at once. It knows no word of the domain.
package problem

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Pos is a place in a file. File is relative to the root of the tree and uses
// slashes; Line and Col count from 1. The zero Pos means "no place": a value
// that was not written by anybody, for example one read from a workspace.
type Pos struct {
	File string
	Line int
	Col  int
}

// IsZero reports whether p names no place.
func (p Pos) IsZero() bool { return p == Pos{} }

// String is file:line:col, without the parts that are not known.
func (p Pos) String() string {
	switch {
	case p.File == "":
		return ""
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return fmt.Sprintf("%s:%d", p.File, p.Line)
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Severity says whether a problem stops the work.
type Severity string

// The two severities. An Error stops everything before the first write; a
// Warning is shown and the work goes on.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
)

// Problem is one remark to the author of a file. Text says what is wrong,
// Hint what to write instead. Code is a stable word for machines, such as
// "unknown_field".
type Problem struct {
	Pos      Pos
	Severity Severity
	Code     string
	Text     string
	Hint     string
}

// String is one line: place, text and hint.
func (p Problem) String() string {
	var b strings.Builder
	if s := p.Pos.String(); s != "" {
		b.WriteString(s + ": ")
	}
	if p.Severity == Warning {
		b.WriteString("warning: ")
	}
	b.WriteString(p.Text)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// List collects problems. The zero List is empty and ready.
type List []Problem

// Addf appends an error at pos.
func (l *List) Addf(pos Pos, code, format string, args ...any) {
	l.add(pos, Error, code, "", format, args...)
}

// Hintf appends an error at pos with a hint that says what to write instead.
func (l *List) Hintf(pos Pos, code, hint, format string, args ...any) {
	l.add(pos, Error, code, hint, format, args...)
}

// Warnf appends a warning at pos; hint may be empty.
func (l *List) Warnf(pos Pos, code, hint, format string, args ...any) {
	l.add(pos, Warning, code, hint, format, args...)
}

func (l *List) add(pos Pos, sev Severity, code, hint, format string, args ...any) {
	*l = append(*l, Problem{Pos: pos, Severity: sev, Code: code, Text: fmt.Sprintf(format, args...), Hint: hint})
}

// Append adds all of more.
func (l *List) Append(more List) { *l = append(*l, more...) }

// Errors returns the problems that stop the work.
func (l List) Errors() List { return l.of(Error) }

// Warnings returns the problems that do not stop the work.
func (l List) Warnings() List { return l.of(Warning) }

func (l List) of(sev Severity) List {
	var out List
	for _, p := range l {
		if p.Severity == sev {
			out = append(out, p)
		}
	}
	return out
}

// Err is nil if l holds no error, else the list as an error.
func (l List) Err() error {
	if bad := l.Errors(); len(bad) > 0 {
		return bad.sorted()
	}
	return nil
}

// Error makes a List an error: one line a problem.
func (l List) Error() string {
	lines := make([]string, len(l))
	for i, p := range l {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Sorted returns l by file, line, column and text, without exact repetitions.
func (l List) Sorted() List { return l.sorted() }

func (l List) sorted() List {
	out := slices.Clone(l)
	slices.SortStableFunc(out, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(out)
}

// Suggest returns the choice nearest to word, for "did you mean", and false
// if none is near: at most a third of the letters may differ.
func Suggest(word string, choices []string) (string, bool) {
	best, at := "", -1
	limit := max(1, len([]rune(word))/3)
	for _, c := range choices {
		d := distance(strings.ToLower(word), strings.ToLower(c))
		if d <= limit && (at < 0 || d < at || (d == at && c < best)) {
			best, at = c, d
		}
	}
	return best, at >= 0
}

// DidYouMean is the hint `did you mean "x"?`, or "" if nothing is near.
func DidYouMean(word string, choices []string) string {
	if s, ok := Suggest(word, choices); ok {
		return fmt.Sprintf("did you mean %q?", s)
	}
	return ""
}

// distance is the number of letters to insert, delete, replace or swap.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	older, old := make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range old {
		old[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row := make([]int, len(y)+1)
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(old[j]+1, row[j-1]+1, old[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, old = old, row
	}
	return old[len(y)]
}
