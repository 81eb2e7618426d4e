package plan

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
)

// Budget is how many characters the comment of a pull request may have; hosts
// refuse more than 65,536.
const Budget = 60_000

// detail is how much a comment says, from all to the counts alone. It is
// given up in this order until the comment fits.
type detail int

const (
	everything  detail = iota
	noContext          // texts without unchanged lines
	newNames           // new assets by name only
	fieldNames         // changes by the names of the fields
	directories        // counts a directory
	totals             // counts a kind
)

// leftOut says what each detail leaves out.
var leftOut = map[detail]string{
	noContext:   "unchanged lines",
	newNames:    "unchanged lines and the content of new assets",
	fieldNames:  "the content of new assets and the values of fields",
	directories: "the assets themselves; they are counted by directory",
	totals:      "the assets themselves; they are counted by kind",
}

// Markdown is the plan as the comment of a pull request, of at most budget
// characters: it gives up detail, says what it left out, and never cuts in the
// middle. Text of assets stands in code spans and fences only, where neither
// markdown nor mentions work. The first line is a hidden marker by which the
// comment is found again, the second the verdict.
func Markdown(p *Plan, budget int) string {
	m := markdown{p: p, groups: groups(p.Steps), digest: shortDigest(p.Digest())}
	var text string
	for _, rows := range []int{100, 20, 5} {
		for d := everything; d <= totals; d++ {
			m.rows, m.detail = rows, d
			if text = m.render(); utf8.RuneCountInString(text) <= budget {
				return text
			}
		}
	}
	m.rows = 0
	if text = m.render(); utf8.RuneCountInString(text) <= budget {
		return text
	}
	return m.head()
}

type markdown struct {
	p      *Plan
	groups []group
	digest string
	detail detail
	// rows bounds the tables and lists.
	rows int
	out  strings.Builder
}

func (m *markdown) printf(format string, args ...any) { fmt.Fprintf(&m.out, format, args...) }

func (m *markdown) render() string {
	m.out.Reset()
	m.out.WriteString(m.head())
	m.dangers()
	for _, k := range m.kinds() {
		m.kind(k)
	}
	m.drift()
	m.rollouts()
	m.problems()
	if text := leftOut[m.detail]; text != "" {
		m.printf("Left out for length: %s. The artifact of the plan holds them.\n\n", text)
	}
	m.foot()
	return m.out.String()
}

// head is the marker and the verdict.
func (m *markdown) head() string {
	marker := strings.NewReplacer("--", "- -", ">", "", "\n", " ").Replace(clean(m.p.Target.Name))
	waits := ""
	if n := len(m.p.needed()); n > 0 {
		waits = fmt.Sprintf(", **%d %s needed**", n, plural(n, "approval is", "approvals are"))
	}
	if n := len(m.p.Problems.Errors()); n > 0 {
		waits += fmt.Sprintf(", **%d %s in the tree**", n, plural(n, "problem", "problems"))
	}
	if !m.p.Complete() {
		waits += ", **not everything could be read**"
	}
	return fmt.Sprintf("<!-- mlsync:plan:%s -->\nmlsync %s: %s%s — plan %s\n\n", marker, code(m.p.Target.Name), verdict(m.p), waits, m.digest)
}

// CodeSpan is a text of others, cut to so many letters, as a code span, in which
// neither Markdown nor mentions, links or HTML work, fit for a table too.
func CodeSpan(s string, most int) string { return code(elide(s, most)) }

// Verdict is what the plan does, in a few words.
func (p *Plan) Verdict() string { return verdict(p) }

// code is a code span that holds s whatever it is, fit for a table too.
func code(s string) string {
	s = strings.ReplaceAll(clean(s), "|", "¦")
	if s == "" {
		return ""
	}
	fence := strings.Repeat("`", longest(s)+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}

// longest is the length of the longest run of backticks.
func longest(s string) int {
	most, n := 0, 0
	for _, r := range s {
		if n++; r != '`' {
			n = 0
		}
		most = max(most, n)
	}
	return most
}

// danger says why a step belongs into the table of what to look at; "" if it does not.
func (m *markdown) danger(g group) string {
	switch {
	case g.Action == Blocked, g.Action == Unknown:
		return string(g.Action)
	case g.Action == Replace, g.Action == Delete, m.p.Refused(g.Step), g.Key.Part != "" && g.Action.Writes():
		word := actionWords[string(g.Action)]
		if g.Key.Part != "" {
			word = "traffic"
		}
		if m.p.Refused(g.Step) {
			word += ", **needs approval**"
		}
		return word
	}
	return ""
}

func (m *markdown) dangers() {
	n := 0
	for _, g := range m.groups {
		word := m.danger(g)
		if word == "" {
			continue
		}
		if n++; n > m.rows {
			continue
		}
		if n == 1 {
			m.printf("| | asset | why |\n|---|---|---|\n")
		}
		why := g.Why
		if g.Blocked != "" {
			why = g.Blocked
		}
		if g.Needs != "" && m.p.Refused(g.Step) {
			why += " (--allow " + g.Needs + ")"
		}
		m.printf("| %s | %s | %s |\n", word, code(elide(g.title(), 200)), code(elide(why, 300)))
	}
	m.more(n)
}

// more ends a table or list of n entries.
func (m *markdown) more(n int) {
	switch {
	case n > m.rows:
		m.printf("\nand %d more of this sort, left out for length.\n\n", n-m.rows)
	case n > 0:
		m.printf("\n")
	}
}

// changing are the groups of a kind that are shown.
func (m *markdown) changing(k asset.Kind) []group {
	var out []group
	for _, g := range m.groups {
		if g.Key.ID.Kind == k && g.Action != NoOp {
			out = append(out, g)
		}
	}
	return out
}

func (m *markdown) kinds() []asset.Kind {
	set := map[asset.Kind]bool{}
	for _, g := range m.groups {
		if g.Action != NoOp {
			set[g.Key.ID.Kind] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func (m *markdown) kind(k asset.Kind) {
	list := m.changing(k)
	n := map[string]int{}
	for _, g := range list {
		n[string(g.Action)] += max(1, len(g.versions))
	}
	title := fmt.Sprintf("%s: %s", k, strings.Join(counts(n), ", "))
	if m.detail == totals {
		m.printf("%s\n\n", title)
		return
	}
	m.printf("<details><summary>%s</summary>\n\n", title)
	if m.detail == directories {
		m.directories(list)
	} else {
		m.block(list)
	}
	m.printf("</details>\n\n")
}

// directories counts the assets of each directory.
func (m *markdown) directories(list []group) {
	byDir := map[string]map[string]int{}
	for _, g := range list {
		dir := path.Dir(g.Source.File)
		if byDir[dir] == nil {
			byDir[dir] = map[string]int{}
		}
		byDir[dir][string(g.Action)] += max(1, len(g.versions))
	}
	n := 0
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		if n++; n <= m.rows {
			m.printf("- %s: %s\n", code(elide(dir, 100)+"/"), strings.Join(counts(byDir[dir]), ", "))
		}
	}
	m.more(n)
}

// block is a fence with the assets of one kind.
func (m *markdown) block(list []group) {
	var b strings.Builder
	for _, g := range list {
		m.item(&b, g)
	}
	fence := strings.Repeat("`", max(3, longest(b.String())+1))
	m.printf("%sdiff\n%s%s\n\n", fence, b.String(), fence)
}

// signs are the first letters of headlines, which a diff fence colours.
var signs = map[Action]string{Create: "+", NewVersion: "!", Update: "!", Replace: "-", Archive: "-", Delete: "-", Orphan: "#", Adopt: "#", Blocked: "!", Unknown: "!"}

func (m *markdown) item(b *strings.Builder, g group) {
	fmt.Fprintf(b, "%s %s  %s", signs[g.Action], g.title(), elide(m.p.says(g), 300))
	if src := place(g.Source); src != "" {
		fmt.Fprintf(b, "  (%s)", src)
	}
	b.WriteString("\n")
	switch {
	case g.Action == Create && m.detail < newNames && g.Want != nil && len(g.Changes) == 0:
		for k, v := range g.Want.Body.Entries() {
			fmt.Fprintf(b, "+   %s: %s\n", clean(k), elide(shown(v), 120))
		}
	case m.detail >= fieldNames:
		var names []string
		for _, ch := range g.Changes {
			names = append(names, clean(ch.Dotted()))
		}
		if len(names) > 0 {
			fmt.Fprintf(b, "    %s\n", elide(strings.Join(names, ", "), 300))
		}
	default:
		for _, ch := range g.Changes {
			m.change(b, ch, g.Want)
		}
	}
}

func (m *markdown) change(b *strings.Builder, ch diff.Change, want *asset.Asset) {
	name := clean(ch.Dotted())
	if r := m.p.Target.remark(ch, want); r != "" {
		fmt.Fprintf(b, "@@ %s %s @@\n", name, r)
	} else {
		fmt.Fprintf(b, "@@ %s @@\n", name)
	}
	const limit = 120
	switch inner := parts(ch.Live, ch.Want, limit); {
	case ch.Secret:
		b.WriteString("!   secret changed\n")
	case multiline(ch.Live) || multiline(ch.Want):
		context := 2
		if m.detail >= noContext {
			context = 0
		}
		for _, l := range lines(ch.Live.Str(), ch.Want.Str(), context) {
			fmt.Fprintf(b, "%s\n", strings.TrimRight(fmt.Sprintf("%c   %s", l.sign, elide(clean(l.text), 2*limit)), " "))
		}
	case len(inner) > 0:
		for _, text := range inner {
			fmt.Fprintf(b, "!   %s\n", elide(text, 4*limit))
		}
	default:
		before, after := pair(shown(ch.Live), shown(ch.Want), limit)
		if !ch.Live.IsNull() {
			fmt.Fprintf(b, "-   %s\n", before)
		}
		if !ch.Want.IsNull() {
			fmt.Fprintf(b, "+   %s\n", after)
		}
	}
}

func (m *markdown) drift() {
	if len(m.p.Drift) == 0 {
		return
	}
	m.printf("**Drift** (changed outside git):\n\n")
	for i, d := range m.p.Drift {
		if i >= m.rows {
			break
		}
		what := "reported only"
		if d.Revert {
			what = "will be reverted"
		}
		if d.Held != "" {
			what = "**left**: " + d.Held
		}
		m.printf("- %s, %s: %s\n", code(d.ID.String()), what, code(elide(driftText(d), 300)))
	}
	m.more(len(m.p.Drift))
}

func (m *markdown) problems() {
	var list []string
	for _, x := range m.p.Problems {
		list = append(list, fmt.Sprintf("- %s: %s", x.Severity, code(elide(x.Pos.String()+" "+x.Text, 300))))
		if x.Hint != "" {
			list[len(list)-1] += ": " + code(elide(x.Hint, 200))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(m.p.Observed.Partial)) {
		list = append(list, fmt.Sprintf("- error: %s", code(elide(string(k)+" could not be read: "+m.p.Observed.Partial[k], 300))))
	}
	if len(list) == 0 {
		return
	}
	m.printf("**Problems:**\n\n%s\n", strings.Join(list[:min(len(list), m.rows)], "\n"))
	m.more(len(list))
}

func (m *markdown) foot() {
	var out []string
	if c := m.p.Source.Commit; c != "" {
		out = append(out, "commit "+code(short(c)))
	}
	if o := m.p.Observed; !o.At.IsZero() {
		out = append(out, fmt.Sprintf("live read %s, %d assets in %d requests", o.At.UTC().Format("2006-01-02 15:04:05Z"), o.Assets, o.Requests))
	}
	if needs := m.p.needed(); len(needs) > 0 && len(needs) <= 10 {
		for i, n := range needs {
			needs[i] = code("--allow " + n)
		}
		out = append(out, "approve with "+strings.Join(needs, " "))
	}
	m.printf("%s\n", strings.Join(out, " · "))
}
