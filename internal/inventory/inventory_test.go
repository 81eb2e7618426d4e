package inventory

import (
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/diff"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestQuery(t *testing.T) {
	tags := []Tag{{"stage", "Gold"}, {"team", "rides"}}
	for _, tt := range []struct {
		term string
		tags []string
		want string
		ok   bool
	}{
		{"TAXI", nil, "name", true},
		{"taxi-*", nil, "name", true},
		{"axi*", nil, "", false}, // a glob is of the whole text
		{"t?xi-fares", nil, "name", true},
		{"yellow", nil, "description", true},
		{"*yellow*", nil, "description", true},
		{"gold", nil, "tags", true},
		{"stage=gold", nil, "tags", true},
		{"team=*", nil, "tags", true},
		{"a", nil, "name,description,tags", true},
		{"", nil, "", true},
		{"", []string{"team"}, "", true},
		{"", []string{"TEAM=Rides", "stage=g*"}, "", true},
		{"", []string{"team=ride"}, "", false},
		{"", []string{"team="}, "", false},
		{"taxi", []string{"owner"}, "", false},
		{"zzz", []string{"team"}, "", false},
	} {
		q, err := NewQuery(tt.term, tt.tags)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := q.Match("taxi-fares", "Yellow cabs", tags)
		if strings.Join(got, ",") != tt.want || ok != tt.ok {
			t.Errorf("%q %q: got %v, %t", tt.term, tt.tags, got, ok)
		}
	}
	if _, err := NewQuery("", []string{"=x"}); err == nil {
		t.Error("a tag without a key is taken")
	}
}

// A glob with many stars takes no longer than glob times text.
func TestAttackLGlob(t *testing.T) {
	start := time.Now()
	if matches(strings.Repeat("*a", 500)+"b", strings.Repeat("a", 50_000)) {
		t.Error("it matches")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %s", took)
	}
}

func TestAge(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "yesterday": "", "2026-03-01T11:59:30.1234567+00:00": "0m", "2026-03-01T12:30:00Z": "0m", "2026-03-01T11:00:00Z": "1h",
		"2026-02-27T13:00:00Z": "47h", "2026-02-20T12:00:00Z": "9d", "2023-01-01T00:00:00Z": "3y",
	} {
		if got := Age(Time(text), noon); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestTables(t *testing.T) {
	table := Table{Head: []string{"A", "B"}, Rows: [][]string{
		{"x\x1b[0m\u202ey", "1|2"},
		{"=1+1", "+1"},
		{"-", "@all"},
		{" =x", "＝x"},
		{"a\nb", "say \"hi\", `you`"},
		{"<b>", "end"},
	}}
	var text, sheet, mark strings.Builder
	for _, err := range []error{table.Text(&text, 0), table.CSV(&sheet), table.Markdown(&mark)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, out := range []string{text.String(), sheet.String(), mark.String()} {
		if strings.ContainsFunc(out, func(r rune) bool { return hostile(r) && r != '\n' }) {
			t.Errorf("control characters in %q", out)
		}
	}
	if n := strings.Count(text.String(), "\n"); n != 7 {
		t.Errorf("%d lines:\n%s", n, &text)
	}
	rows, err := csv.NewReader(strings.NewReader(sheet.String())).ReadAll()
	if err != nil || len(rows) != 7 {
		t.Fatalf("%v\n%s", err, &sheet)
	}
	for _, row := range rows {
		for _, c := range row {
			if formula(c) {
				t.Errorf("%q is a formula", c)
			}
		}
	}
	if got := rows[2]; got[0] != "'=1+1" || got[1] != "'+1" || rows[5][1] != "say \"hi\", `you`" {
		t.Errorf("%q", rows)
	}
	for line := range strings.Lines(mark.String()) {
		if n := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|"); n != 3 {
			t.Errorf("%d bars in %s", n, line)
		}
	}
	var narrow strings.Builder
	if err := table.Text(&narrow, 10); err != nil || !strings.Contains(narrow.String(), "...\n") || slices.ContainsFunc(strings.Split(narrow.String(), "\n"), func(l string) bool { return len([]rune(l)) > 10 }) {
		t.Errorf("%v\n%s", err, &narrow)
	}
}

func live(id asset.ID, owner string) Live {
	a := &asset.Asset{ID: id, Body: asset.NewMap(), CreatedAt: "2026-02-20T12:00:00Z"}
	if owner != "" {
		a.Stamps = map[string]string{"owner": owner}
	}
	return Live{id, a}
}

// Every state, as it comes of a plan and of what was read.
func TestStates(t *testing.T) {
	data := func(name, version string) asset.ID { return asset.ID{Kind: "data", Name: name, Version: version} }
	c := &Column{Target: "dev", Owner: "us", Whole: true, Plan: &plan.Plan{}, Live: map[asset.ID]Live{}}
	have := func(id asset.ID, owner string) { c.Live[id.Container()] = live(id, owner) }
	step := func(id asset.ID, s plan.Step) {
		s.Key = plan.Key{ID: id}
		if s.Want != nil {
			s.Want = &asset.Asset{ID: id}
			c.Want = append(c.Want, s.Want)
		}
		c.Plan.Steps = append(c.Plan.Steps, s)
	}
	want := &asset.Asset{}
	have(data("same", "1"), "us")
	step(data("same", "1"), plan.Step{Action: plan.NoOp, Want: want})
	have(data("behind", "1"), "us")
	step(data("behind", "2"), plan.Step{Action: plan.NewVersion, Want: want})
	have(data("ahead", "10"), "us")
	step(data("ahead", "9"), plan.Step{Action: plan.NoOp, Want: want})
	have(data("adopted", "1"), "")
	step(data("adopted", "1"), plan.Step{Action: plan.Adopt, Want: want})
	have(data("edited", "1"), "")
	step(data("edited", "1"), plan.Step{Action: plan.Adopt, Want: want, Changes: []diff.Change{{Path: []string{"tags"}}}})
	have(data("ruled", "1"), "us")
	step(data("ruled", "1"), plan.Step{Action: plan.NoOp, Want: want, Changes: []diff.Change{{Path: []string{"tags"}, Ignored: "by a rule"}}})
	have(data("theirs", "1"), "them")
	step(data("theirs", "1"), plan.Step{Action: plan.Blocked, Want: want, Blocked: "it belongs to them"})
	have(data("drifted", "1"), "us")
	step(data("drifted", "1"), plan.Step{Action: plan.NoOp, Want: want})
	c.Plan.Drift = []plan.Drift{{ID: data("drifted", "1")}}
	step(data("new", "1"), plan.Step{Action: plan.Create, Want: want})
	have(data("left", "1"), "us")
	step(data("left", "1"), plan.Step{Action: plan.NoOp, Code: plan.PruneOff, Why: "removed in 4f1c2ab"})
	have(data("hand", "1"), "")
	have(data("foreign", "1"), "them")
	step(data("unread", "1"), plan.Step{Action: plan.Unknown, Blocked: "403"})
	c.Absent = func(id asset.ID) (bool, string) { return id.Name != "hidden", "500" }

	m := NewMatrix([]*Column{c, {Target: "prod", Failed: "401"}}, nil, false)
	got := map[string]string{}
	for _, r := range m.Rows {
		got[r.ID.Name] = r.Cells[0].text(noon)
		if text := r.Cells[1].text(noon); text != "?" {
			t.Errorf("%s in a target that was not read: %s", r.ID, text)
		}
	}
	for name, want := range map[string]string{
		"same": "1, 9d, in sync", "behind": "1, 9d, differs (git 2)", "ahead": "10, 9d, ahead (git 9)", "adopted": "1, 9d, in sync", "edited": "1, 9d, differs",
		"ruled": "1, 9d, in sync", "theirs": "1, 9d, differs", "drifted": "1, 9d, drifted", "new": "missing (git 1)", "left": "1, 9d, removed from git",
		"hand": "1, 9d, unmanaged", "foreign": "1, 9d, other owner", "unread": "?",
	} {
		if got[name] != want {
			t.Errorf("%s: got %q, want %q", name, got[name], want)
		}
	}
	for name, want := range map[string]string{"nowhere": "-", "hidden": "?"} {
		if got := c.cell(data(name, "")).text(noon); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	c.Whole = false
	if got := c.cell(data("hand", "")); got.State != Unknown || got.text(noon) != "1, 9d, ?" {
		t.Errorf("with a broken tree: %v", got)
	}
}

func TestDiffers(t *testing.T) {
	there := func(v string) Cell { return Cell{State: InSync, There: true, Version: v} }
	absent, unknown, outside := Cell{State: Absent}, Cell{State: Unknown}, Cell{State: Absent, Outside: true}
	for _, tt := range []struct {
		cells []Cell
		want  bool
	}{
		{[]Cell{there("1"), there("1")}, false},
		{[]Cell{there("1"), there("2")}, true},
		{[]Cell{there(""), there("")}, false},
		{[]Cell{there(""), absent}, true},
		{[]Cell{absent, absent}, false},
		{[]Cell{there(""), outside, there("")}, false},
		{[]Cell{outside, there("1")}, false},
		{[]Cell{there("1"), unknown}, true},
	} {
		if got := (Row{Cells: tt.cells}).Differs(); got != tt.want {
			t.Errorf("%v: got %t", tt.cells, got)
		}
	}
}

func TestMatrixJSON(t *testing.T) {
	id := asset.ID{Kind: "model", Name: "m"}
	m := Matrix{Targets: []string{"dev", "prod"}, Rows: []Row{{id, []Cell{{State: InSync, There: true, Version: "3", Git: "3", Created: noon}, {State: Unknown, Why: "403"}}}}}
	got, err := json.Marshal(m)
	const want = `[{"id":"model/m","differs":true,"in":{"dev":{"state":"in sync","version":"3","git_version":"3","created":"2026-03-01T12:00:00Z"},"prod":{"state":"unknown","why":"403"}}}]`
	if err != nil || string(got) != want || m.Complete() {
		t.Errorf("%v %s", err, got)
	}
	var sheet strings.Builder
	if err := m.Sheet(noon.Add(50 * time.Hour)).CSV(&sheet); err != nil || !strings.HasSuffix(sheet.String(), "\nmodel,m,in sync,3,3,2026-03-01T12:00:00Z,2d,unknown,,,,\n") {
		t.Errorf("%v %s", err, &sheet)
	}
}

func TestKinds(t *testing.T) {
	all, bad := Kinds(nil)
	if bad != "" || slices.ContainsFunc(all, func(t *kind.Table) bool { return t.Once || t.Top || t.Kind == "code" }) || len(all) < 10 {
		t.Errorf("%v %q", all, bad)
	}
	if some, _ := Kinds([]string{"models", "job"}); len(some) != 2 || some[0].Kind != "model" || some[1].Kind != "job" {
		t.Errorf("%v", some)
	}
	for _, name := range []string{"code", "modell", ""} {
		if _, bad := Kinds([]string{name}); bad != name {
			t.Errorf("%q is a kind", name)
		}
	}
}

func TestUnread(t *testing.T) {
	list := []Unread{{"prod", "model", "m", "x\x1b"}, {"prod", "model", "", "x"}, {"dev", "", "", "x"}}
	SortUnread(list)
	var got []string
	for _, u := range list {
		got = append(got, u.String())
	}
	if s := strings.Join(got, "; "); s != `dev could not be read: x; models in prod could not be read: x; model/m in prod could not be read: x\x1b` {
		t.Error(s)
	}
}
