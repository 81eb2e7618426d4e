package state

import "mlsync.dev/mlsync/asset"

// parseBody reads the JSON of a body.
func parseBody(text []byte) (*asset.Value, error) { return asset.ParseJSON(text) }
