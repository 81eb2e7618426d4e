package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/policy"
)

func oneRule(name, assert string) string {
	return fmt.Sprintf("rules: [{name: %s, on: asset, assert: \"%s\"}]\n", name, assert)
}

// Many files and rules, at the limit and one beyond.
func TestAttackL25ManyPolicies(t *testing.T) {
	files := func(n int) fstest.MapFS {
		fsys := fstest.MapFS{}
		for i := range n {
			fsys[fmt.Sprintf("policies/%d.yml", i)] = &fstest.MapFile{Data: []byte(oneRule(fmt.Sprint("r", i), "name != ''"))}
		}
		return fsys
	}
	if set, bad := policy.Read(files(limit.PolicyFiles), parse); len(bad) > 0 || len(set.Rules) != limit.PolicyFiles {
		t.Errorf("files, at the limit: %v", bad)
	}
	if _, bad := policy.Read(files(limit.PolicyFiles+1), parse); len(bad.Errors()) != 1 {
		t.Errorf("files, beyond the limit: %v", bad)
	}
	rules := func(n int) string {
		var b strings.Builder
		b.WriteString("rules:\n")
		for i := range n {
			fmt.Fprintf(&b, "  - {name: r%d, on: asset, assert: name != ''}\n", i)
		}
		return b.String()
	}
	if set, bad := read(rules(limit.PolicyRules)); len(bad) > 0 || len(set.Rules) != limit.PolicyRules {
		t.Errorf("rules, at the limit: %v", bad)
	}
	if _, bad := read(rules(limit.PolicyRules + 9)); len(bad) != 1 || bad[0].Pos.Line != limit.PolicyRules+2 {
		t.Errorf("rules, beyond the limit: %v", bad)
	}
}

// Long and deep expressions, at the limit and one beyond, and what takes
// parsers for ever.
func TestAttackL26LargeExpressions(t *testing.T) {
	long := func(n int) string { return "name != '" + strings.Repeat("x", n-len("name != ''")) + "'" }
	deep := func(n int) string { return strings.Repeat("(", n-1) + "name" + strings.Repeat(")", n-1) + " != ''" }
	for name, c := range map[string]struct {
		text func(n int) string
		at   int
	}{
		"long": {long, limit.PolicyText},
		"deep": {deep, limit.PolicyDepth},
	} {
		if _, bad := read(oneRule("a", c.text(c.at))); len(bad) > 0 {
			t.Errorf("%s, at the limit: %v", name, bad)
		}
		if _, bad := read(oneRule("a", c.text(c.at+1))); len(bad) != 1 || bad[0].Pos.Line != 1 {
			t.Errorf("%s, beyond the limit: %v", name, bad)
		}
	}
	for _, c := range []struct {
		part string
		ok   bool
	}{
		{"!", true},
		{"(", false},
		{"[", false},
		{"{1:", false},
		{"1?", false},
		{"-", false},
		{"a.", false},
		{"a(", false},
		{"[1].all(x,", false},
		{"'a'+", false},
		{"has(", false},
		{"\\\\", false},
		{"🙂", false},
		{"x in ", false},
	} {
		text := strings.Repeat(c.part, (limit.PolicyText-len("true\n"))/len(c.part)) + "true"
		if _, bad := read("rules:\n  - name: a\n    on: asset\n    assert: |\n      " + text + "\n"); (len(bad) == 0) != c.ok {
			t.Errorf("%s…: %v", c.part, bad)
		}
	}
}

// What a walk over texts costs, for each text and besides.
const walk, each = 3, 5

// Expressions that cost much: what is certain is refused when they are read,
// the rest is stopped while it runs. Both deny.
func TestAttackL27CostlyExpressions(t *testing.T) {
	nested := func(n int) string {
		return strings.Repeat("tags.all(a, ", n) + "name != ''" + strings.Repeat(")", n)
	}
	if _, bad := read(oneRule("a", nested(2))); len(bad) > 0 {
		t.Errorf("two loops: %v", bad)
	}
	if _, bad := read(oneRule("a", nested(3))); len(bad) != 1 || !strings.Contains(bad[0].Text, fmt.Sprint("more than ", limit.PolicyCost)) {
		t.Errorf("three loops: %v", bad)
	}
	big := func(n int) *asset.Asset {
		list := asset.NewList()
		for range n {
			list.Append(asset.NewString("x"))
		}
		a := *one(t, model)
		a.Body = a.Body.Clone().Set("a", list)
		return &a
	}
	most := (limit.PolicyCost - walk) / each
	set := sound(t, "on: asset\nassert: body.a.all(x, x != 'b')")
	if r := set.Judge(policy.Input{Assets: []*asset.Asset{big(most)}}); len(r.Problems) > 0 {
		t.Errorf("at the limit: %v", r.Problems)
	}
	r := set.Judge(policy.Input{Assets: []*asset.Asset{big(most + 1)}})
	if len(r.Problems.Errors()) != 1 || r.Problems[0].Code != policy.CodeError || !strings.Contains(r.Problems[0].Text, "it costs more than") {
		t.Errorf("beyond the limit: %v", r.Problems)
	}
	// Of everything together: two equal texts cost a tenth of their letters and
	// 4, and whatever is asked costs one more.
	set = sound(t, "on: asset\nassert: body.a == body.b")
	twins := func(letters int) *asset.Asset {
		text := asset.NewString(strings.Repeat("x", letters))
		a := *one(t, model)
		a.Body = a.Body.Clone().Set("a", text).Set("b", text)
		return &a
	}
	const letters = 150_000
	spent := letters/10 + 5
	many := slices.Repeat([]*asset.Asset{twins(letters)}, limit.PolicyBudget/spent)
	rest := limit.PolicyBudget - len(many)*spent
	many = append(many, twins(10*(rest-5)))
	if r := set.Judge(policy.Input{Assets: many}); len(r.Problems) > 0 || r.Counts[0].Passed != len(many) {
		t.Errorf("within the budget: %v", r.Problems)
	}
	r = set.Judge(policy.Input{Assets: append(many, twins(1), twins(1))})
	if len(r.Problems.Errors()) != 1 || r.Problems[0].Code != policy.CodeError || r.Counts[0].Judged != len(many)+1 {
		t.Errorf("beyond the budget: %v, %+v", r.Problems, r.Counts[0])
	}
}

// Very many violations are counted, and cut short with a word.
func TestManyViolations(t *testing.T) {
	var all []*asset.Asset
	for i := range limit.Problems + 10 {
		a := *one(t, model)
		a.ID.Version = fmt.Sprint(i)
		all = append(all, &a)
	}
	warn := sound(t, "on: asset\nassert: 1 > 2\nlevel: warn").Judge(policy.Input{Assets: all})
	if n := len(warn.Problems); n != limit.Problems+1 || len(warn.Problems.Errors()) > 0 || warn.Counts[0].Violated != len(all) {
		t.Errorf("%d problems, %+v", n, warn.Counts[0])
	}
	deny := sound(t, "on: asset\nassert: 1 > 2").Judge(policy.Input{Assets: all})
	if n := len(deny.Problems); n != limit.Problems+1 || deny.Counts[0].Violated != limit.Problems {
		t.Errorf("%d problems, %+v", n, deny.Counts[0])
	}
}
