package kind

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"

	"mlsync.dev/mlsync/asset"
)

// pythonRepr is the text that Python's repr() makes of a value: what the
// reference client sends where the service wants a text and the file has a map.
func pythonRepr(v *asset.Value) string {
	if v.Type() == asset.Null {
		return "None"
	}
	return pythonNotation(v, pythonQuote, pythonRepr)
}

// pythonNotation writes lists and maps as Python does in either notation: quote
// writes a text, and item a value inside.
func pythonNotation(v *asset.Value, quote func(string) string, item func(*asset.Value) string) string {
	var parts []string
	switch v.Type() {
	case asset.String, asset.Time:
		return quote(v.Text())
	case asset.List:
		for _, inner := range v.Items() {
			parts = append(parts, item(inner))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case asset.Map:
		for k, inner := range v.Entries() {
			parts = append(parts, quote(k)+": "+item(inner))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return v.Text()
}

func pythonQuote(s string) string {
	quote := byte('\'')
	if strings.Contains(s, "'") && !strings.Contains(s, `"`) {
		quote = '"'
	}
	var b strings.Builder
	b.WriteByte(quote)
	for _, r := range s {
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\\' || r == rune(quote):
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r < 0x100:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r < 0x10000:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
	}
	b.WriteByte(quote)
	return b.String()
}

// pythonJSON is the text that Python's json.dumps() makes of a value.
func pythonJSON(v *asset.Value) string {
	switch v.Type() {
	case asset.Null, asset.Bool:
		return string(v.Canonical())
	}
	return pythonNotation(v, jsonQuote, pythonJSON)
}

// jsonQuote writes what is not ASCII as escapes.
func jsonQuote(s string) string {
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
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\f':
			b.WriteString(`\f`)
		case r >= ' ' && r <= '~':
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

var (
	camelWord = regexp.MustCompile(`(.)([A-Z][a-z]+)`)
	camelEdge = regexp.MustCompile(`([a-z0-9])([A-Z])`)
)

// snakeWord is a word in camel case in snake case, as the reference client
// makes it: AzureOpenAI is azure_open_ai, and azureopenai stays.
func snakeWord(s string) string {
	return strings.ToLower(camelEdge.ReplaceAllString(camelWord.ReplaceAllString(s, "${1}_${2}"), "${1}_${2}"))
}
