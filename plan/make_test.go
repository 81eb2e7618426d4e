package plan

import (
	"fmt"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// world builds inputs. Bodies are JSON with ' for ".
type world struct {
	t  testing.TB
	in Input
}

const owner = "repo/prod"

func newWorld(t testing.TB) *world {
	w := &world{t: t, in: Input{
		Owner: owner, Complete: true, Want: asset.NewSet(), Owned: map[asset.ID]Owned{},
		Target:  Target{Name: "prod", Cloud: "public", Subscription: "s", ResourceGroup: "rg", Workspace: "mlw-prod"},
		Source:  Source{Repo: "https://git/x", Commit: "4f1c2abdeadbeef"},
		Options: Options{Prune: true},
		Guard:   Guard{Observations: 1, Max: 100},
	}}
	w.in.Live = Live{Assets: asset.NewSet(), Listed: map[asset.Kind]bool{}, Unknown: map[asset.ID]string{}, Known: map[asset.ID]bool{}, Archived: map[asset.ID]bool{}, Broken: map[asset.ID]bool{}, Versions: map[asset.ID][]string{}}
	for _, t := range kind.All() {
		w.in.Live.Listed[t.Kind] = true
	}
	return w
}

func (w *world) body(text string) *asset.Value {
	w.t.Helper()
	v, err := asset.ParseJSON([]byte("{" + strings.ReplaceAll(text, "'", `"`) + "}"))
	if err != nil {
		w.t.Fatalf("%s: %v", text, err)
	}
	return v
}

// id reads kind/name, with #variant behind it for kinds that have several.
func (w *world) asset(text, body string) *asset.Asset {
	w.t.Helper()
	text, variant, _ := strings.Cut(text, "#")
	id, err := asset.ParseID(text)
	if err != nil {
		w.t.Fatal(err)
	}
	if variant == "" {
		variant = kind.Of(id.Kind).Variants[0].Name
	}
	return &asset.Asset{ID: id, Variant: variant, Body: w.body(body)}
}

func (w *world) want(id, body string) *asset.Asset {
	w.t.Helper()
	a := w.asset(id, body)
	a.Pos = problem.Pos{File: a.ID.Name + ".yml", Line: 1, Col: 1}
	w.in.Want.Add(a)
	return a
}

func (w *world) live(id, body string) *asset.Asset {
	w.t.Helper()
	a := w.asset(id, body)
	w.in.Live.Assets.Add(a)
	return a
}

// owned is live, stamped and in the journal with what was applied.
func (w *world) owned(id, live, applied string) *asset.Asset {
	w.t.Helper()
	a := w.live(id, live)
	a.Stamps = map[string]string{"owner": owner}
	w.journal(id, applied)
	return a
}

func (w *world) journal(id, applied string) {
	w.t.Helper()
	a := w.asset(id, applied)
	w.in.Owned[a.ID] = Owned{ID: a.ID, Origin: Created, Variant: a.Variant, Body: a.Body, File: a.ID.Name + ".yml"}
}

func (w *world) rule(r Rule) { w.in.Rule = func(asset.ID, string) Rule { return r } }

func (w *world) change(id string, f func(*Owned)) {
	w.t.Helper()
	i, err := asset.ParseID(id)
	if err != nil {
		w.t.Fatal(err)
	}
	o := w.in.Owned[i]
	f(&o)
	w.in.Owned[i] = o
}

func mustID(text string) asset.ID {
	id, err := asset.ParseID(text)
	if err != nil {
		panic(err)
	}
	return id
}

// outline is one line a step: key action (code) fields <- requires !needs.
func outline(p *Plan) string {
	var lines []string
	for _, s := range p.Steps {
		line := s.Key.String() + " " + string(s.Action)
		if s.Code != "" {
			line += "(" + string(s.Code) + ")"
		}
		for _, ch := range s.Changes {
			mark := ""
			if ch.Ignored != "" {
				mark = "~"
			}
			line += fmt.Sprintf(" %s%s:%s", mark, ch.Dotted(), ch.Reason)
		}
		if !s.Supersedes.IsZero() {
			line += " after " + s.Supersedes.Version
		}
		for i, k := range s.Requires {
			line += []string{" <- ", ", "}[min(i, 1)] + k.String()
		}
		if s.Needs != "" {
			line += " !" + s.Needs
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func check(t *testing.T, p *Plan, want string) {
	t.Helper()
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(want), "\n") {
		if l = strings.TrimSpace(l); l != "" {
			lines = append(lines, l)
		}
	}
	if got := outline(p); got != strings.Join(lines, "\n") {
		t.Errorf("\n got:\n%s\nwant:\n%s", got, strings.Join(lines, "\n"))
	}
}

const (
	env = "environment/e:1"
	dat = "data/d:1"
)

func TestWanted(t *testing.T) {
	tests := []struct {
		name  string
		setup func(w *world)
		plan  string
	}{
		{"create", func(w *world) { w.want(env, `'image':'a'`) }, "environment/e:1 create"},
		{"noop", func(w *world) { w.want(env, `'image':'a'`); w.owned(env, `'image':'a'`, `'image':'a'`) }, "environment/e:1 noop"},
		{"fields of others do not matter", func(w *world) {
			w.want(env, `'image':'a'`)
			w.owned(env, `'image':'a','os_type':'linux'`, `'image':'a'`)
		}, "environment/e:1 noop"},
		{
			"new version", func(w *world) { w.want("environment/e:2", `'image':'b'`); w.owned(env, `'image':'a'`, `'image':'a'`) },
			"environment/e:2 new_version image:git after 1",
		},
		{"update in place", func(w *world) {
			w.want(dat, `'path':'a','description':'x'`)
			w.owned(dat, `'path':'a','description':'y'`, `'path':'a','description':'y'`)
		}, "data/d:1 update description:git"},
		{
			"same version, other content", func(w *world) { w.want(env, `'image':'b'`); w.owned(env, `'image':'a'`, `'image':'a'`) },
			"environment/e:1 blocked(version_exists) image:git",
		},
		{
			"same version, other content, of nobody", func(w *world) { w.want(env, `'image':'b'`); w.live(env, `'image':'a'`) },
			"environment/e:1 blocked(version_exists) image:adopt",
		},
		{"adopt the same", func(w *world) { w.want(env, `'image':'a'`); w.live(env, `'image':'a'`) }, "environment/e:1 adopt"},
		{"adopt, differing", func(w *world) { w.want(dat, `'description':'a'`); w.live(dat, `'description':'b'`) }, "data/d:1 adopt ~description:adopt"},
		{"adopt and correct", func(w *world) {
			w.want(dat, `'description':'a'`)
			w.live(dat, `'description':'b'`)
			w.rule(Rule{Drift: Correct})
		}, "data/d:1 adopt description:adopt"},
		{"another owner", func(w *world) {
			w.want(env, `'image':'a'`)
			w.live(env, `'image':'a'`).Stamps = map[string]string{"owner": "other/prod"}
		}, "environment/e:1 blocked(other_owner)"},
		{"taken over from another owner", func(w *world) {
			w.want(env, `'image':'a'`)
			w.live(env, `'image':'a'`).Stamps = map[string]string{"owner": "other/prod"}
			w.in.Options.Allow = []string{"adopt:environment/e:1"}
		}, "environment/e:1 adopt"},
		{"stamped, journal lost", func(w *world) {
			w.want(env, `'image':'a'`)
			w.live(env, `'image':'a'`).Stamps = map[string]string{"owner": owner}
		}, "environment/e:1 noop"},
		{"known from the journal", func(w *world) {
			w.want(env, `'image':'a'`)
			w.journal(env, `'image':'a'`)
			w.in.Live.Known[mustID(env)] = true
		}, "environment/e:1 noop"},
		{"known from the journal, other content", func(w *world) {
			w.want(env, `'image':'b'`)
			w.journal(env, `'image':'a'`)
			w.in.Live.Known[mustID(env)] = true
		}, "environment/e:1 blocked(version_exists) image:git"},
		{"kind not listed", func(w *world) { w.want(env, `'image':'a'`); w.in.Live.Listed = nil }, "environment/e:1 unknown(not_read)"},
		{"kind not listed, asked for and absent", func(w *world) {
			w.want(env, `'image':'a'`)
			w.in.Live.Listed = nil
			w.in.Live.Absent = map[asset.ID]bool{mustID(env): true}
		}, "environment/e:1 create"},
		{"kind not readable", func(w *world) {
			w.want(env, `'image':'a'`)
			w.in.Observed.Partial = map[asset.Kind]string{"environment": "403"}
		}, "environment/e:1 unknown(not_read)"},
		{"one not readable", func(w *world) { w.want(env, `'image':'a'`); w.in.Live.Unknown[mustID(env)] = "500" }, "environment/e:1 unknown(not_read)"},
		{"a version that is in use and was not read", func(w *world) {
			w.want(env, `'image':'a'`)
			w.in.Live.Versions[mustID("environment/e")] = []string{"1"}
		}, "environment/e:1 unknown(not_read)"},
		{"archived comes back", func(w *world) {
			w.want(env, `'image':'a'`)
			w.owned(env, `'image':'a'`, `'image':'a'`)
			w.in.Live.Archived[mustID(env)] = true
		}, "environment/e:1 update"},
		{"there and not working", func(w *world) {
			w.want(env, `'image':'a'`)
			w.owned(env, `'image':'a'`, `'image':'a'`)
			w.in.Live.Broken[mustID(env)] = true
		}, "environment/e:1 update"},
		{"deleted outside git", func(w *world) { w.want(env, `'image':'a'`); w.journal(env, `'image':'a'`) }, "environment/e:1 create"},
		{"deleted outside git, report", func(w *world) {
			w.want(env, `'image':'a'`)
			w.journal(env, `'image':'a'`)
			w.rule(Rule{Drift: Report})
		}, "environment/e:1 noop"},
		{"deleted outside git, report, and needed", func(w *world) {
			w.want(env, `'image':'a'`)
			w.journal(env, `'image':'a'`)
			w.want("online-endpoint/end#managed", `'auth_mode':'key'`)
			w.want("online-deployment/end/blue#managed", `'instance_type':'A','instance_count':1,'environment':'azureml:e:1'`)
			w.rule(Rule{Drift: Report})
		}, `environment/e:1 noop
			online-endpoint/end create
			online-deployment/end/blue blocked(waits_for) <- online-endpoint/end`},
		{"deleted outside git, report, file changed", func(w *world) {
			w.want(env, `'image':'b'`)
			w.journal(env, `'image':'a'`)
			w.rule(Rule{Drift: Report})
		}, "environment/e:1 create"},
		{"inline assets and code come and go silently", func(w *world) {
			w.owned("environment/CliV2AnonymousEnvironment:abc", `'image':'a'`, `'image':'a'`)
			w.owned("code/0f3c:1", ``, ``)
			w.want("environment/CliV2AnonymousEnvironment:def", `'image':'b'`).Anonymous = true
		}, "environment/CliV2AnonymousEnvironment:def create"},
		{"an inline asset that exists is never written again", func(w *world) {
			w.want("environment/CliV2AnonymousEnvironment:def", `'image':'b'`).Anonymous = true
			w.live("environment/CliV2AnonymousEnvironment:def", `'image':'a'`)
		}, "environment/CliV2AnonymousEnvironment:def noop"},
		{"ignored field", func(w *world) {
			w.want(dat, `'description':'a'`)
			w.owned(dat, `'description':'b'`, `'description':'b'`)
			w.rule(Rule{Ignore: []string{"description"}})
		}, "data/d:1 noop ~description:git"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.setup(w)
			check(t, Make(w.in), tt.plan)
		})
	}
}
