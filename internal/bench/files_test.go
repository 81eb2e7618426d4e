package main

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// walk visits every file.
func walk(fsys fs.FS, visit func(path string, data []byte) error) error {
	return fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(fsys, path)
		if err != nil {
			return err
		}
		return visit(path, data)
	})
}

// bytesOf is a folder as one text.
func bytesOf(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := walk(os.DirFS(dir), func(path string, data []byte) error {
		fmt.Fprintf(&b, "%s\n%s\n", path, data)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
