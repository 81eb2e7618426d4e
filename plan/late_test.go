package plan

import (
	"testing"

	"mlsync.dev/mlsync/asset"
)

const (
	k8s   = "online-endpoint/end#kubernetes"
	end   = "online-endpoint/end#managed"
	blue  = "online-deployment/end/blue#managed"
	green = "online-deployment/end/green#managed"
)

func TestChoreography(t *testing.T) {
	const dep, dep2 = `'instance_type':'A','instance_count':1`, `'instance_type':'A','instance_count':2`
	costs := []string{"delete:online-endpoint/end", "delete:online-deployment/end/blue", "delete:online-deployment/end/green", "delete:batch-endpoint/bat"}
	tests := []struct {
		name  string
		setup func(w *world)
		plan  string
	}{
		{"first deployment", func(w *world) {
			w.want(end, `'auth_mode':'key','traffic':{'blue':100}`)
			w.want(blue, dep+`,'environment':'azureml:e:1'`)
			w.want(env, `'image':'a'`)
		}, `environment/e:1 create
			online-endpoint/end create
			online-deployment/end/blue create <- environment/e:1, online-endpoint/end
			online-endpoint/end#late update traffic:git <- online-deployment/end/blue, online-endpoint/end`},
		{"swap in one commit", func(w *world) {
			w.want(end, `'traffic':{'green':100}`)
			w.owned(end, `'traffic':{'blue':100}`, `'traffic':{'blue':100}`)
			w.want(green, dep)
			w.owned(blue, dep, dep)
		}, `online-deployment/end/green create
			online-endpoint/end noop
			online-endpoint/end#late update traffic.green:git traffic.blue:git <- online-deployment/end/green
			online-deployment/end/blue delete <- online-endpoint/end#late !delete:online-deployment/end/blue`},
		{"everything removed", func(w *world) {
			w.owned(end, `'traffic':{'blue':100}`, `'traffic':{'blue':100}`)
			w.owned(blue, dep, dep)
			w.owned(green, dep, dep)
		}, `online-deployment/end/green delete !delete:online-deployment/end/green
			online-endpoint/end#clear update traffic:default
			online-deployment/end/blue delete <- online-endpoint/end#clear !delete:online-deployment/end/blue
			online-endpoint/end delete <- online-deployment/end/blue, online-deployment/end/green, online-endpoint/end#clear !delete:online-endpoint/end`},
		{"everything removed, one approval missing", func(w *world) {
			w.owned(end, `'traffic':{'blue':100}`, `'traffic':{'blue':100}`)
			w.owned(blue, dep, dep)
			w.in.Options.Allow = []string{"delete:online-endpoint/end"}
		}, `online-endpoint/end#clear blocked(waits_for) traffic:default
			online-deployment/end/blue delete <- online-endpoint/end#clear !delete:online-deployment/end/blue
			online-endpoint/end blocked(waits_for) <- online-deployment/end/blue, online-endpoint/end#clear`},
		{"all deployments and the traffic removed", func(w *world) {
			w.want(end, `'description':'x'`)
			w.owned(end, `'description':'x','traffic':{'blue':100}`, `'description':'x','traffic':{'blue':100}`)
			w.owned(blue, dep, dep)
		}, `online-endpoint/end noop ~traffic:default
			online-endpoint/end#clear update traffic:default
			online-deployment/end/blue delete <- online-endpoint/end#clear !delete:online-deployment/end/blue`},
		{"all deployments removed from an endpoint that somebody took over", func(w *world) {
			w.want(end, `'description':'x'`)
			w.owned(end, `'description':'x','traffic':{'blue':100}`, `'description':'x','traffic':{'blue':100}`).Stamps["owner"] = "others"
			w.owned(blue, dep, dep)
		}, `online-deployment/end/blue blocked(live_traffic)
			online-endpoint/end blocked(other_owner)`},
		{"traffic no longer said, deployments stay", func(w *world) {
			w.want(end, ``)
			w.owned(end, `'traffic':{'blue':100}`, `'traffic':{'blue':100}`)
			w.want(blue, dep)
			w.owned(blue, dep, dep)
		}, `online-deployment/end/blue noop
			online-endpoint/end noop ~traffic:default`},
		{"live traffic that git does not speak of", func(w *world) {
			w.want(end, ``)
			w.owned(end, `'traffic':{'blue':90,'green':10}`, ``)
			w.owned(blue, dep, dep)
			w.want(green, dep)
			w.owned(green, dep, dep)
		}, `online-deployment/end/blue blocked(live_traffic)
			online-deployment/end/green noop
			online-endpoint/end noop`},
		{"traffic to nothing", func(w *world) {
			w.want(end, `'traffic':{'red':100}`)
		}, `online-endpoint/end blocked(live_traffic)`},
		{"traffic to what is being removed", func(w *world) {
			w.want(end, `'traffic':{'blue':100}`)
			w.owned(end, `'traffic':{'blue':100}`, `'traffic':{'blue':100}`)
			w.owned(blue, dep, dep)
		}, `online-deployment/end/blue blocked(live_traffic)
			online-endpoint/end blocked(live_traffic)`},
		{"traffic to a deployment of somebody else", func(w *world) {
			w.want(end, `'traffic':{'blue':100}`)
			w.owned(end, ``, ``)
			w.live(blue, dep)
		}, `online-endpoint/end noop
			online-endpoint/end#late update traffic.blue:git`},
		{"the endpoint holds a deployment of somebody else", func(w *world) {
			w.owned(end, ``, ``)
			w.live(blue, dep)
		}, `online-endpoint/end blocked(contains)`},
		{"the endpoint holds a deployment of git", func(w *world) {
			w.owned(end, ``, ``)
			w.want(blue, dep)
			w.owned(blue, dep, dep)
		}, `online-deployment/end/blue noop
			online-endpoint/end blocked(contains)`},
		{"deployments not readable", func(w *world) {
			w.owned(end, ``, ``)
			delete(w.in.Live.Listed, "online-deployment")
		}, `online-endpoint/end blocked(contains)`},
		{"a deployment without endpoint", func(w *world) { w.want(blue, dep) }, `online-deployment/end/blue blocked(missing_parent)`},
		{"a deployment of an endpoint of somebody else", func(w *world) {
			w.want(blue, dep)
			w.live(end, ``)
		}, `online-deployment/end/blue create`},
		{"update of a serving deployment", func(w *world) {
			w.want(end, `'traffic':{'blue':100}`)
			w.owned(end, `'traffic':{'blue':100}`, `'traffic':{'blue':100}`)
			w.want(blue, dep2)
			w.owned(blue, dep, dep)
		}, `online-deployment/end/blue update instance_count:git
			online-endpoint/end noop`},
		{"replacement of a serving deployment", func(w *world) {
			w.want(end, `'traffic':{'blue':100}`)
			w.owned(end, `'traffic':{'blue':100}`, `'traffic':{'blue':100}`)
			w.want(blue, `'instance_type':'B','instance_count':1`)
			w.owned(blue, dep, dep)
		}, `online-deployment/end/blue blocked(live_traffic) instance_type:git
			online-endpoint/end noop`},
		{"replacement of an idle deployment", func(w *world) {
			w.want(end, ``)
			w.owned(end, ``, ``)
			w.want(blue, `'instance_type':'B','instance_count':1`)
			w.owned(blue, dep, dep)
		}, `online-deployment/end/blue replace instance_type:git !replace:online-deployment/end/blue
			online-endpoint/end noop`},
		{"replacement of an endpoint", func(w *world) {
			w.want(k8s, `'compute':'azureml:b','traffic':{'blue':100}`)
			w.owned(k8s, `'compute':'azureml:a','traffic':{'blue':100}`, `'compute':'azureml:a','traffic':{'blue':100}`)
			w.want(blue, dep)
			w.owned(blue, dep, dep)
			w.in.Options.Allow = []string{"replace:online-endpoint/end"}
		}, `online-endpoint/end replace compute:git !replace:online-endpoint/end
			online-deployment/end/blue create <- online-endpoint/end
			online-endpoint/end#late update traffic:git <- online-deployment/end/blue, online-endpoint/end`},
		{"drift of traffic is corrected", func(w *world) {
			w.want(end, `'traffic':{'blue':100}`)
			w.owned(end, `'traffic':{'blue':90,'green':10}`, `'traffic':{'blue':100}`)
			w.want(blue, dep)
			w.owned(blue, dep, dep)
			w.live(green, dep)
		}, `online-deployment/end/blue noop
			online-endpoint/end noop
			online-endpoint/end#late update traffic.blue:drift traffic.green:drift`},
		{"traffic changes as a whole", func(w *world) {
			w.rule(Rule{Drift: Report})
			w.want(end, `'traffic':{'blue':100}`)
			w.owned(end, `'traffic':{'green':100}`, ``)
			w.change("online-endpoint/end", func(o *Owned) { o.Body = w.body(`'traffic':{'red':1}`) })
			w.want(blue, dep)
			w.owned(blue, dep, dep)
			w.owned(green, dep, dep)
		}, `online-deployment/end/blue noop
			online-endpoint/end noop
			online-endpoint/end#late update traffic.blue:git traffic.green:drift
			online-deployment/end/green delete <- online-endpoint/end#late !delete:online-deployment/end/green`},
		{"traffic is ignored as a whole", func(w *world) {
			w.rule(Rule{Ignore: []string{"traffic.green"}})
			w.want(end, `'traffic':{'blue':100}`)
			w.owned(end, `'traffic':{'green':100}`, `'traffic':{'green':100}`)
			w.want(blue, dep)
			w.owned(blue, dep, dep)
			w.owned(green, dep, dep)
		}, `online-deployment/end/blue noop
			online-deployment/end/green blocked(live_traffic)
			online-endpoint/end noop ~traffic.blue:git ~traffic.green:git`},
		{"batch: deployment, then default", func(w *world) {
			w.want("batch-endpoint/bat", `'defaults':{'deployment_name':'azureml:one'}`)
			w.want("batch-deployment/bat/one", `'model':'azureml:m:1'`)
		}, `batch-endpoint/bat create
			batch-deployment/bat/one create <- batch-endpoint/bat
			batch-endpoint/bat#late update defaults.deployment_name:git <- batch-deployment/bat/one, batch-endpoint/bat`},
		{"reference to a new version", func(w *world) {
			w.want(end, ``)
			w.owned(end, ``, ``)
			w.want(blue, dep+`,'environment':'azureml:e:2'`)
			w.owned(blue, dep+`,'environment':'azureml:e:1'`, dep+`,'environment':'azureml:e:1'`)
			w.want("environment/e:2", `'image':'b'`)
			w.owned(env, `'image':'a'`, `'image':'a'`)
		}, `environment/e:2 new_version image:git after 1
			online-endpoint/end noop
			online-deployment/end/blue update environment:reference <- environment/e:2`},
		{"what fails to be read blocks what needs it", func(w *world) {
			w.want(end, `'traffic':{'blue':100}`)
			w.want(blue, dep+`,'environment':'azureml:e:1'`)
			w.want(env, `'image':'a'`)
			w.in.Live.Unknown[mustID(env)] = "500"
		}, `environment/e:1 unknown(not_read)
			online-endpoint/end create
			online-deployment/end/blue blocked(waits_for) <- environment/e:1, online-endpoint/end
			online-endpoint/end#late blocked(waits_for) traffic:git <- online-deployment/end/blue, online-endpoint/end`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.in.Options.Allow = costs
			tt.setup(w)
			check(t, Make(w.in), tt.plan)
		})
	}
}

func TestLateValues(t *testing.T) {
	w := newWorld(t)
	w.in.Options.Allow = []string{"delete:online-endpoint/end", "delete:online-deployment/end/blue"}
	w.owned(end, `'auth_mode':'key','traffic':{'blue':100}`, `'traffic':{'blue':100}`)
	w.owned(blue, ``, ``)
	for _, s := range Make(w.in).Steps {
		if s.Key.Part != Clear {
			continue
		}
		if !s.Want.Body.Equal(w.body(`'auth_mode':'key'`)) {
			t.Errorf("the step that takes traffic off writes %s", s.Want.Body.Canonical())
		}
		if s.Live == nil || !s.Live.Body.Has("traffic") {
			t.Error("the live asset was changed")
		}
		return
	}
	t.Error("there is no step that takes the traffic off")
}

func TestDriftModes(t *testing.T) {
	tests := []struct {
		name   string
		rule   Rule
		origin Origin
		plan   string
		drift  int
		revert bool
	}{
		{"created", Rule{}, Created, "data/d:1 update description:drift", 1, true},
		{"adopted", Rule{}, Adopted, "data/d:1 noop ~description:drift", 1, false},
		{"adopted, correct", Rule{Drift: Correct}, Adopted, "data/d:1 update description:drift", 1, true},
		{"report", Rule{Drift: Report}, Created, "data/d:1 noop ~description:drift", 1, false},
		{"off", Rule{Drift: DriftOff}, Created, "data/d:1 noop ~description:drift", 0, false},
		{"ignored field", Rule{Ignore: []string{"description"}}, Created, "data/d:1 noop ~description:drift", 0, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			w.want(dat, `'path':'p','description':'git'`)
			live := w.owned(dat, `'path':'p','description':'studio'`, `'path':'p','description':'git'`)
			live.ModifiedBy, live.ModifiedAt = "ana@contoso", "2026-11-22T13:40:00Z"
			w.change(dat, func(o *Owned) { o.Origin = tt.origin })
			w.rule(tt.rule)
			p := Make(w.in)
			check(t, p, tt.plan)
			if len(p.Drift) != tt.drift {
				t.Fatalf("%d drifts, want %d", len(p.Drift), tt.drift)
			}
			if tt.drift == 1 && (p.Drift[0].Revert != tt.revert || p.Drift[0].By != "ana@contoso" || p.Drift[0].At != live.ModifiedAt || p.Drift[0].Paths[0] != "description") {
				t.Errorf("drift: %+v", p.Drift[0])
			}
		})
	}
}

func TestImmutableDriftIsReportedOnly(t *testing.T) {
	w := newWorld(t)
	w.want(env, `'image':'a'`)
	w.owned(env, `'image':'b'`, `'image':'a'`)
	p := Make(w.in)
	check(t, p, "environment/e:1 noop ~image:drift")
	if len(p.Drift) != 1 || p.Drift[0].Revert || len(p.Problems) != 0 {
		t.Errorf("drift %+v, problems %v", p.Drift, p.Problems)
	}
}

func TestSelect(t *testing.T) {
	w := newWorld(t)
	w.want(end, `'traffic':{'blue':100}`)
	w.want(blue, `'environment':'azureml:e:1'`)
	w.want(env, `'image':'a'`)
	w.want("environment/other:1", `'image':'a'`)
	w.owned(dat, `'path':'x'`, `'path':'x'`)
	const deployment = "environment/e:1 create\nonline-endpoint/end create\nonline-deployment/end/blue create <- environment/e:1, online-endpoint/end"
	for _, tt := range []struct{ pattern, plan string }{
		{"online-deployment/*/*", deployment},
		{"online-deployment", deployment},
		{"environment/o*", "environment/other:1 create"},
		{"data/d", "data/d:1 archive"},
		{"data/d:1", "data/d:1 archive"},
	} {
		w.in.Options.Select = []string{tt.pattern}
		p := Make(w.in)
		check(t, p, tt.plan)
		if len(p.Problems) != 0 {
			t.Errorf("%s: %v", tt.pattern, p.Problems)
		}
	}
	w.in.Options.Select = []string{"environment/nothing"}
	if p := Make(w.in); len(p.Steps) != 0 || p.ExitCode(false) != ExitProblems {
		t.Errorf("a pattern that matches nothing: %d steps, exit code %d", len(p.Steps), p.ExitCode(false))
	}
}

func TestRemovalWaitsForTheLastUser(t *testing.T) {
	w := newWorld(t)
	w.want(end, ``)
	w.owned(end, ``, ``)
	w.want(blue, `'model':'azureml:m:2'`)
	w.owned(blue, `'model':'azureml:n:1'`, `'model':'azureml:n:1'`)
	w.want("model/m:2#custom_model", `'path':'x'`)
	w.owned("model/n:1#custom_model", `'path':'x'`, `'path':'x'`)
	check(t, Make(w.in), `
		model/m:2 create
		online-endpoint/end noop
		online-deployment/end/blue update model:git <- model/m:2
		model/n:1 archive <- online-deployment/end/blue`)
}

func TestExitCodes(t *testing.T) {
	tests := []struct {
		name         string
		setup        func(w *world)
		plain, exact int
	}{
		{"nothing", func(w *world) {}, ExitDone, ExitDone},
		{"changes", func(w *world) { w.want(env, `'image':'a'`) }, ExitDone, ExitChanges},
		{"adoption alone is no change", func(w *world) { w.want(env, `'image':'a'`); w.live(env, `'image':'a'`) }, ExitDone, ExitDone},
		{"an approval is missing", func(w *world) { w.owned(end, ``, ``) }, ExitDone, ExitChanges},
		{"not readable", func(w *world) { w.in.Observed.Partial = map[asset.Kind]string{"data": "403"} }, ExitError, ExitError},
		{"unknown", func(w *world) { w.want(env, `'image':'a'`); w.in.Live.Listed = nil }, ExitError, ExitError},
		{"problems", func(w *world) { w.want(blue, ``) }, ExitProblems, ExitProblems},
	}
	for _, tt := range tests {
		w := newWorld(t)
		tt.setup(w)
		p := Make(w.in)
		if a, b := p.ExitCode(false), p.ExitCode(true); a != tt.plain || b != tt.exact {
			t.Errorf("%s: exit codes %d and %d, want %d and %d", tt.name, a, b, tt.plain, tt.exact)
		}
	}
}

func TestBodyToWrite(t *testing.T) {
	w := newWorld(t)
	w.rule(Rule{Drift: Report})
	w.want(end, `'auth_mode':'key','description':'git','tags':{'a':'1'},'traffic':{'blue':100}`)
	w.owned(end, `'auth_mode':'aad_token','description':'old','tags':{'a':'2','b':'3'},'traffic':{}`, `'auth_mode':'key','description':'old','tags':{'a':'1'},'traffic':{}`)
	w.live(blue, ``)
	p := Make(w.in)
	check(t, p, `
		online-endpoint/end update description:git ~tags.a:drift ~auth_mode:drift
		online-endpoint/end#late update traffic.blue:git <- online-endpoint/end`)
	want := w.body(`'auth_mode':'aad_token','description':'git','tags':{'a':'2'},'traffic':{'blue':100}`)
	for _, s := range p.Steps {
		if !s.Body.Equal(want) {
			t.Errorf("%s writes %s, want %s", s.Key, s.Body.Canonical(), want.Canonical())
		}
	}
}

func TestAdoptOfAnotherType(t *testing.T) {
	w := newWorld(t)
	w.want(k8s, `'compute':'azureml:a'`)
	w.live(end, ``)
	check(t, Make(w.in), "online-endpoint/end blocked(other_type) type:adopt")
	w.rule(Rule{Drift: Correct})
	check(t, Make(w.in), "online-endpoint/end replace type:adopt !replace:online-endpoint/end")
}
