package acceptance_test

import (
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// The contract comes before the endpoint that needs it, and goes after it.
func TestSubscriptionComesBeforeTheEndpoint(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	const model = "model_id: azureml://registries/azureml-cohere/models/Cohere-embed-v3-english\n"
	w.write("marketplace-subscriptions/cohere.yml", "name: z-contract\n"+model)
	w.write("serverless-endpoints/embed.yml", "name: embed\n"+model)
	w.apply()
	w.settled()
	paths := func(method string) []string {
		var out []string
		for _, r := range w.writes() {
			if r.Method == method {
				out = append(out, r.Path[strings.LastIndex(r.Path, "/")+1:])
			}
		}
		return out
	}
	if got := paths("PUT"); !slices.Equal(got, []string{"z-contract", "embed"}) {
		t.Errorf("made in the order %v", got)
	}
	w.remove("marketplace-subscriptions")
	w.apply()
	if p, r := w.plan(); p.step("marketplace-subscription/z-contract").Action != "noop" {
		t.Errorf("a contract in use is removed: %s", r)
	}
	w.remove("serverless-endpoints")
	w.apply()
	w.apply("--allow", "delete:marketplace-subscription/z-contract", "--allow", "delete:serverless-endpoint/embed")
	if got := paths("DELETE"); !slices.Equal(got, []string{"embed", "z-contract"}) {
		t.Errorf("removed in the order %v", got)
	}
	w.settled()
}
