package emulator_test

import (
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// TestJobTypes: the answers to jobs of all types have what every run has, and
// nulls for the members of their type that were not sent.
func TestJobTypes(t *testing.T) {
	defer guard(t)
	s := start(t, emulator.Options{})
	for _, tt := range []struct {
		name, body, typ string
		nulls           []string
	}{
		{
			"spark", `{"jobType":"spark","args":"-x","entry":{"sparkJobEntryType":"SparkJobPythonEntry","file":"a.py"},"conf":{"spark.driver.cores":"1"}}`,
			"Spark",
			[]string{"archives", "jars", "files", "pyFiles", "environmentId", "queueSettings", "componentId"},
		},
		{
			"automl", `{"jobType":"AutoML","taskDetails":{"taskType":"Regression","targetColumnName":"y"}}`,
			"AutoML",
			[]string{"environmentId", "queueSettings", "resources"},
		},
		{
			"tuned", `{"jobType":"FineTuning","fineTuningDetails":{"taskType":"chatCompletion","modelProvider":"Custom"},"properties":{"azureml.enable_distillation":"True"}}`,
			"FineTuning",
			[]string{"queueSettings", "resources"},
		},
	} {
		body := s.ok(201, "PUT", wsID+"/jobs/"+tt.name, `{"properties":`+tt.body+`}`)
		p, _ := body["properties"].(map[string]any)
		for _, key := range tt.nulls {
			if v, ok := p[key]; !ok || v != nil {
				t.Errorf("%s: %s is %v, want null", tt.name, key, v)
			}
		}
		if p["jobType"] != tt.typ || p["status"] == "" || p["displayName"] != tt.name {
			t.Errorf("%s: %v", tt.name, p)
		}
		for _, path := range []string{"services/Studio/endpoint", "outputs/default/jobOutputType"} {
			if at(p, path) == nil {
				t.Errorf("%s: the answer lacks %s: %v", tt.name, path, p)
			}
		}
	}
}
