package resolve

import (
	"path"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// inspect lets the kind look into the local content that a body names.
func (w *work) inspect(v *kind.Variant, body *asset.Value) {
	if v.Inspect == nil {
		return
	}
	in := &kind.Inspection{
		Files: func(field string) ([]string, bool) {
			c := w.contents[field]
			if c == nil {
				return nil, false
			}
			var out []string
			for _, f := range c.Files {
				out = append(out, f.Rel)
			}
			return out, true
		},
		Folder: func(field string) bool { c := w.contents[field]; return c != nil && c.IsDir },
		Bad:    w.badf,
	}
	in.Document = func(field, file string) *asset.Value {
		c := w.contents[field]
		if c == nil {
			return nil
		}
		return w.document(body, path.Join(c.Path, file))
	}
	v.Inspect(in, body)
}
