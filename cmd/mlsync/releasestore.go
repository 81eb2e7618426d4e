package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/promote"
)

// releases are the releases of a tree.
type releases struct{ fsys fs.FS }

// names are those of all releases, in their order.
func (s releases) names() ([]string, error) {
	entries, err := fs.ReadDir(s.fsys, promote.Folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), promote.FileExt); ok && e.Type().IsRegular() && promote.BadName(name) == "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, nil
}

// read reads a release. The error wraps fs.ErrNotExist if there is none of the
// name; problems of its file are a problem.List.
func (s releases) read(name string) (*promote.Release, error) {
	if bad := promote.BadName(name); bad != "" {
		return nil, fmt.Errorf("%q is not the name of a release: %s", name, bad)
	}
	file := promote.FileOf(name)
	data, err := readBounded(func() (fs.File, error) { return s.fsys.Open(file) }, limit.FileBytes)
	if err != nil {
		return nil, err
	}
	r, bad := promote.ReadRelease(data, file)
	return r, bad.Err()
}

// find is read with the names that there are.
func (s releases) find(name string) (*promote.Release, error) {
	r, err := s.read(name)
	if errors.Is(err, fs.ErrNotExist) {
		known, _ := s.names()
		return nil, unknownName("release", name, known)
	}
	return r, err
}

// all reads every release. What is wrong with one is among the problems.
func (s releases) all() ([]*promote.Release, problem.List, error) {
	names, err := s.names()
	if err != nil {
		return nil, nil, err
	}
	var out []*promote.Release
	var bad problem.List
	for _, name := range names {
		r, err := s.read(name)
		var list problem.List
		switch {
		case errors.As(err, &list):
			bad.Append(list)
		case err != nil:
			bad.Addf(problem.Pos{File: promote.FileOf(name)}, "unreadable", "cannot be read: %v", err)
		default:
			out = append(out, r)
		}
	}
	return out, bad, nil
}

// readPins reads the record of an overlay, an empty one if there is none.
func readPins(fsys fs.FS, overlay string) (*promote.Pins, error) {
	file := promote.PinsPath(path.Clean(overlay))
	data, err := readBounded(func() (fs.File, error) { return fsys.Open(file) }, limit.FileBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return &promote.Pins{}, nil
	}
	if err != nil {
		return nil, err
	}
	pins, bad := promote.ReadPins(data, file)
	if pins == nil {
		return nil, bad.Err()
	}
	return pins, nil
}
