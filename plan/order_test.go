package plan

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

func stepsOf(needs map[string][]string) *maker {
	m := &maker{Input: &Input{}, steps: map[Key]*Step{}}
	key := func(name string) Key { return Key{ID: asset.ID{Kind: "data", Name: name}} }
	for name, list := range needs {
		s := &Step{Key: key(name), Action: Create, Source: problem.Pos{File: name + ".yml"}}
		for _, n := range list {
			s.Requires = append(s.Requires, key(n))
		}
		m.add(s)
	}
	return m
}

func TestOrder(t *testing.T) {
	m := stepsOf(map[string][]string{"a": {"z"}, "b": nil, "c": {"a", "b"}, "z": nil})
	var got []string
	for _, s := range m.order() {
		got = append(got, s.Key.ID.Name)
	}
	if want := "b z a c"; strings.Join(got, " ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
}

func TestCirclesAreBlocked(t *testing.T) {
	m := stepsOf(map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": {"e"}, "f": nil})
	order := m.order()
	m.block(order)
	var got []string
	for _, s := range order {
		got = append(got, s.Key.ID.Name+":"+string(s.Action)+"/"+string(s.Code))
	}
	want := "a:blocked/cycle b:blocked/cycle c:blocked/cycle e:blocked/cycle f:create/ d:blocked/waits_for"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	if len(m.problems) != 2 || !strings.Contains(m.problems[0].Text, "data/a -> data/b -> data/c -> data/a") || m.problems[0].Pos.File != "a.yml" {
		t.Errorf("problems: %v", m.problems)
	}
}
