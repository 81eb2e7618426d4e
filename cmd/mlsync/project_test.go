package main

import (
	"context"
	"io/fs"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/reconcile"
	"mlsync.dev/mlsync/resolve"
	"mlsync.dev/mlsync/tree"
)

func ofProject() *project {
	return &project{&config.Project{
		Name: "vision", Pos: problem.Pos{File: "projects.yaml", Line: 7, Col: 3}, Kinds: []string{"component", "data"},
		Workspaces: []string{"/subscriptions/s/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/dev*"},
	}}
}

// Kinds that are not the project's are refused wherever they come from: in a
// file, within another asset, or because git has no file of them any more.
func TestAttackZ14KindsBeyondTheProject(t *testing.T) {
	id := func(k, name string) asset.ID { return asset.ID{Kind: asset.Kind(k), Name: name, Version: "1"} }
	at := func(line int) problem.Pos { return problem.Pos{File: "x.yml", Line: line} }
	prep := &reconcile.Prepared{
		Tree: &tree.Tree{Assets: []*asset.Asset{{ID: id("component", "c"), Pos: at(1)}, {ID: id("model", "m"), Pos: at(2)}}},
		Plan: &plan.Plan{Steps: []plan.Step{
			{Key: plan.Key{ID: id("model", "m")}, Action: plan.Create},
			{Key: plan.Key{ID: id("component", "c")}, Action: plan.Create},
			{Key: plan.Key{ID: id("code", "z")}, Action: plan.Create},
			{Key: plan.Key{ID: id("compute", "gone")}, Action: plan.Delete},
			{Key: plan.Key{ID: id("compute", "stays")}, Action: plan.NoOp},
			{Key: plan.Key{ID: id("data", "gone")}, Action: plan.Archive},
		}},
		Want: &resolve.Want{Set: asset.NewSet(
			&asset.Asset{ID: id("environment", "inline"), Anonymous: true, Pos: at(3)}, &asset.Asset{ID: id("code", "z"), Anonymous: true, Pos: at(4)}, &asset.Asset{ID: id("model", "m"), Pos: at(2)},
		)},
	}
	none := func(fs.FS, *reconcile.Prepared) problem.List { return nil }
	var got []string
	for _, b := range ofProject().review(none)(nil, prep) {
		got = append(got, b.String())
		if !strings.Contains(b.Hint, "project vision at projects.yaml:7:3") || b.Code != codeProject {
			t.Errorf("%+v", b)
		}
	}
	text := strings.Join(got, "\n")
	for _, want := range []string{"x.yml:2: model/m:1: model is no kind", "x.yml:3: environment/inline:1", "mlsync.yaml: compute/gone:1: to delete it is not for the project"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if len(got) != 3 {
		t.Errorf("got\n%s", text)
	}
	var nobody *project
	if nobody.review(none)(nil, prep) != nil || nobody.bind(config.Default()) != nil {
		t.Error("a daemon without projects refuses something")
	}
}

// The bytes of a release come only from workspaces of the project: who names
// them is the author of a file.
func TestAttackZ15ContentOfOtherWorkspaces(t *testing.T) {
	opened := 0
	open := ofProject().sources(func(context.Context, kind.Scope) (*azureml.Storage, error) { opened++; return nil, nil })
	for name, want := range map[string]bool{"dev-1": true, "DEV-2": true, "prod": false, "": false} {
		opened = 0
		_, err := open(t.Context(), kind.Scope{Subscription: "s", ResourceGroup: "rg", Workspace: name})
		if (err == nil) != want || (opened == 1) != want {
			t.Errorf("%q: opened %d times, %v", name, opened, err)
		}
	}
	if _, err := open(t.Context(), kind.Scope{Subscription: "s", ResourceGroup: "rg", Registry: "dev-1"}); err == nil {
		t.Error("a registry is opened as a workspace")
	}
}
