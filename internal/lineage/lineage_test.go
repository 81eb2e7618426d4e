package lineage

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/promote"
	"mlsync.dev/mlsync/tree"
)

func id(text string) asset.ID {
	got, err := asset.ParseID(text)
	if err != nil {
		panic(err)
	}
	return got
}

// live is an asset with stamps in pairs.
func live(text, variant, path string, stamps ...string) *asset.Asset {
	a := &asset.Asset{ID: id(text), Variant: variant, Body: asset.NewMap(), Stamps: map[string]string{}}
	if path != "" {
		a.Body.Set("path", asset.NewString(path))
	}
	for i := 0; i < len(stamps); i += 2 {
		a.Stamps[stamps[i]] = stamps[i+1]
	}
	return a
}

// places are the live assets by target.
type places map[string][]*asset.Asset

func (p places) look() Look {
	return Look{
		Asset: func(target string, want asset.ID) Found {
			list, known := p[target]
			if !known {
				return Found{Unknown: "no answer"}
			}
			for _, a := range list {
				if a.ID == want {
					return Found{Asset: a}
				}
			}
			return Found{}
		},
		Contained: func(string, asset.ID) ([]asset.ID, string) { return nil, "" },
		Users:     func(string, asset.ID) ([]User, []string) { return nil, nil },
		TargetAt: func(s kind.Scope) string {
			if _, known := p[s.Workspace]; known {
				return s.Workspace
			}
			return map[string]string{"silent": "silent"}[s.Workspace]
		},
		Metrics: func(*asset.Asset) map[string]string { return nil },
		Pins:    map[string]*promote.Pins{}, Broken: map[string]string{}, Max: limit.LineageNodes,
	}
}

func madeOf(name, source string, o promote.Origin) *promote.Release {
	return &promote.Release{
		Name: name, Source: promote.Source{Target: source, Subscription: "s", ResourceGroup: "g", Workspace: source, Commit: "c1"},
		Roots: []asset.ID{id("model/m:1")}, Assets: []promote.Asset{{ID: id("model/m:1"), Digest: "d", Origin: o}},
	}
}

func check(t *testing.T, got, want string) {
	t.Helper()
	if got != strings.TrimPrefix(want, "\n") {
		t.Errorf("got\n%s\nwant%s", got, want)
	}
}

// What a workspace does not say is what the release noted; what neither knows
// is known by nobody.
func TestUnreadSource(t *testing.T) {
	look := places{"prod": {live("model/m:1", "custom_model", "", "release", "r1", "commit", "c2")}}.look()
	look.Releases = []*promote.Release{madeOf("r1", "silent", promote.Origin{
		Job: "train", Data: []string{"data/d:1", "azureml://datastores/raw/paths/x"}, Uses: []string{"environment/e:2"}, Metrics: map[string]string{"auc": "0.9"}, JobCommit: "c0",
	})}
	g := OfAsset(look, "prod", id("model/m:1"))
	check(t, g.Text(), `
model/m:1 in prod
├─ came by release r1 (from silent)
│  ├─ at commit c1
│  └─ ? of model/m:1 in silent: no answer
│     └─ ? made by job/train in silent (auc 0.9): no answer
│        ├─ ? took data/d:1 in silent: no answer
│        ├─ ? ran environment/e:2 in silent: no answer
│        ├─ took azureml://datastores/raw/paths/x
│        └─ at commit c0
└─ at commit c2
`)
	if g.Complete() {
		t.Error("it is not complete")
	}
}

// An asset that is gone, and a job that is, are answers.
func TestAbsentIsKnown(t *testing.T) {
	look := places{"prod": {live("model/m:1", "custom_model", "", "release", "r1")}, "dev": nil}.look()
	look.Releases = []*promote.Release{madeOf("r1", "dev", promote.Origin{Job: "train"})}
	g := OfAsset(look, "prod", id("model/m:1"))
	check(t, g.Text(), `
model/m:1 in prod
└─ came by release r1 (from dev)
   ├─ at commit c1
   └─ - of model/m:1 in dev: it is not there
      └─ - made by job/train in dev: it is not there
`)
	if !g.Complete() {
		t.Error("all was answered")
	}
}

// A release that the folder lacks, one that cannot be read, and one of a
// workspace that is no target.
func TestLostReleases(t *testing.T) {
	p := places{"prod": {
		live("model/m:1", "custom_model", "", "release", "r1", "source", "s/g/dev@c7"),
		live("model/m:2", "custom_model", "", "release", "r2"), live("model/m:3", "custom_model", "", "release", "r3"),
	}, "dev": {live("model/m:1", "custom_model", "runs:/train/model")}}
	look := p.look()
	look.Broken = map[string]string{"r2": "it was changed"}
	other := madeOf("r3", "elsewhere", promote.Origin{})
	other.Assets[0].ID = id("model/m:3")
	look.Releases = []*promote.Release{other}
	check(t, OfAsset(look, "prod", id("model/m:1")).Text(), `
model/m:1 in prod
└─ ? came by release r1: releases/r1.yml is not in this folder
   ├─ at commit c7
   └─ of model/m:1 in dev
      └─ - made by job/train in dev: it is not there
`)
	check(t, OfAsset(look, "prod", id("model/m:2")).Text(), `
model/m:2 in prod
└─ ? came by release r2: it was changed
`)
	check(t, OfAsset(look, "prod", id("model/m:3")).Text(), `
model/m:3 in prod
└─ came by release r3 (from elsewhere)
   ├─ at commit c1
   └─ ? of model/m:3 in workspace elsewhere in g: no target of mlsync.yaml is at this workspace
`)
}

// Releases and jobs may go round in a circle, as after a promotion back.
func TestCircle(t *testing.T) {
	look := places{
		"a": {live("model/m:1", "custom_model", "", "release", "back")}, "b": {live("model/m:1", "custom_model", "", "release", "there")},
	}.look()
	look.Releases = []*promote.Release{madeOf("back", "b", promote.Origin{}), madeOf("there", "a", promote.Origin{})}
	look.Pins["a"] = &promote.Pins{Files: []promote.Pin{{ID: id("model/m:1"), Digest: "d", From: []string{"back"}}}}
	look.Pins["b"] = &promote.Pins{Files: []promote.Pin{{ID: id("model/m:1"), Digest: "d", From: []string{"there"}}}}
	if g := OfAsset(look, "a", id("model/m:1")); len(g.Nodes) != 5 || strings.Count(g.Text(), "see above") == 0 {
		t.Error(g.Text())
	}
	if g := UsesOfAsset(look, "a", id("model/m:1")); len(g.Nodes) != 4 {
		t.Error(g.Text())
	}
}

// A deployment of the source may have changed since it was released: only the
// release says what it was then.
func TestWhatHasNoVersion(t *testing.T) {
	blue := func(model string) *asset.Asset {
		a := live("online-deployment/e/blue", "managed", "")
		a.Body.Set("model", asset.NewString("azureml:"+model))
		return a
	}
	now, then := blue("m:2"), blue("m:1")
	at := blue("m:1")
	at.Stamps["release"] = "r1"
	look := places{"dev": {now, live("model/m:1", "custom_model", ""), live("model/m:2", "custom_model", "")}, "prod": {at, live("model/m:1", "custom_model", "", "release", "r1")}}.look()
	r := madeOf("r1", "dev", promote.Origin{})
	r.Assets = append(r.Assets, promote.Asset{ID: now.ID, Digest: "b", Origin: promote.Origin{Commit: "c0"}, Spec: tree.Document(then)})
	look.Releases = []*promote.Release{r}
	look.Pins["prod"] = &promote.Pins{History: []string{"r1"}, Files: []promote.Pin{{ID: id("model/m:1"), Digest: "d", From: []string{"r1"}}, {ID: now.ID, Digest: "b", From: []string{"r1"}}}}
	look.Users = func(target string, of asset.ID) ([]User, []string) {
		if target == "dev" && of == id("model/m:2") || target == "prod" && of == id("model/m:1") {
			return []User{{target, now.ID}}, nil
		}
		return nil, nil
	}
	check(t, OfAsset(look, "prod", now.ID).Text(), `
online-deployment/e/blue in prod
├─ came by release r1 (from dev)
│  ├─ at commit c1
│  └─ of online-deployment/e/blue in dev (as in r1)
│     ├─ refers to model/m:1 in dev
│     └─ at commit c0
└─ refers to model/m:1 in prod
   └─ came by release r1 (from dev)
      ├─ at commit c1
      └─ of model/m:1 in dev
`)
	check(t, UsesOfAsset(look, "dev", id("model/m:2")).Text(), `
model/m:2 in dev
└─ used by online-deployment/e/blue in dev
`)
	check(t, UsesOfAsset(look, "dev", id("model/m:1")).Text(), `
model/m:1 in dev
└─ in release r1 (from dev)
   └─ went to model/m:1 in prod
      └─ used by online-deployment/e/blue in prod
`)
}

func TestSourceStamp(t *testing.T) {
	s := promote.Source{Subscription: "s", ResourceGroup: "g", Workspace: "w", Commit: "c"}
	if got, ok := ParseSource(SourceText(s)); !ok || got != s {
		t.Errorf("got %+v", got)
	}
	for _, bad := range []string{"", "a/b", "a//b", "a/b/c/d", "@x"} {
		if _, ok := ParseSource(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
}

var (
	dotLine     = regexp.MustCompile(`^  n\d+ (\[label="(([^"\\\n]|\\["\\])*)", shape=[a-z]+(, style=dashed(, color=red)?)?\]|-> n\d+ \[label="[a-z ]+"\]);$`)
	mermaidLine = regexp.MustCompile(`^  (n\d+(\["|\[\["|\(\["|\[\("|\{\{")([^"\n` + "`" + `<>&\[\]{}|;%]|#\d+;)*("\]|"\]\]|"\]\)|"\)\]|"\}\})|n\d+ -->\|[a-z ]+\| n\d+|style n\d+ stroke-dasharray: 5 5)$`)
	entity      = regexp.MustCompile(`#(\d+);`)
)

// Names of others, whatever they hold, stay text in every drawing, and the
// text is what the node is called.
func TestAttackU60NamesInDrawings(t *testing.T) {
	evil := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
		`"]; rm -> x`, "a\nn9 --> n1", `\`, `\"`, "`**b**`", "```\n# x", "<script>alert(1)</script>", "%%{init: {}}%%", "#quot;", "&lt;", `x"] click n1 "javascript:x"`,
		"\x1b[31mred", "\u202egnp.exe", "a\u2028b", "|x|", "end", "1. a", "{{x}}", "\\N\\G\\l", "\xff",
	}))
	rapid.Check(t, func(t *rapid.T) {
		g := newGraph(false)
		a, _ := g.add(Node{Key: "a", Type: Asset, Target: evil.Draw(t, "target"), ID: asset.ID{Kind: "model", Name: evil.Draw(t, "name"), Version: evil.Draw(t, "version")}})
		for i, typ := range []Type{Release, Commit, Address, Gap} {
			n, _ := g.add(Node{
				Key: fmt.Sprint(i), Type: typ, Name: evil.Draw(t, "other"), State: rapid.SampledFrom([]State{Known, Absent, Unknown}).Draw(t, "state"),
				Why: evil.Draw(t, "why"), Remark: evil.Draw(t, "remark"), Metrics: map[string]string{evil.Draw(t, "metric"): evil.Draw(t, "value")},
			})
			g.edge(a, cameBy, n)
		}
		g.Roots = []string{"a"}
		if lines := strings.Split(strings.TrimSuffix(g.Text(), "\n"), "\n"); len(lines) != len(g.Nodes) {
			t.Fatalf("%q", g.Text())
		}
		if strings.ContainsFunc(g.Text()+g.Dot()+g.Mermaid(), func(r rune) bool {
			return r != '\n' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
		}) {
			t.Fatalf("%q", g.Text())
		}
		drawn(t, g)
	})
}

// drawn holds that each line of the drawings is one of a node or edge, and what
// the labels say.
func drawn(t *rapid.T, g *Graph) {
	dot := strings.Split(strings.TrimSuffix(g.Dot(), "\n"), "\n")
	for i, line := range dot[3 : len(dot)-1] {
		m := dotLine.FindStringSubmatch(line)
		if m == nil {
			t.Fatalf("%q", line)
		}
		if i < len(g.Nodes) {
			if got := strings.NewReplacer(`\\`, `\`, `\"`, `"`, "&amp;", "&").Replace(m[2]); got != g.Nodes[i].drawn() {
				t.Fatalf("%q is not %q", got, g.Nodes[i].drawn())
			}
		}
	}
	for i, line := range strings.Split(strings.TrimSuffix(g.Mermaid(), "\n"), "\n")[1:] {
		if !mermaidLine.MatchString(line) {
			t.Fatalf("%q", line)
		}
		if i < len(g.Nodes) {
			_, text, _ := strings.Cut(line, `"`)
			text = text[:strings.LastIndex(text, `"`)]
			got := entity.ReplaceAllStringFunc(text, func(s string) string {
				n, _ := strconv.Atoi(s[1 : len(s)-1])
				return string(rune(n))
			})
			if got != g.Nodes[i].drawn() {
				t.Fatalf("%q is not %q", got, g.Nodes[i].drawn())
			}
		}
	}
}

// A chain that is longer than the limit ends there, and says so.
func TestAttackL50LongLineages(t *testing.T) {
	chain := func(n int) *Graph {
		p := places{"dev": nil}
		for i := range n {
			p["dev"] = append(p["dev"], live(fmt.Sprintf("model/m:%d", i+1), "custom_model", ""))
		}
		look := p.look()
		look.Users = func(_ string, of asset.ID) ([]User, []string) {
			v, _ := strconv.Atoi(of.Version)
			if v == n {
				return nil, nil
			}
			return []User{{"dev", id(fmt.Sprintf("model/m:%d", v+1))}}, nil
		}
		return UsesOfAsset(look, "dev", id("model/m:1"))
	}
	if g := chain(limit.LineageNodes); !g.Complete() || len(g.Nodes) != limit.LineageNodes {
		t.Errorf("%d nodes", len(g.Nodes))
	}
	g := chain(limit.LineageNodes + 1)
	if g.Complete() || len(g.Nodes) != limit.LineageNodes+1 || !strings.Contains(g.Text(), "a lineage has at most 2000 nodes") {
		t.Errorf("%d nodes", len(g.Nodes))
	}
}
