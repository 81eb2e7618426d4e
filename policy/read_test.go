package policy_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/policy"
)

func TestMistakes(t *testing.T) {
	rule := func(lines ...string) string { return "rules:\n  - " + strings.Join(lines, "\n    ") + "\n" }
	for name, c := range map[string]struct{ text, want string }{
		"no map":        {"- 1\n", "policies/a.yml:1:1: a file of policies is a map, not a list"},
		"no rules":      {"rule: []\n", "policies/a.yml:1:1: a file of policies has no rules (add rules:)\npolicies/a.yml:1:7: unknown key \"rule\" (did you mean \"rules\"?)"},
		"no list":       {"rules: {}\n", "policies/a.yml:1:8: want a list, not a map (write a list of rules)"},
		"a key":         {rule("name: a", "on: asset", "asert: 1 > 2"), "policies/a.yml:2:5: a rule has no assert (add assert:)\npolicies/a.yml:4:12: unknown key \"asert\" (did you mean \"assert\"?)"},
		"on":            {rule("name: a", "on: chnge", "assert: 1 > 2"), "policies/a.yml:3:9: \"chnge\" is not a value of this key (did you mean \"change\"?)"},
		"level":         {rule("name: a", "on: asset", "assert: 1 > 2", "level: error"), "policies/a.yml:5:12: \"error\" is not a value of this key (one of deny, warn)"},
		"name":          {rule("name: a b", "on: asset", "assert: 1 > 2"), "policies/a.yml:2:11: \"a b\" cannot be the name of a rule (use at most 100 letters, digits, dots, dashes and underscores)"},
		"twice":         {rule("name: a", "on: asset", "assert: 1 > 2") + "  - {name: a, on: asset, assert: 1 > 2}\n", "policies/a.yml:5:12: there is a rule \"a\" already: policies/a.yml:2:11 (give it another name)"},
		"kind":          {rule("name: a", "on: asset", "match: {kind: modle}", "assert: 1 > 2"), "policies/a.yml:4:19: \"modle\": it is not known here (did you mean \"model\"?)"},
		"action":        {rule("name: a", "on: change", "match: {action: [make]}", "assert: 1 > 2"), "policies/a.yml:4:22: \"make\": it is not known here (one of create, new_version, update, replace, archive, delete, orphan, adopt)"},
		"no action":     {rule("name: a", "on: asset", "match: {action: create}", "assert: 1 > 2"), "policies/a.yml:4:21: unknown key \"action\" (known here: name, target, kind)"},
		"glob":          {rule("name: a", "on: asset", "match: {name: 'a['}", "assert: 1 > 2"), "policies/a.yml:4:19: \"a[\": a bracket is not closed or a range is empty"},
		"an empty list": {rule("name: a", "on: asset", "match: {name: []}", "assert: 1 > 2"), "policies/a.yml:4:19: want 1 to 1000 entries, not 0"},
		"at":            {rule("name: a", "on: asset", "at: a..b", "assert: 1 > 2"), "policies/a.yml:4:9: \"a..b\": a field is written like tags.team"},
		"a number":      {rule("name: a", "on: asset", "assert: 1"), "policies/a.yml:4:13: want a text, not \"1\" (put it in quotes)"},
		"a constant":    {rule("name: a", "on: asset", "assert: yes"), "policies/a.yml:4:13: assert: True alone is no condition (write an expression over the variables)"},
		"a variable":    {rule("name: a", "on: asset", "assert: bdoy.x == 1"), "policies/a.yml:4:13: assert: there is no variable or function \"bdoy\" (did you mean \"body\"?)"},
		"not of assets": {rule("name: a", "on: asset", "assert: action == ''"), "policies/a.yml:4:13: assert: there is no variable or function \"action\" (known here: kind, name, parent, version, target, body, tags, file, release, releases, pinned)"},
		"a type":        {rule("name: a", "on: asset", "assert: name == 3"), "policies/a.yml:4:18: assert: found no matching overload for '_==_' applied to '(string, int)'"},
		"no condition":  {rule("name: a", "on: asset", "when: name", "assert: 1 > 2"), "policies/a.yml:4:11: when: the expression gives string, not true or false"},
		"syntax":        {rule("name: a", "on: asset", "assert: name ="), "policies/a.yml:4:18: assert: syntax error: token recognition error at: '='"},
		"in quotes":     {rule("name: a", "on: asset", "assert: 'name == 3'"), "policies/a.yml:4:19: assert: found no matching overload for '_==_' applied to '(string, int)'"},
		"in a block":    {rule("name: a", "on: asset", "assert: |", "  size(body) > 0 &&", "    name == 3"), "policies/a.yml:6:14: assert: found no matching overload for '_==_' applied to '(string, int)'"},
		"folded":        {rule("name: a", "on: asset", "assert: >", "  size(body) > 0 &&", "  name == 3"), "policies/a.yml:4:13: assert: found no matching overload for '_==_' applied to '(string, int)'"},
		"after letters": {rule("name: a", "on: asset", "assert: \"'ü' == name && name == 3\""), "policies/a.yml:4:34: assert: found no matching overload for '_==_' applied to '(string, int)'"},
		"loops":         {rule("name: a", "on: asset", "assert: body.a.all(x, body.a.all(y, body.a.all(z, x + y != z)))"), "policies/a.yml:4:13: assert: the expression may cost 222653, more than 20000 (write fewer loops within each other)"},
		"a brace":       {rule("name: a", "on: asset", "assert: 1 > 2", "message: 'a {name'"), "policies/a.yml:5:17: message: a { without a }: write {{ for a brace"},
		"another brace": {rule("name: a", "on: asset", "assert: 1 > 2", "message: 'a }'"), "policies/a.yml:5:17: message: a } without a {: write }} for a brace"},
		"in a message":  {rule("name: a", "on: asset", "assert: 1 > 2", "message: 'it is {nmae}'"), "policies/a.yml:5:22: message: {nmae}: there is no variable or function \"nmae\" (did you mean \"name\"?)"},
		"except":        {rule("name: a", "on: asset", "assert: 1 > 2", "except: {name: a}"), "policies/a.yml:5:13: want a list of at most 1000 maps, not a map (write a list of maps such as match has)"},
	} {
		t.Run(name, func(t *testing.T) {
			set, bad := read(c.text)
			if got := texts(bad); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			for _, p := range bad {
				if p.Code != policy.CodeFile {
					t.Errorf("%s has the code %s", p, p.Code)
				}
			}
			for _, r := range set.Rules {
				if r.Name != "a" || name != "twice" {
					t.Errorf("the rule %s was kept", r.Name)
				}
			}
		})
	}
}

// What might hold rules and cannot be read denies.
func TestFolder(t *testing.T) {
	good := "rules: [{name: a, on: asset, assert: name != ''}]\n"
	for name, c := range map[string]struct {
		fsys fstest.MapFS
		want string
	}{
		"none":            {fstest.MapFS{"x.yml": {}}, ""},
		"empty":           {fstest.MapFS{"policies/a.yml": {Data: []byte("# none\n")}}, ""},
		"other files":     {fstest.MapFS{"policies/README.md": {}, "policies/a.yaml": {Data: []byte(good)}}, ""},
		"a folder":        {fstest.MapFS{"policies/prod/a.yml": {Data: []byte(good)}}, "policies/prod: the folder policies has no folders (move its files to policies)"},
		"a link":          {fstest.MapFS{"policies/a.yml": {Mode: fs.ModeSymlink, Data: []byte("../b.yml")}}, "policies/a.yml: it is no regular file (put the file itself there)"},
		"no YAML":         {fstest.MapFS{"policies/a.yml": {Data: []byte("rules: [\n")}}, "policies/a.yml:2:1: not YAML: did not find expected node content (check indentation, quotes and brackets of this line and the one before)"},
		"several rules":   {fstest.MapFS{"policies/a.yml": {Data: []byte(good)}, "policies/b.yml": {Data: []byte(good)}}, `policies/b.yml:1:16: there is a rule "a" already: policies/a.yml:1:16 (give it another name)`},
		"no folder":       {fstest.MapFS{"policies": {Data: []byte(good)}}, "policies: cannot be read: not implemented"},
		"several in one":  {fstest.MapFS{"policies/a.yml": {Data: []byte(good + "---\n" + strings.Replace(good, "a,", "b,", 1))}}, ""},
		"keys as written": {fstest.MapFS{"policies/a.yml": {Data: []byte("rules: [{name: a, 'on': asset, assert: name != ''}]\n")}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if _, bad := policy.Read(c.fsys, parse); texts(bad) != c.want {
				t.Errorf("got  %s\nwant %s", texts(bad), c.want)
			}
		})
	}
}
