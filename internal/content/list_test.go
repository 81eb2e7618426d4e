package content_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/internal/content"
)

// listed are the files of a folder as a storage account would list them, and
// how often each was read.
func listed(fsys fstest.MapFS, dir string, reads map[string]int) []content.Listed {
	var out []content.Listed
	for name, f := range fsys {
		rel, ok := strings.CutPrefix(name, dir+"/")
		if name == dir {
			rel, ok = path.Base(dir), true
		}
		if ok {
			out = append(out, content.Listed{Rel: rel, Size: int64(len(f.Data)), Open: func() (io.ReadCloser, error) {
				reads[rel]++
				return io.NopCloser(bytes.NewReader(f.Data)), nil
			}})
		}
	}
	return out
}

// What is listed elsewhere has the hashes that the same files have here.
func TestListedAsLocal(t *testing.T) {
	part := rapid.StringMatching(`[aAbB.\-_é]{1,3}`).Filter(func(s string) bool { return s != "." && s != ".." })
	rapid.Check(t, func(t *rapid.T) {
		fsys := fstest.MapFS{}
		for range rapid.IntRange(1, 6).Draw(t, "files") {
			name := "d/" + strings.Join(rapid.SliceOfN(part, 1, 3).Draw(t, "name"), "/")
			clash := slices.ContainsFunc(slices.Collect(keysOf(fsys)), func(other string) bool {
				return strings.HasPrefix(other+"/", name+"/") || strings.HasPrefix(name+"/", other+"/")
			})
			if !clash {
				fsys[name] = &fstest.MapFile{Data: []byte(rapid.StringMatching(`[a-c]{0,4}`).Draw(t, "data"))}
			}
		}
		local, err := content.Open(t.Context(), fsys, "d", content.Options{Ignore: []string{}})
		if err != nil {
			t.Fatal(err)
		}
		reads := map[string]int{}
		remote, err := content.OfList(t.Context(), "d", true, listed(fsys, "d", reads), content.Options{})
		if err != nil {
			t.Fatal(err)
		}
		wantObject, _ := local.ObjectHash(t.Context())
		wantCode, _ := local.CodeHash(t.Context())
		object, code, err := remote.Hashes(t.Context())
		if err != nil || object != wantObject || code != wantCode {
			t.Fatalf("got %s %s (%v), want %s %s", object, code, err, wantObject, wantCode)
		}
		if remote.Indicator().Rel != local.Indicator().Rel || remote.Bytes() != local.Bytes() {
			t.Fatal("the indicator or the size differs")
		}
	})
}

func keysOf(fsys fstest.MapFS) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range fsys {
			if !yield(k) {
				return
			}
		}
	}
}

func TestListedOneFile(t *testing.T) {
	fsys := fstest.MapFS{"x/one.csv": {Data: []byte("1,2\n")}}
	local, err := content.Open(t.Context(), fsys, "x/one.csv", content.Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantObject, wantCode, err := local.Hashes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	reads := map[string]int{}
	remote, err := content.OfList(t.Context(), "one.csv", false, listed(fsys, "x/one.csv", reads), content.Options{})
	if err != nil {
		t.Fatal(err)
	}
	object, code, err := remote.Hashes(t.Context())
	if err != nil || object != wantObject || code != wantCode || reads["one.csv"] != 1 {
		t.Errorf("got %s %s after %v reads (%v), want %s %s after one", object, code, reads, err, wantObject, wantCode)
	}
}

// Files are read twice only where the two orders differ.
func TestHashesReadOnce(t *testing.T) {
	for name, c := range map[string]struct {
		fsys fstest.MapFS
		want int
	}{
		"one order":  {fstest.MapFS{"d/a": {Data: []byte("1")}, "d/b/c": {Data: []byte("2")}, "d/d": {Data: []byte("3")}}, 1},
		"two orders": {fstest.MapFS{"d/a/x": {Data: []byte("1")}, "d/a-b": {Data: []byte("2")}}, 2},
	} {
		reads := map[string]int{}
		remote, err := content.OfList(t.Context(), "d", true, listed(c.fsys, "d", reads), content.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := remote.Hashes(t.Context()); err != nil {
			t.Fatal(err)
		}
		for rel, n := range reads {
			if n != c.want {
				t.Errorf("%s: %s was read %d times, want %d", name, rel, n, c.want)
			}
		}
	}
}

// An ignore file among the blobs leaves nothing out: a hash must cover all.
func TestListedHasNoIgnoreFile(t *testing.T) {
	fsys := fstest.MapFS{"d/.amlignore": {Data: []byte("*.pt\n")}, "d/model.pt": {Data: []byte("weights")}}
	remote, err := content.OfList(t.Context(), "d", true, listed(fsys, "d", map[string]int{}), content.Options{})
	if err != nil || len(remote.Files) != 2 {
		t.Errorf("got %v (%v), want both files", remote.Files, err)
	}
}

func TestListedRefuses(t *testing.T) {
	file := func(rel string) content.Listed {
		return content.Listed{Rel: rel, Size: 1, Open: func() (io.ReadCloser, error) { return nil, fs.ErrNotExist }}
	}
	for name, c := range map[string]struct {
		files []content.Listed
		opt   content.Options
		want  error
	}{
		"parent":          {[]content.Listed{file("../x")}, content.Options{}, content.ErrName},
		"absolute":        {[]content.Listed{file("/x")}, content.Options{}, content.ErrName},
		"empty segment":   {[]content.Listed{file("a//b")}, content.Options{}, content.ErrName},
		"root":            {[]content.Listed{file(".")}, content.Options{}, content.ErrName},
		"backslash":       {[]content.Listed{file(`a\b`)}, content.Options{}, content.ErrName},
		"file and folder": {[]content.Listed{file("a"), file("a/b")}, content.Options{}, content.ErrConflict},
		"folder and file": {[]content.Listed{file("a/b"), file("a")}, content.Options{}, content.ErrConflict},
		"twice":           {[]content.Listed{file("a"), file("a")}, content.Options{}, content.ErrConflict},
		"none":            {nil, content.Options{}, content.ErrEmpty},
		"many":            {[]content.Listed{file("a"), file("b")}, content.Options{MaxNames: 1}, content.ErrLimit},
		"large":           {[]content.Listed{file("a"), file("b")}, content.Options{MaxBytes: 1}, content.ErrLimit},
	} {
		if _, err := content.OfList(t.Context(), "d", true, c.files, c.opt); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	if _, err := content.OfList(t.Context(), "d", false, []content.Listed{file("a"), file("b")}, content.Options{}); !errors.Is(err, content.ErrConflict) {
		t.Errorf("two files for one: got %v", err)
	}
}
