package plan

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
)

// Style is how a plan is printed for people.
type Style struct {
	Color bool
	// Width is that of the terminal in letters; 0 for no limit.
	Width int
	// Verbose 1 shows what stays as it is, resource ids, what a step waits
	// for, differences that are not acted on, and what the symbols mean.
	Verbose int
	// Unicode allows symbols beyond ASCII.
	Unicode bool
	// NoTime leaves out when the workspace was read, so that equal plans are
	// equal texts.
	NoTime bool
}

// colors of the actions.
var colors = map[Action]string{
	Create: "32", NewVersion: "36", Update: "33", Replace: "35;1", Archive: "31", Delete: "31;1", Orphan: "90",
	Adopt: "34", Blocked: "31;1", Unknown: "35", NoOp: "90",
}

// Human prints the plan for people: a headline an asset, then what changes,
// then why and where, in the order of doing.
func Human(w io.Writer, p *Plan, s Style) error {
	h := &human{Style: s, p: p}
	h.header()
	h.steps()
	h.drift()
	h.rollouts()
	h.problems()
	h.footer()
	text := h.out.Bytes()
	if !s.Unicode {
		text = bytes.ReplaceAll(text, []byte("…"), []byte("..."))
	}
	_, err := w.Write(text)
	return err
}

type human struct {
	Style
	p   *Plan
	out bytes.Buffer
}

func (h *human) printf(format string, args ...any) { fmt.Fprintf(&h.out, format, args...) }

func (h *human) paint(code, text string) string {
	if !h.Color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (h *human) symbol(a Action) string {
	if h.Unicode {
		return symbols[a][0]
	}
	return fmt.Sprintf("%-3s", symbols[a][1])
}

func (h *human) header() {
	o := h.p.Observed
	facts := []string{clean(h.p.Target.scope().String())}
	if c := h.p.Source.Commit; c != "" {
		repo := "repo " + clean(short(c))
		if h.p.Source.Dirty {
			repo += " with local changes"
		}
		facts = append(facts, repo)
	}
	if !o.At.IsZero() && !h.NoTime {
		facts = append(facts, "live read "+o.At.UTC().Format("15:04:05"))
	}
	facts = append(facts, fmt.Sprintf("%d assets in %d requests", o.Assets, o.Requests))
	if o.Known > 0 {
		facts = append(facts, fmt.Sprintf("%d more known from the journal", o.Known))
	}
	h.printf("Plan for target %s  (%s)\n\n", h.paint("1", clean(h.p.Target.Name)), strings.Join(facts, ", "))
	if h.Verbose > 0 {
		h.printf(legend+"\n\n", strings.TrimSpace(h.symbol(Replace)))
	}
}

func (h *human) steps() {
	var list []group
	wide := 0
	worked := map[asset.ID]bool{}
	for _, s := range h.p.Steps {
		worked[s.Key.ID] = worked[s.Key.ID] || s.Key.Part != ""
	}
	for _, g := range groups(h.p.Steps) {
		if g.Action == NoOp && (h.Verbose == 0 || worked[g.Key.ID]) {
			continue
		}
		list = append(list, g)
		wide = max(wide, min(42, utf8.RuneCountInString(g.title())))
	}
	for _, g := range list {
		h.headline(g, wide)
		h.fields(g.Step)
		h.details(g.Step)
	}
	if len(list) > 0 {
		h.printf("\n")
	}
}

// headline prints symbol, identity, what happens, and where it is written: on
// a line of its own if the terminal is too narrow.
func (h *human) headline(g group, wide int) {
	title, says, source := g.title(), h.p.says(g), place(g.Source)
	line := fmt.Sprintf(" %s %s", h.symbol(g.Action), title)
	painted := " " + h.paint(colors[g.Action], h.symbol(g.Action)+" "+title)
	gap := strings.Repeat(" ", max(0, wide-utf8.RuneCountInString(title))+2)
	h.printf("%s%s%s", painted, gap, says)
	if source != "" {
		used := utf8.RuneCountInString(line + gap + says)
		if h.Width > 0 && used+4+len(source) > h.Width {
			h.printf("\n     %s", h.paint("90", "in "+source))
		} else {
			h.printf("    %s", h.paint("90", source))
		}
	}
	h.printf("\n")
}

func (h *human) fields(s Step) {
	wide := 0
	var list []diff.Change
	for _, ch := range s.Changes {
		if ch.Ignored != "" && h.Verbose == 0 && s.Action != Adopt {
			continue
		}
		list = append(list, ch)
		wide = max(wide, min(30, utf8.RuneCountInString(clean(ch.Dotted()))))
	}
	limit := 60
	if h.Width > 0 {
		limit = min(limit, max(16, (h.Width-wide-12)/2))
	}
	for _, ch := range list {
		name := clean(ch.Dotted())
		h.printf("     %s%s ", name, strings.Repeat(" ", max(0, wide-utf8.RuneCountInString(name))))
		h.value(ch, limit)
		if r := h.p.Target.remark(ch, s.Want); r != "" {
			h.printf("  %s", h.paint("90", r))
		}
		h.printf("\n")
		if !ch.Secret && (multiline(ch.Live) || multiline(ch.Want)) {
			h.text(ch, limit)
		}
	}
}

// value prints a change on one line.
func (h *human) value(ch diff.Change, limit int) {
	switch {
	case ch.Secret:
		h.printf("secret changed")
	case multiline(ch.Live) || multiline(ch.Want):
		h.printf("text changed:")
	default:
		inner := parts(ch.Live, ch.Want, limit)
		const most = 8
		if more := len(inner) - most; more > 0 {
			inner = append(inner[:most:most], fmt.Sprintf("and %d more", more))
		}
		if len(inner) > 0 {
			h.printf("%s", strings.Join(inner, ";  "))
			return
		}
		before, after := pair(shown(ch.Live), shortRef(shown(ch.Live), shown(ch.Want)), limit)
		h.printf("%s -> %s", before, after)
	}
}

// text prints a change of a text of several lines.
func (h *human) text(ch diff.Change, limit int) {
	for _, l := range lines(ch.Live.Str(), ch.Want.Str(), 2) {
		text := strings.TrimRight(fmt.Sprintf("%c %s", l.sign, elide(clean(l.text), max(limit, 2*limit))), " ")
		switch l.sign {
		case '+':
			text = h.paint("32", text)
		case '-':
			text = h.paint("31", text)
		}
		h.printf("       %s\n", text)
	}
}

func (h *human) details(s Step) {
	if h.Verbose == 0 {
		return
	}
	if len(s.Requires) > 0 {
		var keys []string
		for _, k := range s.Requires {
			keys = append(keys, clean(k.String()))
		}
		h.printf("     %s\n", h.paint("90", "after "+strings.Join(keys, ", ")))
	}
	if s.ARM != "" && s.Action != NoOp {
		h.printf("     %s\n", h.paint("90", clean(s.ARM)))
	}
}

func (h *human) drift() {
	for _, d := range h.p.Drift {
		what := "is reported only"
		if d.Revert {
			what = "will be reverted"
		}
		if d.Held != "" {
			what = "LEFT: " + d.Held
		}
		h.printf("Drift (changed outside git, %s): %s %s\n", what, clean(d.ID.String()), driftText(d))
	}
	if len(h.p.Drift) > 0 {
		h.printf("\n")
	}
}

// driftText says what drifted, by whom and when.
func driftText(d Drift) string {
	var out []string
	for _, ch := range d.Changes {
		if ch.Secret {
			out = append(out, clean(ch.Dotted())+" (secret)")
			continue
		}
		live, want := pair(shown(ch.Live), shown(ch.Want), 60)
		out = append(out, fmt.Sprintf("%s %s -> git %s", clean(ch.Dotted()), live, want))
	}
	text := strings.Join(out, ", ")
	if len(d.Paths) == 0 {
		text = "was deleted"
	}
	if d.By != "" {
		text += ", by " + clean(d.By)
	}
	if d.At != "" {
		text += " at " + clean(d.At)
	}
	return text
}

func (h *human) problems() {
	for _, x := range h.p.Problems {
		color := "31"
		if x.Severity != "error" {
			color = "33"
		}
		h.printf("%s\n", h.paint(color, clean(x.String())))
	}
	for _, k := range slices.Sorted(maps.Keys(h.p.Observed.Partial)) {
		h.printf("%s\n", h.paint("31", fmt.Sprintf("%s could not be read: %s", clean(string(k)), clean(h.p.Observed.Partial[k]))))
	}
	if len(h.p.Problems)+len(h.p.Observed.Partial) > 0 {
		h.printf("\n")
	}
}

func (h *human) footer() {
	h.printf("%s\n", verdict(h.p))
	h.printf("Plan digest %s.", shortDigest(h.p.Digest()))
	switch {
	case len(h.p.Problems.Errors()) > 0:
		h.printf("  Nothing can be applied before the problems are solved.")
	case len(h.p.Work()) > 0:
		h.printf("  Apply with: mlsync apply")
	}
	for _, need := range h.p.needed() {
		h.printf("\nGuard: needs --allow %s", clean(need))
	}
	h.printf("\n")
}

// verdict is the summary as a sentence. It never says that nothing changes if
// not everything was read.
func verdict(p *Plan) string {
	s := p.Summary()
	parts := []string{strings.Join(counts(s), ", ")}
	switch {
	case parts[0] != "":
	case p.Complete() && p.Unfinished():
		parts[0] = "No changes now, and a rollout is not finished"
	case p.Complete():
		parts[0] = "No changes"
	default:
		parts[0] = "Not everything could be read"
	}
	if n := s["noop"]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d unchanged", n))
	}
	if n := s["kept"]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d gone from git and kept", n))
	}
	if n := s["unmanaged"]; n > 0 {
		parts = append(parts, fmt.Sprintf("%d unmanaged", n))
	}
	return strings.Join(parts, "; ")
}
