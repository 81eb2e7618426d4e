package plan

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

const (
	space   = "workspace/ws"
	cluster = "compute/gpu#amlcompute"
)

// What stands at the top of a target is made before all else, gets what it
// names after that, and is never deleted.
func TestTop(t *testing.T) {
	for _, tt := range []struct {
		name  string
		setup func(w *world)
		plan  string
	}{
		{"made with what is in it", func(w *world) {
			w.want(space, `'image_build_compute':'gpu'`)
			w.want(cluster, `'size':'A'`)
			w.want(env, `'image':'a'`)
		}, `workspace/ws create
			compute/gpu create <- workspace/ws
			environment/e:1 create <- workspace/ws
			workspace/ws#late update image_build_compute:git <- compute/gpu, workspace/ws`},
		{"there already", func(w *world) {
			w.want(space, `'description':'y'`)
			w.owned(space, `'description':'x'`, `'description':'x'`)
			w.want(env, `'image':'a'`)
		}, `environment/e:1 create
			workspace/ws update description:git`},
		{"a fixed field", func(w *world) {
			w.want(space, `'location':'a'`)
			w.owned(space, `'location':'b'`, `'location':'b'`)
			w.rule(Rule{AllowReplace: true})
		}, `workspace/ws blocked(protected) location:git`},
		{"removed from git", func(w *world) {
			w.owned(space, `'description':'x'`, `'description':'x'`)
			w.rule(Rule{OnRemove: kind.Delete})
		}, `workspace/ws orphan`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			tt.setup(w)
			check(t, Make(w.in), tt.plan)
		})
	}
}

// In a registry, an address of the registry names an asset of it.
func TestRegistryReferences(t *testing.T) {
	w := newWorld(t)
	a := w.asset("model/m:1#custom_model", `'path':'https://x/y'`)
	job := w.asset("job/j#command", `'environment':'azureml://registries/shared/environments/e/versions/1'`)
	if got := Needs(kind.Scope{Registry: "shared"}, job); len(got) != 1 || got[0] != (asset.ID{Kind: "environment", Name: "e", Version: "1"}) {
		t.Errorf("got %v", got)
	}
	if got := Needs(kind.Scope{Workspace: "ws"}, job); len(got) != 0 {
		t.Errorf("got %v", got)
	}
	w.in.Target = Target{Name: "t", Registry: "shared"}
	w.in.Want.Add(a)
	var b strings.Builder
	if err := Human(&b, Make(w.in), Style{}); err != nil || !strings.Contains(b.String(), "registry shared") {
		t.Errorf("%v: %s", err, b.String())
	}
}
