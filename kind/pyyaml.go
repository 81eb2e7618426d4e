package kind

import (
	"fmt"
	"math"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/yaml11"
)

// DumpYAML prints a value exactly as PyYAML's yaml.dump(v, sort_keys=True)
// does, which is what the reference client sends and hashes: keys sorted,
// block style, lists not indented within maps, lines folded behind 80
// columns, everything that is not ASCII escaped.
func DumpYAML(v *asset.Value) string {
	e := emitter{indent: -1, whitespace: true, indention: true}
	e.node(v, false, false)
	if e.column > 0 || !e.indention {
		e.lineBreak()
	}
	if e.openEnded {
		e.out.WriteString("...\n")
	}
	return e.out.String()
}

const yamlWidth = 80

// emitter is the state of PyYAML's emitter, with its names.
type emitter struct {
	out                   strings.Builder
	indent                int // -1 before the first
	column                int
	whitespace, indention bool
	openEnded             bool
}

// node writes a value; inMap says that it is the value of a map.
func (e *emitter) node(v *asset.Value, inMap, simpleKey bool) {
	switch v.Type() {
	case asset.List:
		if v.Len() == 0 {
			e.indicator("[", true, true, false)
			e.indicator("]", false, false, false)
			return
		}
		e.list(v, inMap)
	case asset.Map:
		if v.Len() == 0 {
			e.indicator("{", true, true, false)
			e.indicator("}", false, false, false)
			return
		}
		e.mapping(v)
	default:
		e.scalar(v, simpleKey)
	}
}

func (e *emitter) list(v *asset.Value, inMap bool) {
	before := e.indent
	if indentless := inMap && !e.indention; !indentless || e.indent < 0 {
		e.deeper()
	}
	for _, item := range v.Items() {
		e.newLine()
		e.indicator("-", true, false, true)
		e.node(item, false, false)
	}
	e.indent = before
}

func (e *emitter) mapping(v *asset.Value) {
	before := e.indent
	e.deeper()
	keys := map[string]*asset.Value{}
	for k, item := range v.Entries() {
		keys[k] = item
	}
	for _, k := range sortedKeys(keys) {
		key := asset.NewString(k)
		e.newLine()
		if a := analyze(k); len([]rune(k))+len("!!str") < 128 && !a.empty && !a.multiline {
			e.node(key, true, true)
			e.indicator(":", false, false, false)
		} else {
			e.indicator("?", true, false, true)
			e.node(key, true, false)
			e.newLine()
			e.indicator(":", true, false, true)
		}
		e.node(keys[k], true, false)
	}
	e.indent = before
}

func (e *emitter) deeper() {
	if e.indent < 0 {
		e.indent = 0
	} else {
		e.indent += 2
	}
}

func (e *emitter) indicator(s string, needWhitespace, whitespace, indention bool) {
	if !e.whitespace && needWhitespace {
		s = " " + s
	}
	e.whitespace = whitespace
	e.indention = e.indention && indention
	e.openEnded = false
	e.put(s)
}

func (e *emitter) put(s string) {
	e.column += len([]rune(s))
	e.out.WriteString(s)
}

func (e *emitter) lineBreak() {
	e.whitespace, e.indention, e.column = true, true, 0
	e.out.WriteByte('\n')
}

// newLine is PyYAML's write_indent.
func (e *emitter) newLine() {
	indent := max(e.indent, 0)
	if !e.indention || e.column > indent || e.column == indent && !e.whitespace {
		e.lineBreak()
	}
	if e.column < indent {
		e.whitespace = true
		e.put(strings.Repeat(" ", indent-e.column))
	}
}

// scalar writes a scalar; lines that follow its first are indented.
func (e *emitter) scalar(v *asset.Value, simpleKey bool) {
	before := e.indent
	e.indent = max(e.indent, 0) + 2
	defer func() {
		e.indent = before
		e.openEnded = e.openEnded && before < 0
	}()
	switch v.Type() {
	case asset.String:
		e.text(v.Str(), simpleKey)
	case asset.Null:
		e.plain("null", !simpleKey)
	case asset.Bool:
		e.plain(strings.ToLower(v.Text()), !simpleKey)
	case asset.Float:
		e.plain(yamlFloat(v), !simpleKey)
	default:
		e.plain(v.Text(), !simpleKey)
	}
}

func yamlFloat(v *asset.Value) string {
	f, _ := v.Float64()
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	text := strings.ToLower(v.Text())
	if !strings.Contains(text, ".") {
		text = strings.Replace(text, "e", ".0e", 1)
	}
	return text
}

// text chooses the style of a text: plain, unless it would be read as
// something else; single quotes, unless it must be escaped.
func (e *emitter) text(s string, simpleKey bool) {
	a := analyze(s)
	read, err := yaml11.Plain(s)
	isText := err == nil && read.Type() == asset.String
	switch {
	case isText && a.plain && !(simpleKey && (a.empty || a.multiline)):
		e.plain(s, !simpleKey)
	case a.single && !(simpleKey && a.multiline):
		e.singleQuoted([]rune(s), !simpleKey)
	default:
		e.doubleQuoted([]rune(s), !simpleKey)
	}
}

type analysis struct{ empty, multiline, plain, single bool }

const blanks = "\x00 \t\r\n\u0085\u2028\u2029"

// analyze says in which styles a text may stand. Without allow_unicode, every
// character that is not ASCII is special.
func analyze(text string) analysis {
	if text == "" {
		return analysis{empty: true, plain: true, single: true}
	}
	s := []rune(text)
	blank := func(i int) bool { return i >= len(s) || strings.ContainsRune(blanks, s[i]) }
	indicators := strings.HasPrefix(text, "---") || strings.HasPrefix(text, "...")
	var breaks, special, spaceBreak, breakSpace, edges bool
	for i, ch := range s {
		switch {
		case i == 0 && strings.ContainsRune("#,[]{}&*!|>'\"%@`", ch),
			i == 0 && strings.ContainsRune("?:-", ch) && blank(1),
			i > 0 && ch == ':' && blank(i+1),
			i > 0 && ch == '#' && blank(i-1):
			indicators = true
		}
		isBreak := isLineBreak(ch)
		breaks = breaks || isBreak
		special = special || ch != '\n' && (ch < ' ' || ch > '~')
		edges = edges || (i == 0 || i == len(s)-1) && (ch == ' ' || isBreak)
		if i > 0 {
			breakSpace = breakSpace || ch == ' ' && isLineBreak(s[i-1])
			spaceBreak = spaceBreak || isBreak && s[i-1] == ' '
		}
	}
	a := analysis{multiline: breaks}
	a.single = !breakSpace && !spaceBreak && !special
	a.plain = a.single && !edges && !breaks && !indicators
	return a
}

func isLineBreak(r rune) bool { return r == '\n' || r == '\u0085' || r == '\u2028' || r == '\u2029' }

// plain writes a text without quotes; split allows folding at single spaces.
func (e *emitter) plain(text string, split bool) {
	e.openEnded = true
	if !e.whitespace {
		e.put(" ")
	}
	e.whitespace, e.indention = false, false
	s := []rune(text)
	for start := 0; start < len(s); {
		end, spaces := runOf(s, start)
		if spaces && end == start+1 && e.column > yamlWidth && split {
			e.newLine()
			e.whitespace, e.indention = false, false
		} else {
			e.put(string(s[start:end]))
		}
		start = end
	}
}

// runOf is the end of the run of spaces, or of others, that begins at start.
func runOf(s []rune, start int) (end int, spaces bool) {
	spaces = s[start] == ' '
	for end = start; end < len(s) && (s[end] == ' ') == spaces; end++ {
	}
	return end, spaces
}

func (e *emitter) singleQuoted(s []rune, split bool) {
	e.indicator("'", true, false, false)
	for start := 0; start < len(s); {
		end := start + 1
		switch {
		case s[start] == ' ':
			end, _ = runOf(s, start)
			if end == start+1 && e.column > yamlWidth && split && start != 0 && end != len(s) {
				e.newLine()
			} else {
				e.put(string(s[start:end]))
			}
		case isLineBreak(s[start]):
			for end < len(s) && isLineBreak(s[end]) {
				end++
			}
			e.lineBreak()
			for range s[start:end] {
				e.lineBreak()
			}
			e.newLine()
		case s[start] == '\'':
			e.put("''")
		default:
			for end < len(s) && s[end] != ' ' && s[end] != '\'' && !isLineBreak(s[end]) {
				end++
			}
			e.put(string(s[start:end]))
		}
		start = end
	}
	e.indicator("'", false, false, false)
}

var escapes = map[rune]string{
	0: "0", 7: "a", 8: "b", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 27: "e",
	'"': `"`, '\\': `\`, 0x85: "N", 0xA0: "_", 0x2028: "L", 0x2029: "P",
}

func (e *emitter) doubleQuoted(s []rune, split bool) {
	e.indicator(`"`, true, false, false)
	start := 0
	flush := func(end int) {
		if start < end {
			e.put(string(s[start:end]))
			start = end
		}
	}
	for end := 0; end <= len(s); end++ {
		last := end == len(s)
		if last {
			flush(end)
		} else if ch := s[end]; ch == '"' || ch == '\\' || ch < ' ' || ch > '~' {
			flush(end)
			e.put(escape(ch))
			start = end + 1
		}
		if 0 < end && end < len(s)-1 && (s[end] == ' ' || start >= end) && e.column+end-start > yamlWidth && split {
			if start < end {
				e.put(string(s[start:end]) + `\`)
				start = end
			} else {
				e.put(`\`)
			}
			e.newLine()
			e.whitespace, e.indention = false, false
			if s[start] == ' ' {
				e.put(`\`)
			}
		}
	}
	e.indicator(`"`, false, false, false)
}

func escape(ch rune) string {
	switch short, ok := escapes[ch]; {
	case ok:
		return `\` + short
	case ch <= 0xFF:
		return fmt.Sprintf(`\x%02X`, ch)
	case ch <= 0xFFFF:
		return fmt.Sprintf(`\u%04X`, ch)
	}
	return fmt.Sprintf(`\U%08X`, ch)
}
