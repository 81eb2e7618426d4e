package policy

import (
	"io/fs"
	"path"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/problem"
)

// ReleaseFolder is where the releases of a repository are.
const ReleaseFolder = "releases"

// Release is a release as its file says it.
type Release struct {
	Name, File string
	Doc        *asset.Value
}

// NeedsReleases reports whether a rule of the set asks for releases.
func (s *Set) NeedsReleases() bool { return s != nil && s.releases }

// ReadReleases reads the releases of a tree, sorted by file. Whether a release
// is sound is not looked at.
func ReadReleases(fsys fs.FS, parse Parse) ([]*Release, problem.List) {
	var out []*Release
	files, bad := readFolder(fsys, ReleaseFolder, limit.TreeFiles, parse)
	for _, f := range files {
		if len(f.docs) != 1 || f.docs[0].Type() != asset.Map {
			bad.Hintf(problem.Pos{File: f.path}, CodeFile, "restore it from git", "a release is one document")
			continue
		}
		name := f.docs[0].Get("name").Str()
		if name == "" {
			name = strings.TrimSuffix(path.Base(f.path), path.Ext(f.path))
		}
		out = append(out, &Release{Name: name, File: f.path, Doc: f.docs[0]})
	}
	return out, bad
}

// listing are the names of the releases that list an asset, sorted.
func listing(releases []*Release) map[asset.ID][]string {
	out := map[asset.ID][]string{}
	for _, r := range releases {
		for _, a := range r.Doc.Get("assets").Items() {
			id := asset.ID{Kind: asset.Kind(a.Get("kind").Text()), Parent: a.Get("parent").Text(), Name: a.Get("name").Text(), Version: a.Get("version").Text()}
			out[id] = append(out[id], r.Name)
		}
	}
	return out
}
