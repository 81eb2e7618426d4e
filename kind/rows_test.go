package kind

import (
	"slices"
	"testing"

	"mlsync.dev/mlsync/asset"
)

func TestRows(t *testing.T) {
	for _, tc := range []struct {
		kind, variant, path    string
		secret, readOnly, once bool
	}{
		{"job", "command", "inputs.NAME.path", false, false, true},
		{"job", "command", "distribution.process_count_per_instance", false, false, true},
		{"datastore", "azure_blob", "credentials.account_key", true, false, false},
		{"environment", "", "inference_config.scoring_route.port", false, false, false},
		{"environment", "", "creation_context", false, true, false},
		{"job", "pipeline", "jobs.NAME.resources.instance_count", false, false, true},
		{"job", "pipeline", "jobs.NAME.inputs.NAME.mode", false, false, true},
		{"job", "pipeline", "settings.default_compute", false, false, true},
		{"component", "command", "inputs.NAME.default", false, false, false},
		{"component", "parallel", "task.entry_script", false, false, false},
		{"component", "pipeline", "jobs.NAME.retry_settings.timeout", false, false, false},
	} {
		rows := Of(asset.Kind(tc.kind)).Variant(tc.variant).Rows()
		i := slices.IndexFunc(rows, func(r Row) bool { return r.Path == tc.path })
		if i < 0 {
			t.Errorf("%s/%s has no row %s", tc.kind, tc.variant, tc.path)
			continue
		}
		if r := rows[i]; r.Secret != tc.secret || r.ReadOnly != tc.readOnly || (r.Change == Once) != tc.once {
			t.Errorf("%s: %+v", tc.path, r)
		}
	}
}

// TestRowsOfInner checks that a change class of an enclosing field holds for
// the fields inside it, and that alternatives are not listed twice.
func TestRowsOfInner(t *testing.T) {
	seen := map[string]int{}
	for _, r := range Of("environment").Variant("").Rows() {
		seen[r.Path]++
		if r.Path == "inference_config.scoring_route.port" && r.Change != NewVersion {
			t.Errorf("%s: %s", r.Path, r.Change)
		}
	}
	for _, v := range Of("datastore").Variants {
		tenants := 0
		for _, r := range v.Rows() {
			if r.Path == "credentials.tenant_id" {
				tenants++
			}
		}
		if tenants > 1 {
			t.Errorf("%s: tenant_id is listed %d times", v.Name, tenants)
		}
	}
	for p, n := range seen {
		if n > 1 {
			t.Errorf("%s is listed %d times", p, n)
		}
	}
}
