package closure_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/internal/closure"
	"mlsync.dev/mlsync/internal/gitrepo"
)

// files is a tree of git in memory: the same content has the same id.
type files map[string]string

func (f files) Entry(name string) (gitrepo.Entry, error) {
	if text, ok := f[name]; ok {
		return gitrepo.Entry{Name: path.Base(name), ID: hash(text)}, nil
	}
	var below []string
	for p, text := range f {
		if name == "." || strings.HasPrefix(p, name+"/") {
			below = append(below, p+"\x00"+text)
		}
	}
	if len(below) == 0 && name != "." {
		return gitrepo.Entry{}, &fs.PathError{Op: "entry", Path: name, Err: fs.ErrNotExist}
	}
	slices.Sort(below)
	return gitrepo.Entry{Name: path.Base(name), Dir: true, ID: hash(strings.Join(below, "\x01"))}, nil
}

func (f files) Entries(dir string) (out []gitrepo.Entry, err error) {
	seen := map[string]bool{}
	for p := range f {
		rest := p
		if dir != "." {
			var ok bool
			if rest, ok = strings.CutPrefix(p, dir+"/"); !ok {
				continue
			}
		}
		name, _, _ := strings.Cut(rest, "/")
		if !seen[name] {
			seen[name] = true
			e, err := f.Entry(path.Join(dir, name))
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b gitrepo.Entry) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (f files) fs() fs.FS {
	out := fstest.MapFS{}
	for name, text := range f {
		out[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return out
}

// yml takes the YAML files of one folder, and all that is in its folder whole.
type yml struct{ dir, whole string }

func (y yml) None(dir string) bool {
	return !strings.HasPrefix(dir+"/", y.dir+"/") && !strings.HasPrefix(y.dir, dir+"/")
}
func (y yml) All(dir string) bool           { return dir == y.whole }
func (y yml) File(name string) bool         { return path.Ext(name) == ".yml" && path.Dir(name) == y.dir }
func (y yml) Names(string) ([]string, bool) { return nil, true }
func (y yml) Key(string) string             { return "" }

func TestDigest(t *testing.T) {
	at := files{"a/x.yml": "1", "a/readme": "1", "a/all/deep/file": "1", "b/y.yml": "1", "b/z.yml": "1", "src/train.py": "1", "src/lib/m.py": "1", "env.txt": "1"}
	filter := []closure.Filter{yml{"a", "a/all"}}
	trace := closure.NewTrace(at.fs())
	look := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := fs.ReadDir(trace, "src")
	look(err)
	_, err = fs.ReadDir(trace, "src/lib")
	look(err)
	_, err = fs.ReadFile(trace, "src/train.py")
	look(err)
	_, err = fs.Stat(trace, "b")
	look(err)
	if _, err := fs.ReadFile(trace, "src/.amlignore"); err == nil {
		t.Fatal("there is one")
	}
	if _, err := fs.Stat(trace, "a/all/deep"); err != nil {
		t.Fatal(err)
	}
	paths := trace.Paths(filter)
	if got, want := fmt.Sprint(paths), "[n src n src/lib s b]"; got != want {
		t.Errorf("traced %s, want %s", got, want)
	}
	digest := func(f files, more ...string) string {
		t.Helper()
		d := closure.New(f)
		sum, err := d.Filter(filter[0])
		look(err)
		all, err := d.Of([]string{sum}, paths, more...)
		look(err)
		return all
	}
	was := digest(at, "config")
	for name, tc := range map[string]struct {
		path, text string
		changes    bool
	}{
		"a file of the filter":        {"a/x.yml", "2", true},
		"a new file of the filter":    {"a/z.yml", "1", true},
		"what the filter leaves out":  {"a/readme", "2", false},
		"all of a folder":             {"a/all/deep/file", "2", true},
		"another folder":              {"b/y.yml", "2", false},
		"a new file there":            {"b/new.yml", "2", false},
		"content":                     {"src/train.py", "2", true},
		"content in a folder":         {"src/lib/m.py", "2", true},
		"new content":                 {"src/lib/n.py", "2", true},
		"an ignore file that appears": {"src/.amlignore", "*", true},
		"a file that nobody read":     {"env.txt", "2", false},
	} {
		f := files{}
		for k, v := range at {
			f[k] = v
		}
		f[tc.path] = tc.text
		if got := digest(f, "config") != was; got != tc.changes {
			t.Errorf("%s: changed %v, want %v", name, got, tc.changes)
		}
		delete(f, tc.path)
		_, had := at[tc.path]
		if got := digest(f, "config") != was; had && got != tc.changes {
			t.Errorf("%s taken away: changed %v, want %v", name, got, tc.changes)
		}
	}
	if digest(at, "config 2") == was {
		t.Error("another configuration is the same")
	}
	gone := files{}
	for k, v := range at {
		if !strings.HasPrefix(k, "b/") {
			gone[k] = v
		}
	}
	if digest(gone, "config") == was {
		t.Error("a folder that was looked for is gone")
	}
}

// A reading that looks at very much depends on all.
func TestTraceOfVeryMuch(t *testing.T) {
	at := files{}
	for i := range 600 {
		at[fmt.Sprintf("d%d/f", i)] = "1"
	}
	trace := closure.NewTrace(at.fs())
	for name := range at {
		if _, err := fs.ReadFile(trace, name); err != nil {
			t.Fatal(err)
		}
	}
	if got := trace.Paths(nil); len(got) != 1 || got[0] != "w ." {
		t.Errorf("%d paths", len(got))
	}
}
