package policy

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// segment is a part of a message: text as it stands or an expression.
type segment struct {
	text string
	expr *expression
}

// piece is a segment before it is compiled; at is where it begins in the
// message, in bytes.
type piece struct {
	text string
	expr bool
	at   int
}

// split takes a message apart: {EXPRESSION} is an expression, {{ and }} are
// braces. bad says what is wrong, and where in bytes.
func split(message string) (pieces []piece, bad string, at int) {
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			pieces = append(pieces, piece{text: text.String()})
			text.Reset()
		}
	}
	for i := 0; i < len(message); i++ {
		c := message[i]
		twice := i+1 < len(message) && message[i+1] == c
		switch {
		case (c == '{' || c == '}') && twice:
			text.WriteByte(c)
			i++
		case c == '}':
			return nil, "a } without a {: write }} for a brace", i
		case c == '{':
			end := strings.IndexAny(message[i+1:], "{}")
			if end < 0 || message[i+1+end] != '}' {
				return nil, "a { without a }: write {{ for a brace", i
			}
			flush()
			pieces = append(pieces, piece{text: message[i+1 : i+1+end], expr: true, at: i + 1})
			i += end + 1
		default:
			text.WriteByte(c)
		}
	}
	flush()
	return pieces, "", 0
}

// most is how many letters of one value a message shows.
const most = 200

// say is the message of a rule about a subject, and what it cost. An expression
// that cannot be evaluated stands there as it is: the rule was broken anyway.
func (r *Rule) say(vars map[string]any) (string, uint64) {
	if len(r.message) == 0 {
		return "it must be that " + strings.Join(strings.Fields(r.assert.text), " "), 0
	}
	var b strings.Builder
	var total uint64
	for _, s := range r.message {
		if s.expr == nil {
			b.WriteString(s.text)
			continue
		}
		out, cost, err := s.expr.eval(vars)
		total += cost
		if err != nil {
			b.WriteString("{" + s.expr.text + "}")
			continue
		}
		b.WriteString(show(out))
	}
	return strings.Join(strings.Fields(b.String()), " "), total
}

// show is a value as a message says it.
func show(v ref.Val) string {
	text := ""
	switch v := v.(type) {
	case types.String:
		text = string(v)
	case types.Bool, types.Int, types.Uint, types.Double:
		text = fmt.Sprint(v.Value())
	case types.Null:
		text = "nothing"
	default:
		text = types.Format(v)
	}
	if utf8.RuneCountInString(text) > most {
		text = text[:bytesOf(text, most)] + "…"
	}
	return text
}
