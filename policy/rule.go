package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/glob"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
)

// decoder reads the documents of policy files.
type decoder struct {
	language *language
	set      *Set
	bad      problem.List
	names    map[string]problem.Pos // of the rules so far
	lines    []string               // of the file that is read
	tooMany  bool
}

// field is one key of a map and how it is read.
type field struct {
	key  string
	need bool
	take func(v *asset.Value)
}

func (d *decoder) badf(v *asset.Value, hint, format string, args ...any) {
	d.bad.Hintf(v.Pos(), CodeFile, hint, format, args...)
}

// object reads a map strictly.
func (d *decoder) object(v *asset.Value, what string, fields []field) {
	if v.Type() != asset.Map {
		d.badf(v, "", "%s is a map, not %s", what, describe(v))
		return
	}
	var known []string
	for _, f := range fields {
		known = append(known, f.key)
		if f.need && v.Get(f.key).IsNull() {
			d.badf(v, "add "+f.key+":", "%s has no %s", what, f.key)
		}
	}
	for key, item := range v.Entries() {
		i := slices.Index(known, key)
		switch {
		case i < 0:
			hint := problem.DidYouMean(key, known)
			if hint == "" {
				hint = "known here: " + strings.Join(known, ", ")
			}
			d.badf(item, hint, "unknown key %q", key)
		case !item.IsNull():
			fields[i].take(item)
		}
	}
}

func describe(v *asset.Value) string {
	if v.IsScalar() {
		return fmt.Sprintf("%q", v.Text())
	}
	return "a " + v.Type().String()
}

func (d *decoder) text(v *asset.Value, to *string) bool {
	switch {
	case v.Type() != asset.String:
		d.badf(v, "put it in quotes", "want a text, not %s", describe(v))
		return false
	case len(v.Str()) > limit.PolicyText:
		d.badf(v, "", "the text has %d bytes, more than %d", len(v.Str()), limit.PolicyText)
		return false
	}
	*to = v.Str()
	return true
}

// document reads one document: a map with the rules.
func (d *decoder) document(doc *asset.Value) {
	d.object(doc, "a file of policies", []field{{"rules", true, func(v *asset.Value) {
		if v.Type() != asset.List {
			d.badf(v, "write a list of rules", "want a list, not %s", describe(v))
			return
		}
		for _, item := range v.Items() {
			if len(d.set.Rules) == limit.PolicyRules {
				if !d.tooMany {
					d.badf(item, "write fewer and wider ones", "there are more than %d rules", limit.PolicyRules)
				}
				d.tooMany = true
				return
			}
			d.rule(item)
		}
	}}})
}

var ruleName = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9._-]{0,99}\z`)

// parts are the values of a rule that are compiled once it is known what it is
// about.
type parts struct{ when, assert, message, match, except *asset.Value }

func (d *decoder) rule(v *asset.Value) {
	r, p := &Rule{Level: Deny, Pos: v.Pos()}, parts{}
	before := len(d.bad)
	keep := func(key string, need bool, to **asset.Value) field {
		return field{key, need, func(v *asset.Value) { *to = v }}
	}
	d.object(v, "a rule", []field{
		{"name", true, func(v *asset.Value) { d.name(v, r) }},
		{"on", true, func(v *asset.Value) {
			d.word(v, (*string)(&r.On), string(OnChange), string(OnRelease), string(OnAsset))
		}},
		keep("match", false, &p.match),
		keep("except", false, &p.except),
		keep("when", false, &p.when),
		keep("assert", true, &p.assert),
		keep("message", false, &p.message),
		{"at", false, func(v *asset.Value) { d.at(v, r) }},
		{"level", false, func(v *asset.Value) { d.word(v, (*string)(&r.Level), string(Deny), string(Warn)) }},
	})
	d.set.Rules = append(d.set.Rules, r) // it counts, sound or not
	if r.On != "" {
		d.compile(r, p)
	}
	if len(d.bad) > before {
		d.set.Rules[len(d.set.Rules)-1] = nil
	}
}

func (d *decoder) name(v *asset.Value, r *Rule) {
	if !d.text(v, &r.Name) {
		return
	}
	if !ruleName.MatchString(r.Name) {
		d.badf(v, "use at most 100 letters, digits, dots, dashes and underscores", "%q cannot be the name of a rule", r.Name)
		return
	}
	if first, twice := d.names[r.Name]; twice {
		d.badf(v, "give it another name", "there is a rule %q already: %s", r.Name, first)
	}
	d.names[r.Name] = v.Pos()
}

func (d *decoder) word(v *asset.Value, to *string, words ...string) {
	if !slices.Contains(words, v.Str()) {
		hint := problem.DidYouMean(v.Text(), words)
		if hint == "" {
			hint = "one of " + strings.Join(words, ", ")
		}
		d.badf(v, hint, "%s is not a value of this key", describe(v))
		return
	}
	*to = v.Str()
}

var dotted = regexp.MustCompile(`\A[^.\s]+(\.[^.\s]+)*\z`)

func (d *decoder) at(v *asset.Value, r *Rule) {
	var text string
	if !d.text(v, &text) {
		return
	}
	if !dotted.MatchString(text) {
		d.badf(v, "", "%q: a field is written like tags.team", text)
		return
	}
	r.At = fieldPath(text)
}

// compile reads what depends on what the rule is about.
func (d *decoder) compile(r *Rule, p parts) {
	if p.match != nil {
		r.Match = d.match(p.match, r.On)
	}
	if p.except != nil {
		if p.except.Type() != asset.List || p.except.Len() > limit.ConfigList {
			d.badf(p.except, "write a list of maps such as match has", "want a list of at most %d maps, not %s", limit.ConfigList, describe(p.except))
		} else {
			for _, item := range p.except.Items() {
				r.Except = append(r.Except, d.match(item, r.On))
			}
		}
	}
	if p.when != nil {
		r.when = d.expression(p.when, "when", r.On)
	}
	if p.assert != nil {
		r.assert = d.expression(p.assert, "assert", r.On)
	}
	if p.message != nil {
		d.message(p.message, r)
	}
	for _, e := range r.expressions() {
		d.set.releases = d.set.releases || e.uses["release"] || e.uses["releases"]
	}
	d.set.releases = d.set.releases || r.On == OnRelease
}

func (r *Rule) expressions() []*expression {
	var out []*expression
	for _, e := range []*expression{r.when, r.assert} {
		if e != nil {
			out = append(out, e)
		}
	}
	for _, s := range r.message {
		if s.expr != nil {
			out = append(out, s.expr)
		}
	}
	return out
}

func (d *decoder) match(v *asset.Value, on On) Match {
	var m Match
	fields := []field{
		{"name", false, func(v *asset.Value) { m.Names = d.texts(v, badGlob) }},
		{"target", false, func(v *asset.Value) { m.Targets = d.texts(v, badGlob) }},
	}
	if on != OnRelease {
		fields = append(fields, field{"kind", false, func(v *asset.Value) { m.Kinds = d.texts(v, oneOf(kinds())) }})
	}
	if on == OnChange {
		fields = append(fields, field{"action", false, func(v *asset.Value) { m.Actions = d.texts(v, oneOf(actions)) }})
	}
	d.object(v, "a match", fields)
	return m
}

// texts reads a text or a list of texts in which check finds nothing wrong.
func (d *decoder) texts(v *asset.Value, check func(string) (bad, hint string)) []string {
	items := v.Items()
	if v.Type() != asset.List {
		items = []*asset.Value{v}
	}
	if len(items) == 0 || len(items) > limit.ConfigList {
		d.badf(v, "", "want 1 to %d entries, not %d", limit.ConfigList, len(items))
		return nil
	}
	var out []string
	for _, item := range items {
		var text string
		if !d.text(item, &text) {
			continue
		}
		if bad, hint := check(text); bad != "" {
			d.badf(item, hint, "%q: %s", text, bad)
			continue
		}
		out = append(out, text)
	}
	return out
}

func badGlob(s string) (bad, hint string) {
	switch {
	case s == "":
		return "an empty glob matches nothing", "leave the key out, or write *"
	case len(s) > limit.Pattern:
		return fmt.Sprintf("a glob has at most %d bytes", limit.Pattern), ""
	}
	return glob.Bad(s), ""
}

// actions are those that a change can have.
var actions = []string{
	string(plan.Create), string(plan.NewVersion), string(plan.Update), string(plan.Replace),
	string(plan.Archive), string(plan.Delete), string(plan.Orphan), string(plan.Adopt),
}

func kinds() []string {
	var out []string
	for _, t := range kind.All() {
		out = append(out, string(t.Kind))
	}
	return out
}

func oneOf(words []string) func(string) (bad, hint string) {
	return func(s string) (bad, hint string) {
		if slices.Contains(words, s) {
			return "", ""
		}
		if hint = problem.DidYouMean(s, words); hint == "" {
			hint = "one of " + strings.Join(words, ", ")
		}
		return "it is not known here", hint
	}
}

// expression compiles a condition.
func (d *decoder) expression(v *asset.Value, key string, on On) *expression {
	var text string
	if v.Type() == asset.Bool {
		d.badf(v, "write an expression over the variables", "%s: %s alone is no condition", key, v.Text())
		return nil
	}
	if !d.text(v, &text) {
		return nil
	}
	e, bad := d.language.compile(on, text, types.BoolType)
	for _, m := range bad {
		d.bad.Hintf(place(d.lines, v, m.line, m.col), CodeFile, m.hint, "%s: %s", key, m.text)
	}
	return e
}

// message compiles the expressions of a message.
func (d *decoder) message(v *asset.Value, r *Rule) {
	var text string
	if !d.text(v, &text) {
		return
	}
	at := func(offset int) (line, col int) {
		before := text[:offset]
		return 1 + strings.Count(before, "\n"), utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	}
	pieces, bad, where := split(text)
	if bad != "" {
		line, col := at(where)
		d.bad.Hintf(place(d.lines, v, line, col), CodeFile, "", "message: %s", bad)
		return
	}
	for _, p := range pieces {
		if !p.expr {
			r.message = append(r.message, segment{text: p.text})
			continue
		}
		e, wrong := d.language.compile(r.On, p.text, types.DynType)
		for _, m := range wrong {
			line, col := at(p.at)
			if m.line == 1 {
				m.col += col
			}
			d.bad.Hintf(place(d.lines, v, line+m.line-1, m.col), CodeFile, m.hint, "message: {%s}: %s", p.text, m.text)
		}
		if e != nil {
			r.message = append(r.message, segment{expr: e})
		}
	}
}
