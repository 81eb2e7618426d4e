package kind_test

import (
	"encoding/json"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// goldenCase is a part of a case of the conformance data.
type goldenCase struct {
	ID, Source, Kind, Outcome string
	Overrides                 map[string]string
	Error                     struct{ Stage string }
	Writes                    []struct {
		Path string
		Body json.RawMessage
	}
}

var ownKinds = []string{"job/command", "job/sweep", "online-endpoint", "online-deployment", "batch-endpoint", "batch-deployment"}

func goldenCases(t *testing.T) []goldenCase {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(shared(t, "cases"), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	var out []goldenCase
	for _, f := range files {
		var c goldenCase
		if err := json.Unmarshal([]byte(mustRead(t, f)), &c); err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// TestConformanceOfRuns compares what is sent for jobs, endpoints and
// deployments with what the reference client sent.
func TestConformanceOfRuns(t *testing.T) {
	n := 0
	for _, c := range goldenCases(t) {
		if c.Outcome != "ok" || !slices.Contains(ownKinds, c.Kind) {
			continue
		}
		n++
		t.Run(c.ID, func(t *testing.T) { conform(t, c) })
	}
	if n == 0 {
		t.Fatal("no case of these kinds")
	}
}

func conform(t *testing.T, c goldenCase) {
	doc := readYAML(t, mustRead(t, filepath.Join(shared(t, "tree"), c.Source)))
	for _, key := range []string{"name", "endpoint_name"} {
		if v, ok := c.Overrides[key]; ok {
			doc.Set(key, asset.NewString(v))
		}
	}
	verdict := kind.Identify(doc, "")
	if verdict.Variant != nil && verdict.Variant.Name == "pipeline" {
		return // made of several files, which the resolver puts together
	}
	if verdict.Variant == nil || verdict.Preview || verdict.Variant.FullName() != c.Kind {
		t.Fatalf("identified as %+v", verdict)
	}
	a := read(t, doc)
	write := c.Writes[slices.IndexFunc(c.Writes, func(w struct {
		Path string
		Body json.RawMessage
	},
	) bool {
		return strings.Contains(w.Path, "/jobs/") || strings.Contains(w.Path, "Endpoints/")
	})]
	if a.ID.Name == "" {
		a.ID.Name = path.Base(write.Path)
	}
	if got := scope.ARM(a.ID); got != write.Path {
		t.Errorf("path is %s, want %s", got, write.Path)
	}
	a.Body = kind.Rewrite(a, resolveByHand)
	rest, err := kind.ToREST(a, &kind.Encoder{Scope: scope, Experiment: "mlsync-conformance"})
	if err != nil {
		t.Fatal(err)
	}
	want, err := asset.ParseJSON(write.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, exp := prune(rest, ""), prune(want, "")
	if !got.Equal(exp) {
		t.Errorf("got  %s\nwant %s", got.Canonical(), exp.Canonical())
	}
}

// resolveByHand does the part of resolving that shows in the body.
func resolveByHand(s kind.Site) *asset.Value {
	if s.Within != "" {
		return s.Value
	}
	switch typ := s.Type.(type) {
	case kind.Local:
		text := s.Value.Str()
		if typ.IsRemote(text) {
			return latest(text)
		}
		if typ.What == kind.Code {
			return asset.NewString("azureml:MADE:1")
		}
		uri := "azureml://datastores/workspaceblobstore/paths/LocalUpload/MADE/" + path.Base(text)
		if typ.Slash {
			uri += "/"
		}
		return asset.NewString(uri)
	case kind.Ref:
		if s.Value.Type() == asset.Map {
			name, version := s.Value.Get("name").Str(), s.Value.Get("version").Text()
			if name == "" {
				name, version = "MADE", "1"
			} else if version == "" {
				version = "1"
			}
			return asset.NewString("azureml:" + name + ":" + version)
		}
		if file, ok := strings.CutPrefix(s.Value.Str(), "file:"); ok && file != "" {
			return asset.NewString("azureml:MADE:1")
		}
		return latest(s.Value.Str())
	}
	return s.Value
}

func latest(ref string) *asset.Value {
	if strings.HasPrefix(ref, "azureml:") && !strings.HasPrefix(ref, "azureml:/") && !strings.HasPrefix(ref, "azureml:AzureML-") {
		ref = strings.Replace(ref, "@latest", ":7", 1)
	}
	return asset.NewString(ref)
}

var (
	madeAsset  = regexp.MustCompile(`/codes/[^/]+/versions/1|/environments/CliV2AnonymousEnvironment/versions/[0-9a-f]+|/models/[0-9a-f]{64}/versions/1`)
	madeUpload = regexp.MustCompile(`LocalUpload/[0-9a-f]{64}/`)
	foldedEnum = []string{"authMode", "dataCollectionMode", "egressPublicNetworkAccess", "publicNetworkAccess", "loggingLevel", "goal", "samplingAlgorithm"}
	fillers    = []string{"tags", "properties", "environmentVariables", "inputs", "outputs", "traffic", "mirrorTraffic"}
)

// prune leaves out what carries no meaning, by the rules of the data.
func prune(v *asset.Value, key string) *asset.Value {
	switch v.Type() {
	case asset.Map:
		out := asset.NewMap()
		for k, item := range v.Entries() {
			item = prune(item, k)
			empty := item.Type() == asset.Map && item.Len() == 0 && slices.Contains(fillers, k)
			if item.IsNull() || empty || (k == "isArchived" || k == "isAnonymous") && !item.Bool() {
				continue
			}
			out.Set(k, item)
		}
		return out
	case asset.List:
		out := asset.NewList()
		for _, item := range v.Items() {
			out.Append(prune(item, key))
		}
		return out
	case asset.String:
		text := v.Str()
		if slices.Contains(foldedEnum, key) {
			text = strings.ToLower(strings.NewReplacer("_", "", " ", "").Replace(text))
		}
		text = madeAsset.ReplaceAllStringFunc(text, func(s string) string { return "/" + strings.Split(s, "/")[1] + "/MADE/versions/1" })
		return asset.NewString(madeUpload.ReplaceAllString(text, "LocalUpload/MADE/"))
	}
	return v
}

// TestRefusalsOfRuns: what the reference client refuses without looking at
// other files is a problem.
func TestRefusalsOfRuns(t *testing.T) {
	// These are refused for what is in other files, or are no YAML.
	elsewhere := []string{"data-collector", "binary-payloads", "openapi", "java/iris"}
	n := 0
	for _, c := range goldenCases(t) {
		if c.Outcome != "error" || !slices.Contains(ownKinds, c.Kind) || slices.ContainsFunc(elsewhere, func(s string) bool { return strings.Contains(c.Source, s) }) {
			continue
		}
		text := mustRead(t, filepath.Join(shared(t, "tree"), c.Source))
		if strings.Contains(text, "{{") {
			continue
		}
		n++
		t.Run(c.ID, func(t *testing.T) {
			doc := readYAML(t, text)
			for key, v := range c.Overrides {
				doc.Set(key, asset.NewString(v))
			}
			if _, bad := tryRead(t, doc); bad.Err() == nil {
				t.Error("the file is accepted")
			}
		})
	}
	if n == 0 {
		t.Fatal("no case of these kinds")
	}
}

// TestIdentifyCorpus: every asset file of the corpus is taken for what it is,
// and a kind that is left alone for none of ours.
func TestIdentifyCorpus(t *testing.T) {
	for _, c := range goldenCases(t) {
		text := mustRead(t, filepath.Join(shared(t, "tree"), c.Source))
		if strings.Contains(text, "{{") && c.Outcome == "error" {
			continue // no YAML
		}
		v := kind.Identify(readYAML(t, text), "")
		got := v.Unmanaged
		if v.Variant != nil {
			got = v.Variant.FullName()
		}
		if v.Preview {
			got = "preview of " + got
		}
		if got != c.Kind && got != c.Kind+"/pipeline" {
			t.Errorf("%s: %q, want %q (%s %s)", c.Source, got, c.Kind, v.Why, v.Doubt)
		}
	}
}
