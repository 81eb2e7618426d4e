package policy_test

import (
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/policy"
)

// Whatever stands in a file of policies, it is read without a panic, a rule
// that is kept can be asked, and twice the same comes out.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"rules:\n  - name: two\n    on: change\n    match: {kind: [model, compute], name: 'x*', action: create, target: prod}\n    except: [{name: old-*}]\n    when: has(want.tags)\n    assert: want.tags.all(k, size(k) > 2)\n    at: tags\n    level: warn\n    message: \"{name} has {want.tags}, {{ and }}\"\n",
		"rules: [{name: a, on: asset, assert: \"body.size.matches('^Standard')\"}]\n---\nrules: []\n",
		"rules:\n  - name: a\n    on: release\n    assert: |\n      assets.exists(a,\n        a.kind == 'model')\n",
		"rules: [{name: a, on: asset, assert: 'timestamp(name) < timestamp(\"2020-01-01T00:00:00Z\") || int(version) / 0 == 1'}]\n",
		"rules: [{name: a, on: asset, assert: '[1, 2.0, 3u].map(x, string(x)).exists(y, y in tags)'}]\n",
		"rules: [{name: a, on: asset, assert: 'b\"\\x00\" == bytes(name) ? {1: name}[1] == name : dyn(1) == dyn(\"1\")'}]\n",
		"rules: [{name: a, on: asset, assert: 'type(body) == map && duration(\"1h\") > duration(name)'}]\n",
		"rules: {on: yes}\n", "rules: [{message: '{'}]\n", "- a\n", "rules: &a [*a]\n", "rules: [{name: a, on: asset, assert: >\n   1 >\n   2}]\n",
	} {
		f.Add([]byte(seed))
	}
	fsys := fstest.MapFS{"m.yml": {Data: []byte(model)}, "c.yml": {Data: []byte(compute)}}
	all := assetsOf(fsys)
	var steps []plan.Step
	for _, a := range all {
		steps = append(steps, step(plan.Create, a, nil), step(plan.Update, a, a, "tags.team"))
	}
	releases, _ := policy.ReadReleases(fstest.MapFS{"releases/r.yml": {Data: []byte("name: r\nassets: [{kind: model, name: fares, version: '4'}]\n")}}, parse)
	f.Fuzz(func(t *testing.T, data []byte) {
		fsys := fstest.MapFS{"policies/a.yml": {Data: data}}
		set, bad := policy.Read(fsys, parse)
		_, again := policy.Read(fsys, parse)
		if texts(bad) != texts(again) {
			t.Errorf("%s\nand then\n%s", texts(bad), texts(again))
		}
		set.Judge(policy.Input{Target: "prod", Assets: all, Steps: steps, Releases: releases})
	})
}
