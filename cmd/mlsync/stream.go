package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"

	"mlsync.dev/mlsync/internal/problem"
)

// streams are the standard streams and what they are connected to.
type streams struct {
	in       io.Reader
	out, err io.Writer
	// outTTY and errTTY say that the streams are terminals.
	outTTY, errTTY bool
	width          int
}

func stdio() streams {
	s := streams{in: os.Stdin, out: os.Stdout, err: os.Stderr, width: 120}
	s.outTTY = term.IsTerminal(int(os.Stdout.Fd()))
	s.errTTY = term.IsTerminal(int(os.Stderr.Fd()))
	if w, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && w > 40 {
		s.width = w
	}
	return s
}

// colour reports whether stdout gets colours: on a terminal unless NO_COLOR is
// set, or as --color says.
func (a *app) colour() bool {
	switch a.flags.color {
	case "always":
		return true
	case "never":
		return false
	}
	if v, ok := a.env("NO_COLOR"); ok && v != "" {
		return false
	}
	return a.streams.outTTY
}

// unicode reports whether stdout shows letters beyond ASCII: a terminal whose
// locale says so.
func (a *app) unicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v, ok := a.env(name); ok && v != "" {
			return a.streams.outTTY && strings.Contains(strings.ToUpper(v), "UTF-8")
		}
	}
	return false
}

// say prints a remark on stderr, unless --quiet.
func (a *app) say(format string, args ...any) {
	if !a.flags.quiet {
		fmt.Fprintf(a.streams.err, format+"\n", args...)
	}
}

// printf prints a result on stdout.
func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.streams.out, format, args...) }

// printJSON prints v on stdout as indented JSON.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.streams.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printProblems prints problems on stderr, with their number.
func (a *app) printProblems(bad problem.List) {
	for _, p := range bad.Sorted() {
		fmt.Fprintln(a.streams.err, printable(p.String()))
	}
	if n := len(bad.Errors()); n > 1 {
		fmt.Fprintf(a.streams.err, "%d problems\n", n)
	}
}

// printable makes control characters of text that others wrote harmless.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// problemJSON is a problem as --json prints it.
type problemJSON struct {
	Severity string `json:"severity"`
	Code     string `json:"code"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Message  string `json:"message"`
	Fix      string `json:"fix,omitempty"`
}

func problemsJSON(bad problem.List) []problemJSON {
	out := []problemJSON{}
	for _, p := range bad.Sorted() {
		out = append(out, problemJSON{string(p.Severity), p.Code, p.Pos.File, p.Pos.Line, p.Pos.Col, p.Text, p.Hint})
	}
	return out
}
