package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// writeFile writes a file as a whole or not at all, with the rights of the
// one that it replaces.
func writeFile(file string, data []byte) error {
	mode := fs.FileMode(0o644)
	switch info, err := os.Stat(file); {
	case err == nil:
		mode = info.Mode().Perm()
		// Through a link, the file that it leads to is replaced.
		if file, err = filepath.EvalSymlinks(file); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), ".mlsync-*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	for _, step := range []func() error{func() error { return tmp.Chmod(mode) }, tmp.Sync, tmp.Close} {
		err = errors.Join(err, step())
	}
	if err == nil {
		err = os.Rename(tmp.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
