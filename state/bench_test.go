package state_test

import (
	"fmt"
	"path/filepath"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// typicalBody is the size and shape of a command job.
func typicalBody(n int) *asset.Value {
	v, err := asset.ParseJSON(fmt.Appendf(nil, `{"command":"python train.py --epochs ${{inputs.epochs}} --data ${{inputs.data}}","code":"azureml:code-%d:1",
		"environment":"azureml:train:3","compute":"azureml:cpu","display_name":"train %d","experiment_name":"churn","description":"trains the model",
		"inputs":{"epochs":10,"data":{"type":"uri_folder","path":"azureml:churn:4","mode":"ro_mount"}},"outputs":{"model":{"type":"mlflow_model"}},
		"resources":{"instance_count":2,"shm_size":"8g"},"limits":{"timeout":3600},"tags":{"team":"ml","cost":"%d"}}`, n, n, n))
	if err != nil {
		panic(err)
	}
	return v
}

func benchTarget(b *testing.B) (*state.Target, int64) {
	s := open(b, filepath.Join(b.TempDir(), "journal.db"), state.Options{})
	j := target(b, s, "prod")
	return j, begin(b, j).Generation
}

func BenchmarkOwned10000(b *testing.B) {
	j, gen := benchTarget(b)
	var all []plan.Owned
	for i := range 10_000 {
		o := ownedEnv(env(fmt.Sprintf("asset-%05d", i), "1"))
		o.Body = typicalBody(i)
		all = append(all, o)
	}
	must(b, j.Own(b.Context(), gen, all...))
	for b.Loop() {
		owned, err := j.Owned(b.Context())
		if err != nil || len(owned) != len(all) {
			b.Fatal(len(owned), err)
		}
	}
}

func BenchmarkIntendAndFinish(b *testing.B) {
	j, gen := benchTarget(b)
	body := typicalBody(1)
	n := 0
	for b.Loop() {
		n++
		id := env(fmt.Sprintf("asset-%07d", n), "1")
		own := ownedEnv(id)
		own.Body = body
		must(b, j.Finish(b.Context(), gen, state.End{Intent: intend(b, j, gen, id), Outcome: done(id), Own: &own}))
	}
}

func BenchmarkIntendAll500(b *testing.B) {
	j, gen := benchTarget(b)
	intents := make([]state.Intent, 500)
	for i := range intents {
		intents[i] = state.Intent{Key: plan.Key{ID: env(fmt.Sprintf("asset-%07d", i), "1")}, Action: plan.Create, Digest: "d"}
	}
	for b.Loop() {
		if _, err := j.IntendAll(b.Context(), gen, intents); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenExisting(b *testing.B) {
	path := filepath.Join(b.TempDir(), "journal.db")
	s, err := state.Open(b.Context(), path, state.Options{})
	must(b, err)
	j := target(b, s, "prod")
	gen := begin(b, j).Generation
	for i := range 500 {
		o := ownedEnv(env(fmt.Sprintf("asset-%05d", i), "1"))
		o.Body = typicalBody(i)
		must(b, j.Own(b.Context(), gen, o))
	}
	must(b, s.Close())
	for b.Loop() {
		s, err := state.Open(b.Context(), path, state.Options{})
		must(b, err)
		must(b, s.Close())
	}
}
