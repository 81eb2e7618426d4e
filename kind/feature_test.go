package kind

import (
	"strings"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

const featureDoc = "$schema: http://azureml/sdk-2-0/FeatureSet.json\nname: n\nversion: \"1\"\nentities: [\"azureml:a:1\"]\nspecification: {path: ./spec}\n"

func readProblems(t *testing.T, text string) (*asset.Asset, problem.List) {
	t.Helper()
	doc := ParseDocument(text)
	v := Identify(doc, "")
	if v.Variant == nil {
		t.Fatalf("not identified: %+v", v)
	}
	c := &Checker{}
	return v.Variant.Read(c, doc), c.Problems
}

// What azure-ai-ml 1.28.0 refuses.
func TestFeatureProblems(t *testing.T) {
	entity := "name: n\nversion: \"1\"\nindex_columns: [{name: a, type: string}]\n"
	for _, tt := range []struct{ doc, want string }{
		{strings.Replace(featureDoc, `"1"`, "1", 1), "version: want a text, not a integer"},
		{strings.Replace(featureDoc, "version: \"1\"\n", "", 1), "version is missing"},
		{featureDoc + "stage: development", `stage: "development" is not a value`},
		{featureDoc + "tags: {a: 1}", "tags.a: want a text"},
		{featureDoc + "properties: {a: b}", `unknown field "properties"`},
		{featureDoc + "id: x", `unknown field "id"`},
		{featureDoc + "materialization_settings: {resource: {}}", "materialization_settings.resource.instance_type: is missing"},
		{featureDoc + "materialization_settings: {notification: {email_on: [jobFailed], emails: []}}", `email_on.0: "jobFailed" is not a value`},
		{featureDoc + "materialization_settings: {schedule: {type: cron, frequency: day, interval: 1}}", "schedule.type"},
		{featureDoc + "materialization_settings: {schedule: {type: recurrence, frequency: day, interval: 1, start_time: tomorrow}}", "schedule.start_time: want a time"},
		{featureDoc + "materialization_settings: {schedule: {type: recurrence, frequency: day, interval: 1, schedule: {hours: 1}}}", "schedule.minutes: is missing"},
		{strings.Replace(entity, "string", "text", 1), `index_columns.0.type: "text" is not a value`},
		{entity + "features: []\n$schema: x/featureStoreEntity.schema.json", `unknown field "features"`},
	} {
		_, bad := readProblems(t, tt.doc)
		if got := bad.Errors().Error(); !strings.Contains(got, tt.want) {
			t.Errorf("%s\ngot  %q\nwant %q", tt.doc, got, tt.want)
		}
	}
}

const specDoc = `
source:
  type: custom
  timestamp_column: {name: ts, format: "%Y"}
  source_delay: {days: 1, hours: 2, minutes: "3"}
  source_process_code: {path: ./code, process_class: a.B}
  kwargs: {a: b}
feature_transformation_code: {path: ./tc, transformer_class: t.C}
features:
  - {name: f1, type: string, description: "dä\n😀", tags: {x: y}}
  - {name: f2, type: LONG}
index_columns: [{name: id, type: String}]
source_lookback: {days: 7}
temporal_join_lookback: {minutes: 2}
other: 3
`

// specJSON is what azure-ai-ml 1.28.0 makes of specDoc.
const specJSON = `{"source": {"type": "custom", "timestampColumn": {"name": "ts", "format": "%Y"}, "sourceDelay": {"Days": 1, "Hours": 2, "Minutes": 3}, ` +
	`"source_process_code": {"path": "./code", "process_class": "a.B"}}, "featureTransformationCode": {"Path": "./tc", "TransformerClass": "t.C"}, ` +
	`"features": [{"FeatureName": "f1", "DataType": "string", "Description": "d\u00e4\n\ud83d\ude00", "Tags": {"x": "y"}}, {"FeatureName": "f2", "DataType": "LONG"}], ` +
	`"indexColumns": [{"ColumnName": "id", "DataType": "string"}], "sourceLookback": {"Days": 7}, "temporalJoinLookback": {"Minutes": 2}}`

// inspectSpec gives a feature set a folder with the files, of which the spec
// has the text.
func inspectSpec(t *testing.T, spec string, files ...string) (*asset.Asset, problem.List) {
	t.Helper()
	a, bad := readProblems(t, featureDoc)
	VariantOf(a).Inspect(&Inspection{
		Files:    func(path string) ([]string, bool) { return files, path == "specification.path" && files != nil },
		Folder:   func(string) bool { return true },
		Document: func(string, string) *asset.Value { return ParseDocument(spec) },
		Bad: func(v *asset.Value, code, hint, format string, args ...any) {
			bad.Hintf(v.Pos(), code, hint, format, args...)
		},
	}, a.Body)
	return a, bad
}

func TestFeatureSpec(t *testing.T) {
	a, bad := inspectSpec(t, specDoc, "FeatureSetSpec.yaml", "code/x.py")
	if err := bad.Err(); err != nil {
		t.Fatal(err)
	}
	rest, err := ToREST(a, &Encoder{Scope: goldenScope})
	if err != nil {
		t.Fatal(err)
	}
	props := rest.GetPath("properties", "properties")
	if got := props.Get("featuresetProperties").Str(); got != specJSON || props.Get("featuresetPropertiesVersion").Str() != "1" {
		t.Errorf("got  %s\nwant %s", got, specJSON)
	}
	if a, bad := inspectSpec(t, specDoc); len(bad) > 0 || a.Body.Has(featureSpecText) {
		t.Errorf("an address has no file to look at: %v", bad)
	}
}

func TestFeatureSpecProblems(t *testing.T) {
	for _, tt := range []struct{ old, new, want string }{
		{"type: custom", "type: parquet", `source: a source of type "parquet" needs path`},
		{"type: custom", "type: parquet", `source: a source of type "parquet" has no kwargs`},
		{"type: custom", "type: featureset", "index_columns: those of a source of type featureset are its own"},
		{"kwargs: {a: b}", "path: x", `needs kwargs`},
		{"kwargs: {a: b}", "path: x", `has no path`},
		{"index_columns: [{name: id, type: String}]", "", "needs index_columns"},
		{"{name: f2, type: LONG}", "{name: f2}", "features.1.type: is missing"},
		{"{days: 7}", "{day: 7}", `source_lookback: unknown field "day"`},
		{"features:", "feature:", "features: is missing"},
	} {
		_, bad := inspectSpec(t, strings.Replace(specDoc, tt.old, tt.new, 1), "FeatureSetSpec.yaml")
		if got := bad.Error(); !strings.Contains(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.new, got, tt.want)
		}
	}
	if _, bad := inspectSpec(t, specDoc, "other.yaml"); !strings.Contains(bad.Error(), "not a folder with a file FeatureSetSpec.yaml") {
		t.Errorf("got %v", bad)
	}
}

func TestPythonTime(t *testing.T) {
	for text, want := range map[string]string{
		"2023-05-15T04:35:00": "2023-05-15 04:35:00", "2023-5-5 4:3": "2023-05-05 04:03:00", "2023-05-15T04:35:00.5": "2023-05-15 04:35:00.500000",
		"2023-05-15T04:35:00Z": "2023-05-15 04:35:00+00:00", "2023-05-15T04:35-0130": "2023-05-15 04:35:00-01:30", "2023-05-15T04:35+01": "2023-05-15 04:35:00+01:00",
		"2023-05-15": "", "2023-02-30T00:00": "", "2023-05-15T25:00": "", "2023-05-15T00:00+24": "", "soon": "",
	} {
		if got, ok := pythonTime(text); got != want || ok != (want != "") {
			t.Errorf("%s: got %q %v, want %q", text, got, ok, want)
		}
	}
}
