package tree

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/internal/problem"
)

// checkText looks for what no YAML file may hold: bytes that are not UTF-8
// and control characters.
func checkText(data []byte, file string, bad *problem.List) {
	if bytes.HasPrefix(data, []byte{0xfe, 0xff}) || bytes.HasPrefix(data, []byte{0xff, 0xfe}) {
		bad.Hintf(problem.Pos{File: file, Line: 1, Col: 1}, "encoding", "save it as UTF-8", "the file is UTF-16")
		return
	}
	plain := true
	for _, c := range data {
		if c < ' ' && c != '\n' && c != '\t' && c != '\r' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return
	}
	line, col := 1, 1
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		pos := problem.Pos{File: file, Line: line, Col: col}
		switch {
		case r == utf8.RuneError && n == 1:
			bad.Hintf(pos, "encoding", "save it as UTF-8", "the byte %#02x is not UTF-8", data[i])
			return
		case !printable(r):
			bad.Hintf(pos, "encoding", "remove it, or write it as an escape in double quotes", "the control character %U cannot stand in YAML", r)
			return
		}
		i += n
		if col++; r == '\n' {
			line, col = line+1, 1
		}
	}
}

func printable(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= ' ' && r <= '~' || r == 0x85 ||
		r >= 0xa0 && r <= 0xd7ff || r >= 0xe000 && r <= 0xfffd || r >= 0x10000
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// parserErrors begin the messages for which the library counts lines from 0.
var parserErrors = regexp.MustCompile(`^did not find expected (key|'-' indicator|node content|',' or|<)`)

// syntaxProblem makes a problem of an error of the YAML library. The library
// gives a line, which may be that of the enclosing map, and no column; the
// line where reading stopped is found by reading ever shorter beginnings.
func syntaxProblem(data []byte, file string, err error, bad *problem.List) {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = text[len(m[0]):]
		line, _ = strconv.Atoi(m[1])
		if parserErrors.MatchString(text) {
			line++
		}
	}
	lines := bytes.SplitAfter(data, []byte("\n"))
	line = min(max(line, stopLine(lines, line, text)), max(len(lines), 1))
	row := strings.TrimRight(string(lines[line-1]), "\r\n")
	indent := len(row) - len(strings.TrimLeft(row, " \t"))
	pos := problem.Pos{File: file, Line: line, Col: indent + 1}
	hint := "check indentation, quotes and brackets of this line and the one before"
	if strings.Contains(row[:indent], "\t") {
		text, hint = "a tab cannot indent in YAML", "indent with spaces"
		pos.Col = strings.IndexByte(row, '\t') + 1
	}
	bad.Hintf(pos, "syntax", hint, "not YAML: %s", text)
}

// stopLine is the first line from which on the beginning of the file fails
// with the same message.
func stopLine(lines [][]byte, from int, text string) int {
	const far = 200 // lines to look ahead; beyond, the library's line must do
	size := 0
	for i, l := range lines {
		size += len(l)
		if n := i + 1; n >= from && n <= from+far && size < 64<<10 {
			err := yaml.Unmarshal(bytes.Join(lines[:n], nil), new(yaml.Node))
			if err != nil && strings.HasSuffix(err.Error(), text) {
				return n
			}
		}
	}
	return from
}

var template = regexp.MustCompile(`(^|[^$])\{\{[^}\n]*\}\}`)

// explainTemplates says of files that cannot be read and hold {{NAME}} what
// the reason is.
func (p *parser) explainTemplates(data []byte) {
	for i := range p.bad {
		bad := &p.bad[i]
		if bad.Code != "syntax" && bad.Code != "bad_key" {
			continue
		}
		rows := bytes.Split(data, []byte("\n"))
		for n := max(bad.Pos.Line-2, 0); n < min(bad.Pos.Line+1, len(rows)); n++ {
			at := template.FindIndex(rows[n])
			if at == nil {
				continue
			}
			col := bytes.Index(rows[n][at[0]:], []byte("{{")) + at[0]
			*bad = problem.Problem{
				Pos: problem.Pos{File: p.file, Line: n + 1, Col: utf8.RuneCount(rows[n][:col]) + 1}, Severity: problem.Error, Code: "template",
				Text: "the file is a template: {{…}} must be filled in before it is YAML",
				Hint: "render the template, or write ${{ var.NAME }} and give NAME under vars in mlsync.yaml",
			}
			break
		}
	}
}
