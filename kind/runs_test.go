package kind_test

import (
	"path/filepath"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// runFiles are the samples of jobs, endpoints and deployments, each beside
// the body that the reference client makes of it.
func runFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/runs/*.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	return files
}

func goldenBody(t *testing.T, file string) *asset.Value {
	t.Helper()
	group, _, _ := strings.Cut(scope.WorkspaceID(), "/providers/")
	text := strings.NewReplacer("{WS}", scope.WorkspaceID(), "{RG}", group).Replace(mustRead(t, strings.TrimSuffix(file, ".yml")+".json"))
	v, err := asset.ParseJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestRunsToREST(t *testing.T) {
	for _, file := range runFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a := read(t, readYAML(t, mustRead(t, file)))
			if got, want := toREST(t, a), goldenBody(t, file); !got.Equal(want) {
				t.Errorf("got  %s\nwant %s", got.Canonical(), want.Canonical())
			}
		})
	}
}

// TestRunsRoundTrip: what was sent is read back as what was meant.
func TestRunsRoundTrip(t *testing.T) {
	for _, file := range runFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			a := read(t, readYAML(t, mustRead(t, file)))
			live := fromREST(t, a, toREST(t, a))
			if live.ID != a.ID || live.Variant != a.Variant {
				t.Errorf("got %s %q, want %s %q", live.ID, live.Variant, a.ID, a.Variant)
			}
			if v := kind.VariantOf(a); !kind.Same(v, a.Body, live.Body) {
				t.Errorf("want %s\nlive %s", a.Body.Canonical(), live.Body.Canonical())
			}
			again := fromREST(t, live, toREST(t, live))
			if !again.Body.Equal(live.Body) {
				t.Errorf("live  %s\nagain %s", live.Body.Canonical(), again.Body.Canonical())
			}
		})
	}
}

func fromREST(t *testing.T, a *asset.Asset, rest *asset.Value) *asset.Asset {
	t.Helper()
	live, err := kind.Of(a.ID.Kind).FromREST(&kind.Decoder{Scope: scope}, scope.ARM(a.ID), rest)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

// TestFlatBatchDeployment: both written forms have one normal form.
func TestFlatBatchDeployment(t *testing.T) {
	one := read(t, readYAML(t, mustRead(t, "testdata/runs/batch-deployment.yml")))
	two := read(t, readYAML(t, mustRead(t, "testdata/runs/batch-deployment-flat.yml")))
	if !one.Body.Equal(two.Body) {
		t.Errorf("settings %s\nflat     %s", one.Body.Canonical(), two.Body.Canonical())
	}
}

// TestPrivateConnection: the property that holds the field is not shown twice.
func TestPrivateConnection(t *testing.T) {
	a := read(t, readYAML(t, mustRead(t, "testdata/runs/online-deployment-managed.yml")))
	live := fromREST(t, a, toREST(t, a))
	if got := live.Body.Get("private_network_connection").Str(); got != "true" {
		t.Errorf("private_network_connection is %q, want true", got)
	}
	if props := live.Body.Get("properties"); !props.Equal(a.Body.Get("properties")) {
		t.Errorf("properties are %s", props.Canonical())
	}
}
