package tree

import (
	"io/fs"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

// What a filter says without reading is what a reading does.
func TestFilterSaysWhatIsRead(t *testing.T) {
	word := rapid.SampledFrom([]string{"a", "b", "c", ".d"})
	segment := rapid.SampledFrom([]string{"a", "b", "c", "*", "**", "x.yml", "*.yml"})
	globs := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(segment, 1, 3).Draw(t, "glob"), "/") })
	dirs := rapid.Custom(func(t *rapid.T) string { return strings.Join(rapid.SliceOfN(word, 1, 3).Draw(t, "dir"), "/") })
	rapid.Check(t, func(t *rapid.T) {
		files := fstest.MapFS{}
		for range rapid.IntRange(1, 12).Draw(t, "files") {
			name := path.Join(dirs.Draw(t, "in"), rapid.SampledFrom([]string{"x.yml", "y.yaml", "z.txt"}).Draw(t, "file"))
			files[name] = &fstest.MapFile{Data: []byte("a: 1\n")}
		}
		opts := Options{
			Include: rapid.SliceOfN(globs, 0, 2).Draw(t, "include"), Exclude: rapid.SliceOfN(globs, 0, 1).Draw(t, "exclude"),
			Overlays: rapid.SliceOfN(dirs, 0, 2).Draw(t, "overlays"), Apart: rapid.SliceOfN(dirs, 0, 2).Draw(t, "apart"),
		}
		read := map[string]bool{}
		all, _ := Read(files, opts)
		for _, f := range all.Files {
			if f.Why != "excluded by mlsync.yaml" && f.Why != "not included by mlsync.yaml" {
				read[f.Path] = true
			}
		}
		opts.Narrow = true
		narrow, _ := Read(files, opts)
		if len(narrow.Files) != len(read) {
			t.Fatalf("a narrow reading looks into %d files, a wide one into %v", len(narrow.Files), read)
		}
		checkFilter(t, files, opts.Filter(), read)
	})
}

func checkFilter(t *rapid.T, files fstest.MapFS, f *Filter, read map[string]bool) {
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		dir := path.Dir(name)
		names, all := f.Names(dir)
		listed := all
		for _, n := range names {
			listed = listed || n == path.Base(name)
		}
		if !d.IsDir() {
			if read[name] && (!f.File(name) || !listed) {
				t.Fatalf("%s is read, and the filter does not take it (listed %v of %q)", name, listed, names)
			}
			return nil
		}
		for file := range read {
			if strings.HasPrefix(file, name+"/") && (f.None(name) || !listed) {
				t.Fatalf("%s is read, and the filter says that nothing below %s is (listed %v of %q)", file, name, listed, names)
			}
		}
		if f.None(name) && f.All(name) && !strings.HasPrefix(path.Base(name), ".") && !f.apart.Any(name) {
			t.Fatalf("%s is taken whole and not at all", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
