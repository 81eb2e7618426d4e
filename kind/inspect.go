package kind

import "mlsync.dev/mlsync/asset"

// Inspection lets a kind look into the local content that an asset names,
// which the rows of its table cannot: whether a script is in the code folder,
// what a file MLTable says.
type Inspection struct {
	// Files are the paths within the content of the field at the dotted path;
	// ok is false if the field names no local content.
	Files func(path string) (files []string, ok bool)
	// Folder says that the local content at path is a folder.
	Folder func(path string) bool
	// Has says whether a file is in the local content at path, also one that is
	// not uploaded; known is false if there is no local content.
	Has func(path, file string) (has, known bool)
	// Document reads a YAML file within the content of a field; nil if it
	// cannot be read, which is reported already.
	Document func(path, file string) *asset.Value
	// Bad reports a problem of the value v.
	Bad func(v *asset.Value, code, hint, format string, args ...any)
}
