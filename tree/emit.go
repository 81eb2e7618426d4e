package tree

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/yaml11"
)

// emitter writes values as YAML: two blanks a level, lists indented below
// their key, texts in the plainest form that YAML 1.1 and 1.2 both read as
// the same text.
type emitter struct {
	b strings.Builder
	// before is called ahead of each entry of a block map, after behind its
	// first line; nil for none. They write comments.
	before func(e *emitter, v *asset.Value, indent int)
	after  func(v *asset.Value) string
	// flat writes lists at the column of their key.
	flat bool
}

// WriteValue is a map as a YAML document in the style of Write, its keys in
// their order. Parse gives it back.
func WriteValue(v *asset.Value) []byte { return emit(v) }

// emit is a map as a YAML document.
func emit(v *asset.Value) []byte {
	e := &emitter{}
	e.document(v)
	return []byte(e.b.String())
}

func (e *emitter) document(v *asset.Value) {
	switch {
	case v.Type() == asset.Map && v.Len() > 0:
		e.entries(v, 0, "")
	case v.Type() == asset.List && v.Len() > 0:
		e.items(v, 0)
	default:
		e.b.WriteString(scalarText(v, 0, false) + "\n")
	}
}

// entries writes the entries of a map. The first line begins with first in
// place of the indent, if that is not empty.
func (e *emitter) entries(m *asset.Value, indent int, first string) {
	for key, v := range m.Entries() {
		lead := strings.Repeat(" ", indent)
		if first != "" {
			lead, first = first, ""
		} else if e.before != nil {
			e.before(e, v, indent)
		}
		e.b.WriteString(lead + keyText(key, indent))
		e.value(v, indent)
	}
}

// value writes what follows a key, from behind its colon on.
func (e *emitter) value(v *asset.Value, indent int) {
	if (v.Type() == asset.Map || v.Type() == asset.List) && v.Len() > 0 {
		e.b.WriteString(e.lineComment(v) + "\n")
		if v.Type() == asset.Map {
			e.entries(v, indent+2, "")
		} else {
			e.items(v, e.listIndent(indent))
		}
		return
	}
	text := scalarText(v, indent, false)
	head, rest, block := strings.Cut(text, "\n")
	e.b.WriteString(" " + head + e.lineComment(v))
	if block {
		e.b.WriteString("\n" + rest)
	}
	e.b.WriteString("\n")
}

func (e *emitter) listIndent(indent int) int {
	if e.flat {
		return indent
	}
	return indent + 2
}

func (e *emitter) lineComment(v *asset.Value) string {
	if e.after == nil {
		return ""
	}
	return e.after(v)
}

func (e *emitter) items(list *asset.Value, indent int) {
	lead := strings.Repeat(" ", indent) + "- "
	for _, v := range list.Items() {
		if e.before != nil {
			e.before(e, v, indent)
		}
		e.item(v, indent, lead)
	}
}

// item writes one item of a list; lead is the indent and the dash.
func (e *emitter) item(v *asset.Value, indent int, lead string) {
	switch {
	case v.Type() == asset.Map && v.Len() > 0:
		e.entries(v, indent+2, lead)
	case v.Type() == asset.List && v.Len() > 0:
		e.item(v.Items()[0], indent+2, lead+"- ")
		for _, more := range v.Items()[1:] {
			e.item(more, indent+2, strings.Repeat(" ", indent+2)+"- ")
		}
	default:
		e.b.WriteString(lead + scalarText(v, indent, false) + e.lineComment(v) + "\n")
	}
}

// longKey is the length from which on YAML wants a key to be announced.
const longKey = 1000

func keyText(key string, indent int) string {
	text := quoted(key, false)
	if len(text) > longKey {
		return "? " + text + "\n" + strings.Repeat(" ", indent) + ":"
	}
	return text + ":"
}

// scalarText is a scalar, or an empty map or list. In a flow, texts may hold
// fewer letters. Texts of several lines are blocks below indent.
func scalarText(v *asset.Value, indent int, flow bool) string {
	switch v.Type() {
	case asset.Null:
		return "null"
	case asset.Bool:
		return strconv.FormatBool(v.Bool())
	case asset.Float:
		return floatText(v.Text())
	case asset.Map:
		return "{}"
	case asset.List:
		return "[]"
	case asset.String:
		if !flow && blockable(v.Str()) {
			return block(v.Str(), indent+2)
		}
		return quoted(v.Str(), flow)
	}
	return v.Text()
}

// floatText is what Python prints, in the form that YAML 1.1 reads as a number.
func floatText(s string) string {
	switch s {
	case "inf", "nan":
		return "." + s
	case "-inf":
		return "-.inf"
	}
	if mantissa, exp, ok := strings.Cut(s, "e"); ok && !strings.Contains(mantissa, ".") {
		return mantissa + ".0e" + exp
	}
	return s
}

// blockable reports whether a text can be a literal block as it is.
func blockable(s string) bool {
	if !strings.Contains(s, "\n") || s[0] == ' ' || s[0] == '\t' || s[0] == '\n' {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && r != '\t' && !plainRune(r) })
}

func block(s string, indent int) string {
	head := "|-"
	body := strings.TrimRight(s, "\n")
	switch extra := len(s) - len(body); {
	case extra == 1:
		head = "|"
	case extra > 1:
		head = "|+"
		body += strings.Repeat("\n", extra-1)
	}
	lead := strings.Repeat(" ", indent)
	var b strings.Builder
	b.WriteString(head)
	for line := range strings.SplitSeq(body, "\n") {
		b.WriteString("\n")
		if line != "" {
			b.WriteString(lead + line)
		}
	}
	return b.String()
}

func plainRune(r rune) bool {
	return r == ' ' || printable(r) && unicode.IsPrint(r) && r != '\ufeff'
}

// other12 are texts that YAML 1.2 reads as something else although 1.1 does
// not, and words that other readers of 1.1 take for booleans.
var other12 = regexp.MustCompile(`^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?` +
	`|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|[yYnN]|[0-9_:.+-]+)$`)

// quoted is a text on one line, in quotes if it needs them.
func quoted(s string, flow bool) string {
	switch {
	case strings.ContainsFunc(s, func(r rune) bool { return !plainRune(r) }) || strings.ContainsRune(s, '\ufffd'):
		return escaped(s)
	case isPlain(s, flow):
		return s
	case strings.ContainsAny(s, `"\`):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return `"` + s + `"`
}

func isPlain(s string, flow bool) bool {
	if s == "" || s[0] == ' ' || s[len(s)-1] == ' ' || s[len(s)-1] == ':' ||
		strings.ContainsRune("!&*%@`|>'\"#,[]{}?:-=<~", rune(s[0])) && !startsPlain(s) ||
		strings.HasPrefix(s, "...") || strings.HasPrefix(s, "---") ||
		strings.Contains(s, ": ") || strings.Contains(s, " #") ||
		flow && strings.ContainsAny(s, ",[]{}:?") || strings.Contains(s, "{{") && !strings.Contains(s, "${{") {
		return false
	}
	if v, err := yaml11.Plain(s); err != nil || v.Type() != asset.String {
		return false
	}
	return !other12.MatchString(s)
}

// startsPlain allows a dash or colon in front of a letter, as in --flag.
func startsPlain(s string) bool {
	return (s[0] == '-' || s[0] == '<') && len(s) > 1 && strings.Trim(s, "-<") != "" && !strings.HasPrefix(s, "- ")
}

// escaped is a text in double quotes with escapes for what cannot be seen.
func escaped(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case plainRune(r):
			b.WriteRune(r)
		case r <= 0xff:
			b.WriteString(`\x` + hex(r, 2))
		case r <= 0xffff:
			b.WriteString(`\u` + hex(r, 4))
		default:
			b.WriteString(`\U` + hex(r, 8))
		}
	}
	b.WriteByte('"')
	return b.String()
}

func hex(r rune, n int) string {
	s := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", n-len(s)) + s
}

// flowText is a value on one line.
func flowText(v *asset.Value) string {
	var parts []string
	switch v.Type() {
	case asset.List:
		for _, item := range v.Items() {
			parts = append(parts, flowText(item))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case asset.Map:
		for k, item := range v.Entries() {
			key := quoted(k, true)
			if len(key) > longKey {
				key = "? " + key + " "
			}
			parts = append(parts, key+": "+flowText(item))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return scalarText(v, 0, true)
}
