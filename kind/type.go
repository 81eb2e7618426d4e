package kind

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// Type is how the value of a field is checked, sent and read. The types of
// this package are the vocabulary of the tables.
type Type interface {
	// Check brings a written value to its normal form. It reports problems to
	// c and returns nil if there is no normal form.
	Check(c *Checker, v *asset.Value) *asset.Value
	// Encode makes the REST form of a resolved value; nil sends nothing.
	Encode(e *Encoder, v *asset.Value) *asset.Value
	// Decode makes the resolved form of a REST value; nil for nothing.
	Decode(d *Decoder, v *asset.Value) *asset.Value
	// Schema is the JSON Schema (draft 2020-12) of the written form.
	Schema() map[string]any
	// Describe names the type in the reference docs.
	Describe() string
}

// Parent is a Type with values of other types inside.
type Parent interface {
	Type
	// Children calls visit for each part of v that has a Type of its own.
	Children(v *asset.Value, visit func(Child))
	// With returns a copy of v in which the part at key is replaced.
	With(v *asset.Value, key string, part *asset.Value) *asset.Value
}

// Child is a part of a value: its key or index, its type and, if it has one,
// its row.
type Child struct {
	Key   string
	Field *Field
	Type  Type
	Value *asset.Value
}

// Equaler is a Type whose normal forms may differ although they mean the same.
type Equaler interface {
	Equal(want, live *asset.Value) bool
}

// Rowed is a Type of maps whose fields depend on what is in them.
type Rowed interface {
	Rows(v *asset.Value) []Field
}

// Veiled is a Type of whose values the service does not give back all.
// Veils reports whether live, as far as it shows, is what want says, and hides
// something: that can be compared with what was applied last only.
type Veiled interface {
	Veils(want, live *asset.Value) bool
}

// Scalars.
type (
	// Str is a text.
	Str struct{}
	// Text is a text that may be written as a number or boolean; its normal
	// form is the text that Python's str() gives.
	Text struct{}
	// Int is a whole number.
	Int struct{}
	// Num is a number.
	Num struct{}
	// Bool is true or false.
	Bool struct{}
	// Any is passed through as it is.
	Any struct{}
	// Fold is a text that the service compares without case (VM sizes).
	Fold struct{}
)

func (Str) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.String {
		c.Badf(v, "wrong_type", quoteHint(v), "want a text, not a %s", v.Type())
		return nil
	}
	return asset.NewString(v.Str())
}
func (Str) Encode(e *Encoder, v *asset.Value) *asset.Value { return e.text(v) }
func (Str) Decode(_ *Decoder, v *asset.Value) *asset.Value { return present(v) }
func (Str) Schema() map[string]any                         { return map[string]any{"type": "string"} }
func (Str) Describe() string                               { return "text" }

func quoteHint(v *asset.Value) string {
	if v.IsScalar() {
		return "put it in quotes: " + strconv.Quote(v.Text())
	}
	return "write one value, in the line of the key"
}

// mapHint is the cure for a map that is none.
const mapHint = "write key: value, one a line, below the key"

// aKind is a kind with its article.
func aKind(k asset.Kind) string {
	if strings.ContainsRune("aeio", rune(k[0])) {
		return "an " + string(k)
	}
	return "a " + string(k)
}

func present(v *asset.Value) *asset.Value {
	if v.IsNull() {
		return nil
	}
	return v
}

func (Text) Check(c *Checker, v *asset.Value) *asset.Value {
	if !v.IsScalar() {
		c.Badf(v, "wrong_type", "", "want a text or a number, not a %s", v.Type())
		return nil
	}
	return asset.NewString(v.Text())
}
func (Text) Encode(e *Encoder, v *asset.Value) *asset.Value { return e.text(v) }
func (Text) Decode(_ *Decoder, v *asset.Value) *asset.Value {
	switch {
	case v.IsNull():
		return nil
	case v.Type() == asset.String:
		return v
	}
	return asset.NewString(v.Text())
}

func (Text) Schema() map[string]any {
	return map[string]any{"type": []any{"string", "number", "boolean"}}
}
func (Text) Describe() string { return "text or number" }

// Check accepts what the reference client does: whole numbers, numbers, whose
// fraction it cuts, and texts of whole numbers.
func (Int) Check(c *Checker, v *asset.Value) *asset.Value {
	if _, ok := v.Int64(); ok {
		return plain(v)
	}
	if f, ok := v.Float64(); ok && !math.IsNaN(f) && !math.IsInf(f, 0) {
		return asset.NewInt(int64(f))
	}
	if i, err := strconv.ParseInt(strings.TrimSpace(v.Str()), 10, 64); err == nil {
		return asset.NewInt(i)
	}
	c.Badf(v, "wrong_type", "write it in digits, such as 3", "want a whole number, not %s", sort(v))
	return nil
}
func (Int) Encode(_ *Encoder, v *asset.Value) *asset.Value { return plain(v) }
func (Int) Decode(_ *Decoder, v *asset.Value) *asset.Value { return decodeNumber(v) }
func (Int) Schema() map[string]any {
	return map[string]any{"anyOf": []any{map[string]any{"type": "integer"}, map[string]any{"type": "string", "pattern": `^\s*[+-]?[0-9]+\s*$`}, map[string]any{"type": "number"}}}
}
func (Int) Describe() string { return "whole number" }

// sort describes a value in a problem.
func sort(v *asset.Value) string {
	if v.IsScalar() {
		return strconv.Quote(v.Text())
	}
	return "a " + v.Type().String()
}

// plain is v without its place.
func plain(v *asset.Value) *asset.Value {
	c := *v
	return c.At(problem.Pos{})
}

// decodeNumber reads a number that the service may return as a text.
func decodeNumber(v *asset.Value) *asset.Value {
	if v.Type() == asset.String {
		if i, err := strconv.ParseInt(v.Str(), 10, 64); err == nil {
			return asset.NewInt(i)
		}
		if f, err := strconv.ParseFloat(v.Str(), 64); err == nil {
			return asset.NewFloat(f)
		}
	}
	return present(v)
}

func (Num) Check(c *Checker, v *asset.Value) *asset.Value {
	if _, ok := v.Float64(); ok {
		return plain(v)
	}
	if f, err := strconv.ParseFloat(strings.TrimSpace(v.Str()), 64); err == nil {
		return asset.NewFloat(f)
	}
	c.Badf(v, "wrong_type", "write it in digits, such as 0.5", "want a number, not %s", sort(v))
	return nil
}
func (Num) Encode(_ *Encoder, v *asset.Value) *asset.Value { return plain(v) }
func (Num) Decode(_ *Decoder, v *asset.Value) *asset.Value { return decodeNumber(v) }
func (Num) Schema() map[string]any {
	return map[string]any{"anyOf": []any{map[string]any{"type": "number"}, map[string]any{"type": "string", "pattern": `^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$`}}}
}
func (Num) Describe() string { return "number" }

var truths = map[string]bool{
	"t": true, "true": true, "on": true, "y": true, "yes": true, "1": true,
	"f": false, "false": false, "off": false, "n": false, "no": false, "0": false,
}

// Check accepts what the reference client does: booleans and the usual words.
func (Bool) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.IsScalar() {
		if b, ok := truths[strings.ToLower(v.Text())]; ok {
			return asset.NewBool(b)
		}
	}
	c.Badf(v, "wrong_type", "write true or false", "want true or false, not %s", sort(v))
	return nil
}
func (Bool) Encode(_ *Encoder, v *asset.Value) *asset.Value { return plain(v) }
func (Bool) Decode(_ *Decoder, v *asset.Value) *asset.Value {
	if b, ok := truths[strings.ToLower(v.Str())]; ok {
		return asset.NewBool(b)
	}
	return present(v)
}

func (Bool) Schema() map[string]any {
	return map[string]any{"anyOf": []any{
		map[string]any{"type": "boolean"},
		map[string]any{"enum": []any{0, 1}},
		map[string]any{"type": "string", "pattern": "^(?i:t|true|on|y|yes|1|f|false|off|n|no|0)$"},
	}}
}
func (Bool) Describe() string { return "true or false" }

func (Any) Check(_ *Checker, v *asset.Value) *asset.Value  { return v }
func (Any) Encode(_ *Encoder, v *asset.Value) *asset.Value { return v }
func (Any) Decode(_ *Decoder, v *asset.Value) *asset.Value { return present(v) }
func (Any) Schema() map[string]any                         { return map[string]any{} }
func (Any) Describe() string                               { return "anything" }

func (Fold) Check(c *Checker, v *asset.Value) *asset.Value  { return Str{}.Check(c, v) }
func (Fold) Encode(e *Encoder, v *asset.Value) *asset.Value { return e.text(v) }
func (Fold) Decode(_ *Decoder, v *asset.Value) *asset.Value { return present(v) }
func (Fold) Schema() map[string]any                         { return Str{}.Schema() }
func (Fold) Describe() string                               { return "text, in any case" }

// Equal compares without case.
func (Fold) Equal(a, b *asset.Value) bool { return strings.EqualFold(a.Text(), b.Text()) }

// Enum is one of a few words. Words maps the YAML spelling, which is the
// normal form, to what is sent.
type Enum struct {
	Words [][2]string
	// Exact takes the words in the table's own spelling only; Caseless in any
	// case, but with the same dashes and underscores.
	Exact, Caseless bool
}

// Exactly makes an Enum of words that are written and sent in one spelling.
func Exactly(words ...string) Enum {
	e := Enum{Exact: true}
	for _, w := range words {
		e.Words = append(e.Words, [2]string{w, w})
	}
	return e
}

// Words makes an Enum of YAML and REST spellings by turns.
func Words(pairs ...string) Enum {
	var e Enum
	for i := 0; i < len(pairs); i += 2 {
		e.Words = append(e.Words, [2]string{pairs[i], pairs[i+1]})
	}
	return e
}

// squash makes spellings comparable: the reference client takes a word in
// snake, camel or kebab spelling and any case.
func squash(s string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '_', '-', ' ':
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

func (e Enum) find(s string) (word [2]string, ok bool) {
	flat := squash(s)
	i := slices.IndexFunc(e.Words, func(w [2]string) bool { return squash(w[0]) == flat || squash(w[1]) == flat })
	if i < 0 {
		return word, false
	}
	return e.Words[i], true
}

func (e Enum) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.IsScalar() {
		if w, ok := e.find(v.Text()); ok && (!e.Exact || w[0] == v.Str()) && (!e.Caseless || strings.EqualFold(w[0], v.Str())) {
			return asset.NewString(w[0])
		}
	}
	hint := problem.DidYouMean(v.Text(), e.names())
	if hint == "" {
		hint = "one of " + strings.Join(e.names(), ", ")
	}
	c.Badf(v, "bad_value", hint, "%s is not a value of this field", sort(v))
	return nil
}

func (e Enum) names() []string {
	var out []string
	for _, w := range e.Words {
		out = append(out, w[0])
	}
	return out
}

func (e Enum) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	if w, ok := e.find(v.Text()); ok {
		return asset.NewString(w[1])
	}
	return plain(v)
}

// Decode keeps words that are not in the table: the service knows more.
func (e Enum) Decode(_ *Decoder, v *asset.Value) *asset.Value {
	if w, ok := e.find(v.Text()); ok {
		return asset.NewString(w[0])
	}
	return present(v)
}

func (e Enum) Schema() map[string]any {
	if e.Exact {
		return map[string]any{"enum": toAny(e.names())}
	}
	if e.Caseless {
		return map[string]any{"type": "string", "pattern": "^(?i:" + strings.Join(e.names(), "|") + ")$", "examples": toAny(e.names())}
	}
	var alts []string
	for _, w := range e.Words {
		alts = append(alts, spellings(w[0]))
		if squash(w[0]) != squash(w[1]) {
			alts = append(alts, spellings(w[1]))
		}
	}
	return map[string]any{"type": []any{"string", "boolean", "number"}, "pattern": "^(?i:" + strings.Join(alts, "|") + ")$", "examples": toAny(e.names())}
}

// spellings is a pattern for every spelling that squash makes equal.
func spellings(word string) string {
	var b strings.Builder
	for i, r := range squash(word) {
		if i > 0 {
			b.WriteString("[-_ ]*")
		}
		b.WriteString(quoteMeta(r))
	}
	return b.String()
}

func quoteMeta(r rune) string {
	if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
		return `\` + string(r)
	}
	return string(r)
}

func toAny(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

func (e Enum) Describe() string { return strings.Join(e.names(), " | ") }
