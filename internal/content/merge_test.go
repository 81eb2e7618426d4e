package content_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/internal/content"
)

func TestMerge(t *testing.T) {
	fsys := fstest.MapFS{
		"c/src/run.py": text("R"), "c/src/__pycache__/x": text("x"), "c/src/.amlignore": text("*.tmp\n"), "c/src/a.tmp": text("t"),
		"c/.gitignore": text("*.skip\n"),
		"lib/u.py":     text("U"), "lib/u.tmp": text("t"), "lib/.gitignore": text("gen/\n!k\n"), "lib/gen/g": text("g"), "lib/n/.gitignore": text("secret"), "lib/n/secret": text("s"), "lib/n/ok": text("o"), "lib/__pycache__/y": text("y"),
		"shared/lib/u.py": text("U2"), "shared/lib/v.py": text("V"), "shared/f.skip": text("f"),
		"one.txt": text("1"), "same/run.py": text("other"), "al": link("lib"),
		"pkg/z/m.py": text("M"), "pkg/z/n/k.py": text("K"), "pkg/z/n/__pycache__/k": text("k"), "pkg/z/b.tmp": text("t"), "pkg/real.zip": text("zip"),
	}
	tests := []struct {
		name, code, dir string
		includes        []string
		base, want      string
	}{
		{"no includes", "c/src", "c", nil, "src", ".amlignore run.py"},
		{"directory, nested ignore files", "c/src", "c", []string{"lib"}, "src", ".amlignore lib/.gitignore lib/n/.gitignore lib/n/ok lib/u.py run.py"},
		{"two of one name", "c/src", "c", []string{"lib", "shared/lib"}, "src", ".amlignore lib/.gitignore lib/n/.gitignore lib/n/ok lib/u.py lib/v.py run.py"},
		{"file", "c/src", "c", []string{"one.txt", "pkg/real.zip"}, "src", ".amlignore one.txt real.zip run.py"},
		{"symlink takes its real name", "c/src", "c", []string{"al"}, "src", ".amlignore lib/.gitignore lib/n/.gitignore lib/n/ok lib/u.py run.py"},
		{"code is a file", "c/src/run.py", "c", []string{"one.txt"}, "run.py", "one.txt run.py"},
		{"no code", "", "c", []string{"one.txt", "shared/f.skip", "shared"}, "c", "one.txt shared/lib/u.py shared/lib/v.py"},
		{"zip", "c/src", "c", []string{"pkg/z.zip"}, "src", ".amlignore run.py z.zip"},
	}
	for _, tt := range tests {
		c, err := content.Merge(t.Context(), fsys, tt.code, tt.dir, tt.includes, content.Options{})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := rels(c); got != tt.want || c.Base != tt.base {
			t.Errorf("%s:\n got %q in %s\nwant %q in %s", tt.name, got, c.Base, tt.want, tt.base)
		}
	}
	for _, tt := range []struct {
		include string
		want    error
	}{{"same/run.py", content.ErrConflict}, {"none", fs.ErrNotExist}, {"none.zip", fs.ErrNotExist}, {"../x", content.ErrEscape}, {".", fs.ErrInvalid}} {
		if _, err := content.Merge(t.Context(), fsys, "c/src", "c", []string{tt.include}, content.Options{}); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.include, err, tt.want)
		}
	}
}

func TestMergeLaterFileWins(t *testing.T) {
	fsys := fstest.MapFS{"src/r": text("R"), "a/x": text("old"), "b/x": text("newer")}
	c, err := content.Merge(t.Context(), fsys, "src", "", []string{"a/x", "b/x"}, content.Options{RootName: "merged"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.CodeHash(t.Context()); got != sum("2", "#r#1", "#x#5", "R", "newer") || c.Base != "merged" {
		t.Errorf("got %s in %s (%v)", got, c.Base, err)
	}
}

func TestMergedZipIsReadableAndStable(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789"), 50_000)
	fsys := fstest.MapFS{"src/r": text("R"), "p/z/m.py": text("M"), "p/z/e": text(""), "p/z/d/big": {Data: big}}
	read := func() []byte {
		t.Helper()
		c, err := content.Merge(t.Context(), fsys, "src", "", []string{"p/z.zip"}, content.Options{})
		if err != nil {
			t.Fatal(err)
		}
		f, err := c.Files[1].Open()
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		b, err := io.ReadAll(f)
		if err != nil || int64(len(b)) != c.Files[1].Size {
			t.Fatalf("read %d bytes (%v), listed %d", len(b), err, c.Files[1].Size)
		}
		return b
	}
	first := read()
	if !bytes.Equal(first, read()) {
		t.Error("two zips of the same files differ")
	}
	z, err := zip.NewReader(bytes.NewReader(first), int64(len(first)))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"z/": "", "z/m.py": "M", "z/e": "", "z/d/big": string(big)}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil || string(b) != want[f.Name] {
			t.Errorf("%s: %d bytes (%v)", f.Name, len(b), err)
		}
		delete(want, f.Name)
	}
	if len(want) != 0 {
		t.Errorf("missing in the zip: %v", want)
	}
}
