package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/internal/problem"
)

// symbols of the actions, and their spelling where only ASCII may be printed.
// A symbol never stands alone: the headline says the action in words.
var symbols = map[Action][2]string{
	Create: {"+", "+"}, NewVersion: {"^", "^"}, Update: {"~", "~"}, Replace: {"±", "-/+"}, Archive: {"x", "x"}, Delete: {"-", "-"},
	Orphan: {"o", "o"}, Adopt: {"?", "?"}, Blocked: {"!", "!"}, Unknown: {"?", "?"}, NoOp: {"=", "="},
}

// legend explains the symbols.
const legend = "+ create, ^ new version, ~ update, %s replace, x archive, - delete, o forget, ? adopt or unknown, ! blocked, = unchanged"

// actionWords are the actions in words, as counts and headlines say them.
var actionWords = map[string]string{
	"create": "create", "new_version": "new version", "update": "update", "replace": "replace", "archive": "archive",
	"delete": "delete", "orphan": "forget", "adopt": "adopt", "blocked": "blocked", "unknown": "unknown",
}

// counts are the counts that are not 0, but those of assets that stay as they are.
func counts(summary map[string]int) []string {
	var out []string
	for _, k := range summaryKeys {
		if n := summary[k]; n > 0 && actionWords[k] != "" {
			out = append(out, fmt.Sprintf("%d %s", n, actionWords[k]))
		}
	}
	return out
}

// clean makes text of others harmless on a terminal and in a comment: control
// characters, escapes, line ends, invisible characters and those that turn the
// direction of writing are spelled out.
func clean(s string) string {
	if !strings.ContainsFunc(s, hostile) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for len(s) > 0 {
		r, n := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		case !hostile(r):
			b.WriteRune(r)
		default:
			q := strconv.QuoteRuneToASCII(r)
			b.WriteString(q[1 : len(q)-1])
		}
		s = s[n:]
	}
	return b.String()
}

func hostile(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Co, r)
}

// elide shortens s to n letters by leaving out its middle.
func elide(s string, n int) string {
	r := []rune(s)
	if len(r) <= n || n < 3 {
		return s
	}
	head := (n - 1) / 2
	return string(r[:head]) + "…" + string(r[len(r)-(n-1-head):])
}

// shown is a value on one line.
func shown(v *asset.Value) string {
	switch {
	case v.IsNull():
		return "(none)"
	case v.Type() == asset.String && v.Str() == "":
		return `""`
	case v.Type() == asset.String:
		return clean(v.Str())
	}
	return clean(string(v.Canonical()))
}

// pair is a before and after on one line each, without what they have in
// common where they are long.
func pair(before, after string, limit int) (string, string) {
	if len(before) > limit || len(after) > limit {
		n := 0
		for n < len(before) && n < len(after) && before[n] == after[n] {
			n++
		}
		if cut := strings.LastIndexAny(before[:n], "/:"); cut > 8 {
			before, after = "…"+before[cut:], "…"+after[cut:]
		}
	}
	return elide(before, limit), elide(after, limit)
}

// references of one name show the version alone on the right.
func shortRef(before, after string) string {
	b, a := strings.LastIndex(before, ":"), strings.LastIndex(after, ":")
	if b == a && b > len("azureml:") && strings.HasPrefix(before, "azureml:") && before[:b] == after[:a] {
		return after[a:]
	}
	return after
}

// remark says in words why a field changes, where the file alone does not.
func (t Target) remark(ch diff.Change, want *asset.Asset) string {
	var out []string
	switch ch.Reason {
	case diff.Drift:
		out = append(out, "drift")
	case diff.Default:
		out = append(out, "no longer in git")
	case diff.Reference:
		target := "what it refers to"
		if name, ok := strings.CutPrefix(ch.Want.Str(), "azureml:"); ok && want != nil {
			for _, r := range references(t.scope(), want) {
				if r.path == ch.Dotted() {
					name = r.to.String()
				}
			}
			target = clean(name)
		}
		out = append(out, "because "+target+" is new")
	default:
	}
	if ch.Diverged {
		out = append(out, "live was changed as well, which is lost")
	}
	if ch.Ignored != "" {
		out = append(out, clean(ch.Ignored))
	}
	if len(out) == 0 {
		return ""
	}
	return "(" + strings.Join(out, "; ") + ")"
}

// group are steps that are shown as one: removals of versions of one name.
type group struct {
	Step
	versions []string
}

// groups joins removals of versions of one name that are alike, at the place
// of the first.
func groups(steps []Step) []group {
	type like struct {
		id     asset.ID
		action Action
		why    string
		needs  string
	}
	at := map[like]int{}
	var out []group
	for _, s := range steps {
		key := like{s.Key.ID.Container(), s.Action, s.Why, s.Needs}
		i, ok := at[key]
		if joins := s.Action == Archive || s.Action == Delete || s.Action == Orphan; !joins || s.Key.ID.Version == "" || s.Key.Part != "" {
			out = append(out, group{Step: s})
			continue
		}
		if !ok {
			at[key] = len(out)
			out = append(out, group{Step: s, versions: []string{s.Key.ID.Version}})
			continue
		}
		out[i].versions = append(out[i].versions, s.Key.ID.Version)
	}
	for i := range out {
		slices.SortFunc(out[i].versions, asset.CompareVersions)
	}
	return out
}

// ranges writes versions as 1..3,5.
func ranges(versions []string) string {
	var out []string
	for i := 0; i < len(versions); {
		j := i
		for j+1 < len(versions) && versions[j+1] == increment(versions[j]) && strings.Trim(versions[j], "0123456789") == "" {
			j++
		}
		if j > i+1 {
			out = append(out, versions[i]+".."+versions[j])
		} else {
			out = append(out, versions[i:j+1]...)
		}
		i = j + 1
	}
	return strings.Join(out, ",")
}

// title is the identity that a headline shows.
func (g group) title() string {
	id := g.Key.ID
	switch {
	case len(g.versions) > 1:
		return clean(id.Container().String() + ":" + ranges(g.versions))
	case g.Action == NewVersion && !g.Supersedes.IsZero():
		return clean(id.Container().String() + ": " + g.Supersedes.Version + " -> " + id.Version)
	}
	return clean(id.String())
}

// says is what a headline says of the step.
func (p *Plan) says(g group) string {
	text := actionWords[string(g.Action)]
	switch {
	case g.Action == Blocked, g.Action == Unknown:
		return text + ": " + clean(g.Blocked)
	case g.Action == NoOp:
		text = "unchanged"
	case g.Action == Create:
		text = "new"
	case g.Action == Replace:
		text = "REPLACE"
	case g.Action == NewVersion:
		if paths := fixedPaths(g.Changes); len(paths) > 0 {
			text += fmt.Sprintf(" (%s %s immutable)", clean(strings.Join(paths, ", ")), plural(len(paths), "is", "are"))
		}
	case len(g.versions) > 1:
		text += fmt.Sprintf(" (%d versions)", len(g.versions))
	}
	if g.Why != "" {
		text += ": " + clean(g.Why)
	}
	if g.Upload != (Upload{}) {
		text += fmt.Sprintf(", %d %s, %s to upload", g.Upload.Files, plural(g.Upload.Files, "file", "files"), size(g.Upload.Bytes))
	}
	if c := g.Copy; c != (Copy{}) {
		text += fmt.Sprintf(", %d %s, %s to copy from %s", c.Files, plural(c.Files, "file", "files"), size(c.Bytes), clean(c.From))
	}
	if p.Refused(g.Step) {
		text += "   ! needs approval"
	}
	return text
}

func fixedPaths(changes []diff.Change) []string {
	var out []string
	for _, ch := range acting(changes) {
		if f := field(ch); f.Class == "immutable" {
			out = append(out, ch.Dotted())
		}
	}
	return out
}

// size is a number of bytes in words, with one digit behind the point below 10.
func size(n int64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	f := float64(n)
	for len(units) > 1 && f >= 999.5 {
		f, units = f/1000, units[1:]
	}
	if f < 9.95 && units[0] != "bytes" {
		return fmt.Sprintf("%.1f %s", f, units[0])
	}
	return fmt.Sprintf("%.0f %s", f, units[0])
}

// place is the file and line of a step.
func place(pos problem.Pos) string {
	pos.Col = 0
	return clean(pos.String())
}

// needed are the approvals that are missing, sorted, each once.
func (p *Plan) needed() []string {
	var out []string
	for _, s := range p.Refusals() {
		out = append(out, s.Needs)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
