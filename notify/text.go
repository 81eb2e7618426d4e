package notify

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"mlsync.dev/mlsync/internal/limit"
)

// Plain is a text of others on one line: what cannot be seen, or changes how
// what is beside it is seen, is spelled out, and what is too long is cut.
func Plain(s string) string {
	var b strings.Builder
	for _, r := range s {
		part := string(r)
		switch {
		case r == '\n', r == '\r', r == '\t', r == '\u2028', r == '\u2029', r == '\u0085':
			part = " "
		case r == utf8.RuneError || !unicode.IsPrint(r) && r != ' ':
			// Controls, and format characters such as those that turn the
			// direction of writing or join letters without a width.
			part = fmt.Sprintf("\\u{%04x}", r)
		}
		if b.Len()+len(part) > limit.NotifyText-len(cut) {
			return b.String() + cut
		}
		b.WriteString(part)
	}
	return b.String()
}

const cut = "…"

// short cuts a text to so many characters.
func short(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + cut
}
