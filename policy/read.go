package policy

import (
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
)

// Parse reads the documents of a YAML file. Keys are texts as they stand, so
// that on is a key.
type Parse func(data []byte, file string) ([]*asset.Value, problem.List)

// Read reads the policies of a tree. With an error among the problems nothing
// may be written: the set holds only the rules that are sound.
func Read(fsys fs.FS, parse Parse) (*Set, problem.List) {
	files, bad := readFolder(fsys, Folder, limit.PolicyFiles, parse)
	set := &Set{}
	if len(files) == 0 {
		return set, bad
	}
	l, err := newLanguage()
	if err != nil {
		bad.Addf(problem.Pos{File: Folder}, CodeFile, "%s", err)
		return set, bad
	}
	d := &decoder{language: l, set: set, names: map[string]problem.Pos{}}
	for _, f := range files {
		d.lines = strings.Split(strings.TrimPrefix(string(f.data), "\xef\xbb\xbf"), "\n")
		for _, doc := range f.docs {
			d.document(doc)
		}
	}
	set.Rules = slices.DeleteFunc(set.Rules, func(r *Rule) bool { return r == nil })
	bad.Append(d.bad)
	return set, bad.Sorted()
}

// file is one file of a folder.
type file struct {
	path string
	data []byte
	docs []*asset.Value
}

// readFolder reads the YAML files of a folder at the root. What might hold
// something and cannot be read is a problem; a folder that is not there is empty.
func readFolder(fsys fs.FS, folder string, most int, parse Parse) (files []file, bad problem.List) {
	refuse := func(name, hint, format string, args ...any) {
		bad.Hintf(problem.Pos{File: name}, CodeFile, hint, format, args...)
	}
	entries, err := fs.ReadDir(fsys, folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		refuse(folder, "", "cannot be read: %s", cause(err))
		return nil, bad
	}
	for _, e := range entries {
		name := path.Join(folder, e.Name())
		switch {
		case e.IsDir():
			refuse(name, "move its files to "+folder, "the folder %s has no folders", folder)
			continue
		case !isYAML(e.Name()):
			continue
		case !e.Type().IsRegular():
			refuse(name, "put the file itself there", "it is no regular file")
			continue
		case len(files) == most:
			refuse(folder, "join some", "the folder has more than %d files", most)
			return files, bad
		}
		data, err := readBounded(fsys, name)
		if err != nil {
			refuse(name, "", "cannot be read: %s", cause(err))
			continue
		}
		docs, more := parse(data, name)
		bad.Append(more)
		files = append(files, file{name, data, docs})
	}
	return files, bad
}

func isYAML(name string) bool {
	return slices.Contains([]string{".yml", ".yaml"}, strings.ToLower(path.Ext(name)))
}

// readBounded reads a file, at most one byte more than parse takes.
func readBounded(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, limit.FileBytes+1))
}

// cause is err without the path, which the problem says already.
func cause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}
