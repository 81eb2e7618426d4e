package gitrepo

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestOpenRefusesBadOptions(t *testing.T) {
	for name, opts := range map[string]Options{
		"no url":         {},
		"option as url":  {URL: "--upload-pack=x"},
		"negative depth": {URL: "/r", Depth: -1},
		"negative time":  {URL: "/r", Timeout: -1},
		"negative limit": {URL: "/r", MaxPack: -1},
		"bad ca bundle":  {URL: "https://h/r", CABundle: []byte("no pem")},
	} {
		opts.Dir = t.TempDir()
		if _, err := Open(opts); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{URL: "/r", Dir: file}); err == nil {
		t.Error("a file is taken as the folder of a mirror")
	}
}

func TestCommitIsCleaned(t *testing.T) {
	u := newUpstream(t)
	u.commit("\x1b[31mred\u202e subject\n\nbody")
	c := fetch(t, openFileRemote(t, u), "main")
	if c.Subject != "[31mred subject" {
		t.Errorf("got %q", c.Subject)
	}
}

func TestCommitOfOtherObjects(t *testing.T) {
	u := newUpstream(t)
	head := u.commit("one", "a", "1")
	r := openFileRemote(t, u)
	fetch(t, r, "main")
	blob := Hash(u.run(u.bare, "rev-parse", string(head)+":a"))
	if _, err := r.Commit(blob); !errors.Is(err, ErrNotFound) {
		t.Errorf("a file: got %v", err)
	}
	if _, err := r.Tree("main"); !errors.Is(err, ErrInvalid) {
		t.Errorf("a name: got %v", err)
	}
	u.run(u.work, "tag", "file", string(blob))
	u.run(u.work, "push", "-q", "origin", "file")
	if _, err := r.Fetch(t.Context(), ref(t, "file")); !errors.Is(err, ErrNotFound) {
		t.Errorf("a tag of a file: got %v", err)
	}
}
