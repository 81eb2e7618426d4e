package kind

import (
	"testing"

	"mlsync.dev/mlsync/asset"
)

// The versions were made by azure-ai-ml 1.28.0.
func TestAnonymousEnvironments(t *testing.T) {
	const (
		conda  = "conda_file: {name: x, dependencies: [python=3.10, {pip: ['a>=1,<2', \"it's\"]}]}\n"
		routes = "inference_config: {liveness_route: {path: /, port: 5001}, readiness_route: {port: 5001, path: /}, scoring_route: {path: /score it, port: '5001'}}\n"
		upload = "ed345d418e86053d94822b9846be865bd1133883679adf69b64b85514bcbaf0c"
	)
	for _, c := range []struct{ text, upload, want string }{
		{"image: img:1\n", "", "6fd8a335e03c957d70bcf37d76972be1afc4a7ec91bdbb66dd70218dfe127b0b"},
		{"image: img:1\n" + conda, "", "f75f7d9c408e89a2b3eb6ad94c00dd800ef8cedb78b5ffd10afb3c564824d79e"},
		{"image: img:1\n" + conda + routes, "", "3fd66b01633d27a65a228e492709b253c3160a3f985f9f92a68ca9855bc9117f"},
		{"build: {path: ctx, dockerfile_path: D}\n", upload, "7f911a176fd0b3caff8b54d2702b6d6275d6b34eb5d5b74d38eaa60cc3b761c2"},
		{"build: {path: ctx}\n", upload, "8e1d8ef6a01f5e250d050f45f39f1dd5b6e9db2ba6cfdee91169687a9918689e"},
	} {
		var k Checker
		body := environment.Variants[0].ReadInline(&k, ParseDocument(c.text))
		if err := k.Problems.Err(); err != nil {
			t.Fatal(err)
		}
		a := &asset.Asset{ID: asset.ID{Kind: environment.Kind}, Body: body}
		want := asset.ID{Kind: environment.Kind, Name: "CliV2AnonymousEnvironment", Version: c.want}
		if got := AnonymousID(a, c.upload); got != want {
			t.Errorf("%q: got %s, want %s", c.text, got, want)
		}
	}
}

func TestAnonymousModelsAreNamedByTheirContent(t *testing.T) {
	a := &asset.Asset{ID: asset.ID{Kind: model.Kind}, Body: asset.NewMap().Set("path", asset.NewString("azureml://datastores/x/paths/y"))}
	one, two := AnonymousID(a, "hash"), AnonymousID(a, "")
	if one == two || one != AnonymousID(a, "hash") || one.Version != "1" || len(one.Name) != 64 {
		t.Errorf("got %s and %s", one, two)
	}
}
