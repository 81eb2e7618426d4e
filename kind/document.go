package kind

import (
	"gopkg.in/yaml.v3"

	"mlsync.dev/mlsync/asset"
)

// DumpYAML prints a value as the reference client does.
func DumpYAML(v *asset.Value) string {
	b, _ := yaml.Marshal(v.Any())
	return string(b)
}

// ParseDocument reads YAML or JSON text.
func ParseDocument(text string) *asset.Value {
	var x any
	if err := yaml.Unmarshal([]byte(text), &x); err != nil {
		return asset.NewString(text)
	}
	return asset.FromAny(x)
}
