package promote

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
	"mlsync.dev/mlsync/tree"
)

// written is the asset of a document.
func written(t testing.TB, text string) *asset.Asset {
	t.Helper()
	docs, bad := tree.Parse([]byte(text), "", tree.ParseOptions{})
	if len(bad) > 0 || len(docs) != 1 {
		t.Fatalf("%s: %v", text, bad)
	}
	v := kind.Identify(docs[0], "")
	if v.Variant == nil {
		t.Fatalf("%s: %s", text, v.Why+v.Doubt)
	}
	c := &kind.Checker{}
	a := v.Variant.Read(c, docs[0])
	if len(c.Problems.Errors()) > 0 {
		t.Fatalf("%s: %v", text, c.Problems)
	}
	return a
}

const (
	schemas = "$schema: https://azuremlschemas.azureedge.net/latest/"
	hash1   = "1111111111111111111111111111111111111111111111111111111111111111"
)

func environmentDoc(version, image string) string {
	return fmt.Sprintf("%senvironment.schema.json\nname: serve\nversion: %q\nimage: %s\n", schemas, version, image)
}

func endpointDoc(traffic string) string {
	return fmt.Sprintf("%smanagedOnlineEndpoint.schema.json\nname: score\ntraffic: {%s}\n", schemas, traffic)
}

func deploymentDoc(name, version string, count int) string {
	return fmt.Sprintf("%smanagedOnlineDeployment.schema.json\nname: %s\nendpoint_name: score\nenvironment: azureml:serve:%s\ninstance_type: Standard_DS2_v2\ninstance_count: %d\n", schemas, name, version, count)
}

func modelDoc(version, uri string) string {
	return fmt.Sprintf("%smodel.schema.json\nname: fares\nversion: %q\ntype: custom_model\npath: %s\n", schemas, version, uri)
}

// world is a workspace for tests: assets in written form.
type world struct {
	assets  map[asset.ID]*asset.Asset
	unknown map[asset.ID]string
}

func worldOf(t testing.TB, docs ...string) *world {
	w := &world{assets: map[asset.ID]*asset.Asset{}, unknown: map[asset.ID]string{}}
	for _, doc := range docs {
		a := written(t, doc)
		w.assets[a.ID] = a
	}
	return w
}

func (w *world) look() Look {
	return Look{
		Asset: func(id asset.ID) Found { return Found{Asset: w.assets[id], Unknown: w.unknown[id]} },
		Contained: func(id asset.ID) (out []asset.ID, unknown string) {
			for part := range w.assets {
				if parentOf(part) == id {
					out = append(out, part)
				}
			}
			return out, ""
		},
	}
}

// release is a release of some assets of the world; all content has one hash.
func (w *world) release(t testing.TB, name string, roots ...string) *Release {
	t.Helper()
	var ids []asset.ID
	for _, text := range roots {
		id, err := asset.ParseID(text)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	d, bad, err := Collect(ids, w.look())
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	source := Source{Target: "dev", Subscription: "s", ResourceGroup: "rg", Workspace: "dev"}
	r, bad := Make(name, source, d, func(Place) Digested { return Digested{Object: hash1, Code: hash1, Files: 1, Bytes: 8} }, func(*Drafted) Origin { return Origin{} })
	if r == nil {
		t.Fatal(bad)
	}
	return r
}

// place is a target for tests: files, and what is live beside them.
type place struct {
	files map[string][]byte
	live  *world
}

func newPlace(t testing.TB, live ...string) *place {
	return &place{files: map[string][]byte{}, live: worldOf(t, live...)}
}

func (p *place) target(t testing.TB) *Target {
	t.Helper()
	out := &Target{Name: "prod", Scope: kind.Scope{Subscription: "s", ResourceGroup: "rg", Workspace: "prod"}, Overlay: "prod", Context: "https://prod.blob.core.windows.net/c/", Pins: p.pins(t)}
	have := map[asset.ID]Had{}
	for file, data := range p.files {
		if path.Base(file) == tree.PinsFile || strings.HasPrefix(file, Folder+"/") {
			continue
		}
		a := written(t, string(data))
		contents := Contents{}
		for _, c := range Places(a) {
			contents[c.Field] = AddressedHash(c.At.Path)
		}
		have[a.ID] = Had{Asset: a, Tree: a, File: file, Alone: true, Contents: contents}
	}
	out.Have = func(id asset.ID) Had {
		if h, ok := have[id]; ok {
			return h
		}
		return Had{Asset: p.live.assets[id], Unknown: p.live.unknown[id]}
	}
	out.Newest = func(container asset.ID) (best Had) {
		for id, h := range have {
			if id.Container() == container && (best.Asset == nil || asset.CompareVersions(id.Version, best.Asset.ID.Version) > 0) {
				best = h
			}
		}
		return best
	}
	out.Read = func(file string) ([]byte, bool) { data, ok := p.files[file]; return data, ok }
	return out
}

func (p *place) pins(t testing.TB) *Pins {
	t.Helper()
	data, ok := p.files["prod/"+tree.PinsFile]
	if !ok {
		return &Pins{}
	}
	pins, bad := ReadPins(data, "")
	if pins == nil {
		t.Fatal(bad)
	}
	return pins
}

func (p *place) write(files []File) {
	for _, f := range files {
		if f.Bytes == nil {
			delete(p.files, f.Path)
			continue
		}
		p.files[f.Path] = f.Bytes
	}
}

// promote plans a release and writes it.
func (p *place) promote(t testing.TB, r *Release, opt Options) *Promotion {
	t.Helper()
	got, bad, err := Plan(r, p.target(t), opt)
	if err != nil || len(bad) > 0 || len(got.Blocked) > 0 {
		t.Fatalf("%v %v %+v", err, bad, got)
	}
	p.write(got.Files)
	return got
}

func (p *place) back(t testing.TB, r *Release, others ...*Release) *Promotion {
	t.Helper()
	got, bad, err := Rollback(r, p.target(t), Back{Skip: Skip{By: "robin"}, Release: func(name string) *Release {
		for _, o := range append(others, r) {
			if o.Name == name {
				return o
			}
		}
		return nil
	}})
	if err != nil || len(bad) > 0 || len(got.Blocked) > 0 {
		t.Fatalf("%v %v %+v", err, bad, got)
	}
	p.write(got.Files)
	return got
}

func (p *place) names() []string {
	var out []string
	for name := range p.files {
		out = append(out, strings.TrimPrefix(name, "prod/"))
	}
	slices.Sort(out)
	return out
}

func TestCollectClosesTheSet(t *testing.T) {
	w := worldOf(t, environmentDoc("1", "a"), environmentDoc("2", "b"), endpointDoc("blue: 100"), deploymentDoc("blue", "1", 1), deploymentDoc("green", "2", 1))
	for root, want := range map[string]string{
		"online-deployment/score/blue": "environment/serve:1 online-deployment/score/blue online-endpoint/score",
		"online-endpoint/score":        "environment/serve:1 environment/serve:2 online-deployment/score/blue online-deployment/score/green online-endpoint/score",
		"environment/serve:2":          "environment/serve:2",
	} {
		r := w.release(t, "r", root)
		var ids []string
		for _, a := range r.Assets {
			ids = append(ids, a.ID.String())
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: got %s, want %s", root, got, want)
		}
	}
}

func TestCollectRefuses(t *testing.T) {
	w := worldOf(t, environmentDoc("1", "a"), deploymentDoc("blue", "7", 1), endpointDoc(""))
	for root, want := range map[string]string{
		"online-deployment/score/blue": "environment/serve:7 is not in the source",
		"compute/cpu":                  "compute/cpu cannot be promoted",
		"environment/serve":            "the version is missing",
		"environment/serve:9":          "environment/serve:9 is not in the source",
	} {
		id, _ := asset.ParseID(root)
		_, bad, err := Collect([]asset.ID{id}, w.look())
		if err != nil || !strings.Contains(bad.Error(), want) {
			t.Errorf("%s: got %v %v, want %q", root, bad, err, want)
		}
	}
	// Nobody takes what could not be read for absent.
	id := asset.ID{Kind: "environment", Name: "serve", Version: "1"}
	w.unknown[id] = "403"
	delete(w.assets, id)
	_, bad, err := Collect([]asset.ID{id}, w.look())
	var unread *UnreadError
	if !errors.As(err, &unread) || len(bad) > 0 || err.Error() != "the set is not known: environment/serve:1: 403" {
		t.Errorf("got %v %v", bad, err)
	}
}

func TestCollectFindsCircles(t *testing.T) {
	component := func(name, uses string) string {
		return fmt.Sprintf("%spipelineComponent.schema.json\ntype: pipeline\nname: %s\nversion: \"1\"\njobs: {a: {type: pipeline, component: \"azureml:%s:1\"}}\n", schemas, name, uses)
	}
	w := worldOf(t, component("a", "b"), component("b", "a"))
	_, bad, err := Collect([]asset.ID{{Kind: "component", Name: "a", Version: "1"}}, w.look())
	if err != nil || !strings.Contains(bad.Error(), "cycle: component/a:1 -> component/b:1 -> component/a:1") {
		t.Errorf("got %v %v", bad, err)
	}
}

func TestWhatBytesMove(t *testing.T) {
	data := func(uri string) string {
		return fmt.Sprintf("%sdata.schema.json\nname: rides\nversion: \"1\"\ntype: uri_folder\npath: %s\n", schemas, uri)
	}
	for _, c := range []struct{ doc, at, need string }{
		{modelDoc("1", "azureml://datastores/workspaceblobstore/paths/LocalUpload/"+hash1+"/m"), "workspaceblobstore LocalUpload/" + hash1 + "/m", ""},
		{modelDoc("1", "azureml://datastores/lake/paths/m"), "lake m", ""},
		{modelDoc("1", "azureml://jobs/train-1/outputs/artifacts/paths/model"), "workspaceartifactstore ExperimentRun/dcid.train-1/model", ""},
		{modelDoc("1", "runs:/train-1/model"), "workspaceartifactstore ExperimentRun/dcid.train-1/model", ""},
		{data("azureml://datastores/workspaceblobstore/paths/LocalUpload/" + hash1 + "/m"), "workspaceblobstore LocalUpload/" + hash1 + "/m", ""},
		{data("azureml://datastores/lake/paths/m"), "", "datastore/lake"},
		{data("https://example.org/m"), "", ""},
	} {
		a := written(t, c.doc)
		w := &world{assets: map[asset.ID]*asset.Asset{a.ID: a}}
		d, bad, err := Collect([]asset.ID{a.ID}, w.look())
		if err != nil || len(bad) > 0 {
			t.Fatal(bad, err)
		}
		at, need := "", ""
		for _, p := range d.Assets[0].Places {
			at = p.At.Datastore + " " + p.At.Path
		}
		for _, n := range d.Needs {
			need = n.ID.String()
		}
		if at != c.at || need != c.need {
			t.Errorf("%s: got %q needs %q, want %q needs %q", a.Body.Get("path").Str(), at, need, c.at, c.need)
		}
	}
	lost := worldOf(t, modelDoc("1", "azureml://subscriptions/s/resourcegroups/g/workspaces/other/datastores/d/paths/m"))
	_, bad, _ := Collect([]asset.ID{{Kind: "model", Name: "fares", Version: "1"}}, lost.look())
	if !strings.Contains(bad.Error(), "it is in the datastore d of the workspace other") {
		t.Errorf("got %v", bad)
	}
}

// The digest does not depend on where an asset is, nor on what is the
// workspace's own.
func TestDigestIsNeutral(t *testing.T) {
	same := func(a, b *asset.Asset, ca, cb Contents, through ...string) bool {
		if Digest(a, ca, through...) != Digest(b, cb, through...) {
			return false
		}
		return len(Differs(a, ca, b, cb, through...)) == 0
	}
	if !same(written(t, deploymentDoc("blue", "1", 1)), written(t, deploymentDoc("blue", "1", 9)), nil, nil) {
		t.Error("the number of instances is in the digest")
	}
	if same(written(t, deploymentDoc("blue", "1", 1)), written(t, deploymentDoc("blue", "2", 1)), nil, nil) {
		t.Error("the environment is not in the digest")
	}
	here, there := written(t, modelDoc("1", "azureml://datastores/lake/paths/m")), written(t, modelDoc("1", "azureml://datastores/workspaceblobstore/paths/LocalUpload/"+hash1+"/m"))
	if !same(here, there, Contents{"path": hash1}, Contents{"path": hash1}) || same(here, there, Contents{"path": hash1}, Contents{"path": strings.Repeat("2", 64)}) {
		t.Error("content is not compared by its hash")
	}
	through := written(t, strings.Replace(deploymentDoc("blue", "1", 1), "azureml:serve:1", "azureml://registries/shared/environments/serve/versions/1", 1))
	if !same(written(t, deploymentDoc("blue", "1", 1)), through, nil, nil, "shared") || same(written(t, deploymentDoc("blue", "1", 1)), through, nil, nil, "other") {
		t.Error("what went through a registry is another thing")
	}
}

func TestPromotionKeepsWhatIsTheTargets(t *testing.T) {
	dev := worldOf(t, environmentDoc("1", "a"), endpointDoc("blue: 100"), deploymentDoc("blue", "1", 1))
	prod := newPlace(t)
	first := prod.promote(t, dev.release(t, "r1", "online-endpoint/score"), Options{})
	for _, k := range first.Kept {
		if k.From != "source" {
			t.Errorf("%s %s is from %s", k.ID, k.Field, k.From)
		}
	}
	file := "prod/online-endpoints/score/deployments/blue.yml"
	prod.files[file] = []byte(strings.Replace(string(prod.files[file]), "instance_count: 1", "instance_count: 5", 1) + "egress_public_network_access: disabled\n")
	dev.assets[asset.ID{Kind: "environment", Name: "serve", Version: "2"}] = written(t, environmentDoc("2", "b"))
	blue := written(t, deploymentDoc("blue", "2", 1))
	dev.assets[blue.ID] = blue
	prod.promote(t, dev.release(t, "r2", "online-endpoint/score"), Options{})
	got := string(prod.files[file])
	for _, want := range []string{"instance_count: 5", "egress_public_network_access: disabled", "environment: azureml:serve:2"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if pins := prod.pins(t); pins.Release != "r2" || !slices.Equal(pins.History, []string{"r1", "r2"}) || !slices.Equal(pins.Of(blue.ID).From, []string{"r1", "r2"}) {
		t.Errorf("got %+v", pins)
	}
}

func TestTrafficOfDeploymentsThatDoNotMoveIsLeftOut(t *testing.T) {
	dev := worldOf(t, environmentDoc("1", "a"), endpointDoc("blue: 90, green: 10"), deploymentDoc("blue", "1", 1), deploymentDoc("green", "1", 1))
	got := newPlace(t).promote(t, dev.release(t, "r1", "online-deployment/score/green"), Options{})
	left := ""
	for _, k := range got.Kept {
		left += k.Left
	}
	if !strings.Contains(left, "it names blue, which target prod does not have") {
		t.Errorf("got %q", left)
	}
	for _, f := range got.Files {
		if strings.Contains(string(f.Bytes), "traffic") {
			t.Errorf("%s:\n%s", f.Path, f.Bytes)
		}
	}
}

func TestBlocked(t *testing.T) {
	dev := worldOf(t, environmentDoc("1", "a"), endpointDoc(""), deploymentDoc("blue", "1", 1))
	r := dev.release(t, "r1", "online-deployment/score/blue")
	got, bad, err := Plan(r, newPlace(t, environmentDoc("1", "other")).target(t), Options{})
	if err != nil || len(bad) > 0 || len(got.Blocked) != 2 {
		t.Fatalf("%+v %v %v", got, bad, err)
	}
	env, blue := got.Blocked[0], got.Blocked[1]
	if !strings.Contains(env.Why, "the same version with other content (image)") || env.Want != r.Get(env.ID).Digest || len(env.Have) != 64 || env.Have == env.Want {
		t.Errorf("got %+v", env)
	}
	if blue.Why != "environment/serve:1, which it needs, is blocked" {
		t.Errorf("got %+v", blue)
	}
	target := newPlace(t).target(t)
	target.Overlay = ""
	if _, bad, _ := Plan(r, target, Options{}); !strings.Contains(bad.Error(), "the target has no overlay") {
		t.Errorf("got %v", bad)
	}
	unread := newPlace(t)
	unread.live.unknown[env.ID] = "403"
	if _, _, err := Plan(r, unread.target(t), Options{}); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("got %v", err)
	}
}

func TestThroughARegistry(t *testing.T) {
	dev := worldOf(t, environmentDoc("1", "a"), endpointDoc("blue: 100"), deploymentDoc("blue", "1", 1))
	r := dev.release(t, "r1", "online-endpoint/score")
	prod := newPlace(t)
	prod.promote(t, r, Options{Through: "shared"})
	if got := prod.names(); !slices.Equal(got, []string{"online-endpoints/score/deployments/blue.yml", "online-endpoints/score/endpoint.yml", "release.yml"}) {
		t.Errorf("got %v", got)
	}
	if got := string(prod.files["prod/online-endpoints/score/deployments/blue.yml"]); !strings.Contains(got, "environment: azureml://registries/shared/environments/serve/versions/1") {
		t.Error(got)
	}
	registry := newPlace(t)
	target := registry.target(t)
	target.Scope = kind.Scope{Subscription: "s", ResourceGroup: "rg", Registry: "shared"}
	got, bad, err := Plan(r, target, Options{})
	if err != nil || len(bad) > 0 || len(got.Moves) != 1 || got.Moves[0].ID.Kind != "environment" {
		t.Errorf("got %+v %v %v", got, bad, err)
	}
}

func TestRollback(t *testing.T) {
	dev := worldOf(t, environmentDoc("1", "a"), environmentDoc("2", "b"), endpointDoc("blue: 100"), deploymentDoc("blue", "1", 1))
	r1 := dev.release(t, "r1", "online-endpoint/score")
	for _, doc := range []string{deploymentDoc("green", "2", 1), deploymentDoc("blue", "2", 1)} {
		a := written(t, doc)
		dev.assets[a.ID] = a
	}
	r2 := dev.release(t, "r2", "online-endpoint/score")
	for traffic, want := range map[string]string{
		"green: 100":                            "blue: 100",
		"blue: 90, green: 10":                   "blue: 100",
		"blue: 100":                             "blue: 100",
		"blue: 50, green: 30, violet: 20":       "blue: 80",
		"blue: 100}\nmirror_traffic: {green: 5": "blue: 100",
	} {
		prod := newPlace(t)
		prod.promote(t, r1, Options{})
		before := maps.Clone(prod.files)
		prod.promote(t, r2, Options{})
		own := "prod/computes/own.yml"
		prod.files["prod/online-endpoints/score/endpoint.yml"] = []byte(endpointDoc(traffic))
		prod.files[own] = []byte(schemas + "amlCompute.schema.json\ntype: amlcompute\nname: own\n")
		prod.back(t, r1, r2)
		if got := string(prod.files["prod/online-endpoints/score/endpoint.yml"]); !strings.Contains(got, want) || strings.Contains(got, "green") {
			t.Errorf("%s: got\n%s", traffic, got)
		}
		if prod.files["prod/online-endpoints/score/deployments/green.yml"] != nil || prod.files["prod/environments/serve/2.yml"] != nil || prod.files[own] == nil {
			t.Errorf("%s: got %v", traffic, prod.names())
		}
		blue := "prod/online-endpoints/score/deployments/blue.yml"
		if string(prod.files[blue]) != string(before[blue]) {
			t.Errorf("%s: got\n%s", traffic, prod.files[blue])
		}
		pins := prod.pins(t)
		if pins.Release != "r1" || !slices.Equal(pins.History, []string{"r1"}) || pins.SkippedRelease("r2", "") == nil || pins.SkippedRelease("other", r2.SetDigest()) == nil || pins.SkippedRelease("r1", r1.SetDigest()) != nil {
			t.Errorf("%s: got %+v", traffic, pins)
		}
		if _, bad, _ := Plan(r2, prod.target(t), Options{}); !strings.Contains(bad.Error(), "r2 was rolled back in target prod by robin") {
			t.Errorf("got %v", bad)
		}
		prod.promote(t, r2, Options{Again: true})
		if got := prod.pins(t); got.Release != "r2" || got.SkippedRelease("r2", r2.SetDigest()) != nil || len(got.Problem("f")) > 0 {
			t.Errorf("got %+v", got)
		}
	}
}

// What an older release said of an asset that the release does not hold comes
// back as well.
func TestRollbackRestoresOlderReleases(t *testing.T) {
	dev := worldOf(t, environmentDoc("1", "a"), environmentDoc("2", "b"), endpointDoc(""), deploymentDoc("blue", "1", 1), modelDoc("1", "azureml://datastores/lake/paths/m"))
	r0 := dev.release(t, "r0", "online-deployment/score/blue")
	r1 := dev.release(t, "r1", "model/fares:1")
	blue := written(t, deploymentDoc("blue", "2", 1))
	dev.assets[blue.ID] = blue
	r2 := dev.release(t, "r2", "online-deployment/score/blue")
	prod := newPlace(t)
	prod.promote(t, r0, Options{})
	prod.promote(t, r1, Options{})
	before := maps.Clone(prod.files)
	prod.promote(t, r2, Options{})
	prod.back(t, r1, r0, r2)
	delete(before, "prod/release.yml")
	after := maps.Clone(prod.files)
	delete(after, "prod/release.yml")
	if !maps.EqualFunc(before, after, slices.Equal) {
		t.Errorf("got %v, want %v", prod.names(), slices.Sorted(maps.Keys(before)))
	}
	if pins := prod.pins(t); !slices.Equal(pins.Of(blue.ID).From, []string{"r0"}) {
		t.Errorf("got %+v", pins.Of(blue.ID))
	}
}

func TestRollbackAsksWhereTrafficGoes(t *testing.T) {
	dev := worldOf(t, environmentDoc("1", "a"), endpointDoc(""), deploymentDoc("blue", "1", 1), deploymentDoc("green", "1", 1))
	r1 := dev.release(t, "r1", "online-endpoint/score")
	red := written(t, deploymentDoc("red", "1", 1))
	dev.assets[red.ID] = red
	r2 := dev.release(t, "r2", "online-endpoint/score")
	prod := newPlace(t)
	prod.promote(t, r1, Options{})
	prod.promote(t, r2, Options{})
	prod.files["prod/online-endpoints/score/endpoint.yml"] = []byte(endpointDoc("red: 100"))
	got, bad, err := Rollback(r1, prod.target(t), Back{Release: func(string) *Release { return r2 }})
	if err != nil || len(bad) > 0 || len(got.Blocked) == 0 || !strings.Contains(got.Blocked[len(got.Blocked)-1].Why, "100 % of the traffic go to what is taken back") {
		t.Errorf("got %+v %v %v", got, bad, err)
	}
}

// To promote a release twice changes nothing the second time, whatever the
// target had before and whatever was promoted in between.
func TestPromotingTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		dev := worldOf(t, environmentDoc("1", "a"), environmentDoc("2", "b"), endpointDoc("blue: 100"))
		prod := newPlace(t)
		var releases []*Release
		for i := range rapid.IntRange(1, 4).Draw(rt, "releases") {
			for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"blue", "green", "red"}), 1, 3, rapid.ID).Draw(rt, "deployments") {
				a := written(t, deploymentDoc(name, rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "version"), rapid.IntRange(1, 9).Draw(rt, "count")))
				dev.assets[a.ID] = a
			}
			r := dev.release(t, fmt.Sprint("r", i), "online-endpoint/score")
			releases = append(releases, r)
			prod.promote(t, r, Options{Again: true})
			files := maps.Clone(prod.files)
			if again := prod.promote(t, r, Options{}); again.Changes() {
				rt.Fatalf("%s changed %+v", r.Name, again.Files)
			}
			for id, a := range releasedIn(t, prod) {
				want := r.Get(id)
				if want != nil && len(Differs(want.Written(), want.ContentsOf(), a, Contents{})) > 0 {
					rt.Fatalf("%s of %s is pinned as\n%s", id, r.Name, tree.Write(a))
				}
			}
			if !maps.EqualFunc(files, prod.files, slices.Equal) {
				rt.Fatal("files differ")
			}
		}
		// Back to any of them, and twice is once.
		to := rapid.SampledFrom(releases).Draw(rt, "back")
		got, bad, err := Rollback(to, prod.target(t), Back{Release: func(name string) *Release { return releases[int(name[1]-'0')] }})
		if err != nil || len(bad) > 0 {
			rt.Fatal(bad, err)
		}
		if len(got.Blocked) > 0 {
			return // nobody says where traffic goes
		}
		prod.write(got.Files)
		pinned := releasedIn(t, prod)
		for _, a := range to.Assets {
			if pinned[a.ID] == nil || len(Differs(a.Written(), a.ContentsOf(), pinned[a.ID], Contents{})) > 0 {
				rt.Fatalf("%s is not what %s says", a.ID, to.Name)
			}
		}
		for _, pin := range prod.pins(t).Files {
			for _, from := range pin.From {
				if from > to.Name {
					rt.Fatalf("%s is of %s, and %s is older", pin.ID, from, to.Name)
				}
			}
		}
		if again, _, _ := Rollback(to, prod.target(t), Back{Release: func(name string) *Release { return releases[int(name[1]-'0')] }}); again.Changes() {
			rt.Fatalf("again: %+v", again.Files)
		}
	})
}

func releasedIn(t testing.TB, p *place) map[asset.ID]*asset.Asset {
	out := map[asset.ID]*asset.Asset{}
	for file, data := range p.files {
		if path.Base(file) != tree.PinsFile {
			a := written(t, string(data))
			out[a.ID] = a
		}
	}
	return out
}

// A closed set is closed: to collect what was collected finds the same.
func TestCollectIsIdempotent(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := worldOf(t, environmentDoc("1", "a"), environmentDoc("2", "b"), endpointDoc("blue: 100"), modelDoc("1", "azureml://datastores/lake/paths/m"))
		for _, name := range []string{"blue", "green", "red"} {
			a := written(t, deploymentDoc(name, rapid.SampledFrom([]string{"1", "2"}).Draw(rt, "version"), 1))
			w.assets[a.ID] = a
		}
		all := slices.SortedFunc(maps.Keys(w.assets), asset.ID.Compare)
		roots := rapid.SliceOfNDistinct(rapid.SampledFrom(all), 1, 4, rapid.ID).Draw(rt, "roots")
		first, bad, err := Collect(roots, w.look())
		if err != nil || len(bad) > 0 {
			rt.Fatal(bad, err)
		}
		in := map[asset.ID]bool{}
		var ids []asset.ID
		for _, d := range first.Assets {
			in[d.Asset.ID] = true
			ids = append(ids, d.Asset.ID)
		}
		for _, d := range first.Assets {
			for _, l := range links(d.Asset) {
				if !l.to.IsZero() && kind.Of(l.to.Kind).Promotable && !l.stays && !in[l.to] {
					rt.Fatalf("%s refers to %s, which is not in the set", d.Asset.ID, l.to)
				}
			}
		}
		ids = slices.DeleteFunc(ids, func(id asset.ID) bool { return id.Kind == "online-endpoint" && !slices.Contains(roots, id) })
		again, _, _ := Collect(ids, w.look())
		if len(again.Assets) != len(first.Assets) {
			rt.Fatalf("got %d, then %d", len(first.Assets), len(again.Assets))
		}
	})
}
