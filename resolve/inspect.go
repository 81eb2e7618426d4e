package resolve

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	contents "mlsync.dev/mlsync/internal/content"
	"mlsync.dev/mlsync/kind"
)

// inspect lets the kind look into the local content that a body names, which
// stands at the given path of the asset.
func (w *work) inspect(v *kind.Variant, body *asset.Value, at []string) {
	if v.Inspect == nil {
		return
	}
	content := func(field string) *hashed {
		return w.contents[strings.Join(append(slices.Clone(at), field), ".")]
	}
	in := &kind.Inspection{
		Files: func(field string) ([]string, bool) {
			c := content(field)
			if c == nil {
				return nil, false
			}
			var out []string
			for _, f := range c.Files {
				out = append(out, f.Rel)
			}
			return out, true
		},
		Folder: func(field string) bool { c := content(field); return c != nil && c.IsDir },
		Has: func(field, file string) (has, known bool) {
			c := content(field)
			if c == nil {
				return false, false
			}
			if c.Merged {
				return slices.ContainsFunc(c.Files, func(f contents.File) bool { return f.Rel == file }), true
			}
			info, err := fs.Stat(w.in.FS, path.Join(c.Path, file))
			return err == nil && info.Mode().IsRegular(), true
		},
		Bad: w.badf,
	}
	in.Document = func(field, file string) *asset.Value {
		c := content(field)
		if c == nil {
			return nil
		}
		return w.document(body, path.Join(c.Path, file))
	}
	v.Inspect(in, body)
}
