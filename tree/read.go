package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
	"mlsync.dev/mlsync/kind"
)

// KindRule says what the files of a path are.
type KindRule struct {
	// Path is a glob.
	Path string
	// Kind is the kind of documents that do not say it themselves.
	Kind string
	// Ignore says that the files are no assets, whatever they look like.
	Ignore bool
}

// SetRule merges fields into documents, as if they stood in the file.
type SetRule struct {
	// Kind is a kind, Name and Path globs; empty ones match everything.
	Kind, Name, Path string
	// Set is a merge patch.
	Set *asset.Value
}

// Options say how a tree is read.
type Options struct {
	// Include and Exclude are globs of paths; an empty Include takes all.
	Include, Exclude []string
	// Overlays are folders of merge patches, applied in their order.
	Overlays []string
	// Apart are folders that are not part of the tree, such as the overlays
	// of other targets.
	Apart     []string
	KindRules []KindRule
	Sets      []SetRule
	// Vars are the values of ${{ var.NAME }}.
	Vars map[string]*asset.Value
	// Literals allows secrets in clear; see kind.Checker.
	Literals bool
	// AsClient refuses what the reference client refuses; see kind.Checker.
	AsClient bool
	// Actions reads files that ask for something to be done once as if they
	// were assets; otherwise they are left alone with a warning.
	Actions bool
	// Manage are the kinds that are managed although they are left alone
	// without being asked for (kind.Table.OptIn).
	Manage []asset.Kind
	// Scope is the workspace or registry that the tree is for, as far as it is
	// known: what cannot be in it is a problem.
	Scope kind.Scope
	Parse ParseOptions
	// Narrow goes only into folders in which something may be included: files
	// of others are not among Tree.Files.
	Narrow bool
}

// File is one YAML file of the tree and what was made of it.
type File struct {
	Path string
	// Kind is the kind that the file is of, "" if it is no asset; that of the
	// last document if there are several.
	Kind string
	// Why says what decided whether the file is an asset.
	Why string
	// Unmanaged names the kind of Azure ML that the file is of if mlsync
	// leaves that kind alone, as it does with actions.
	Unmanaged string
	// Action is set if the file asks for something to be done once.
	Action bool
	// Preview is set if a document is of the 2020 preview dialect.
	Preview bool
	// Overlay is set for files of an overlay folder.
	Overlay bool
	// Bad is set if the file is an asset that could not be read.
	Bad bool
	// Docs are the documents as written, in the order of Documents.
	Docs []*asset.Value
	// Assets are what the file says, without what overlays add.
	Assets []*asset.Asset
}

// IsAsset reports whether the file holds assets, readable or not.
func (f *File) IsAsset() bool { return len(f.Assets) > 0 || f.Bad }

// Tree is a folder of assets.
type Tree struct {
	// Files are all YAML files that were looked at, in the order of paths.
	Files []*File
	// Assets are the assets in the order of files and documents, no two with
	// one identity.
	Assets []*asset.Asset
}

// Read reads all assets below the root of fsys, with all problems of all
// files. With errors among the problems the tree is for looking at, not for
// applying: assets may be missing.
func Read(fsys fs.FS, opts Options) (*Tree, problem.List) {
	r := &reader{opts: opts, tree: &Tree{}, filter: opts.Filter()}
	r.walk(fsys)
	r.patchAll()
	r.finish()
	return r.tree, r.bad.Sorted()
}

// reader is one reading of a tree.
type reader struct {
	opts    Options
	filter  *Filter
	tree    *Tree
	bad     problem.List
	drafts  []*draft // the documents that are assets, in the order of the files
	patches []*patch // the documents of overlays
	count   int      // YAML files so far
	names   int      // files and folders so far
	bytes   int      // of the YAML files that were read
}

var errEnough = errors.New("enough files")

func (r *reader) walk(fsys fs.FS) {
	lim := r.opts.Parse.Limits.orDefaults()
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			r.bad.Addf(problem.Pos{File: name}, "unreadable", "cannot be read: %s", plainError(err))
			return nil
		}
		if r.names++; r.names > lim.Names {
			return r.enough("files and folders of any sort", lim.Names)
		}
		if d.IsDir() {
			if name != "." && r.filter.skips(name) || r.opts.Narrow && r.filter.None(name) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !IsYAML(name) || r.opts.Narrow && !r.filter.File(name) {
			return nil
		}
		if r.count++; r.count > lim.Files {
			return r.enough("YAML files", lim.Files)
		}
		if r.file(fsys, name, lim); r.bytes > lim.Total {
			return r.enough("bytes of YAML", lim.Total)
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		r.bad.Addf(problem.Pos{File: "."}, "unreadable", "cannot be read: %s", plainError(err))
	}
}

// enough says that the tree has too many of something, and ends the walk.
func (r *reader) enough(what string, limit int) error {
	r.bad.Hintf(problem.Pos{}, "too_large", "keep the assets in a folder of their own, and name it with --dir or repository.path", "the tree has more than %d %s", limit, what)
	return errEnough
}

// plainError is err without the path, which the problem says already.
func plainError(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

func (r *reader) inOverlay(name string) (order int, rel string) {
	for i, o := range r.opts.Overlays {
		if rest, ok := strings.CutPrefix(name, path.Clean(o)+"/"); ok {
			return i + 1, rest
		}
	}
	return 0, name
}

func (r *reader) file(fsys fs.FS, name string, lim Limits) {
	f := &File{Path: name}
	order, rel := r.inOverlay(name)
	f.Overlay = order > 0
	r.tree.Files = append(r.tree.Files, f)
	if f.Why = r.ownFile(name, f.Overlay, rel); f.Why != "" {
		return
	}
	switch {
	case r.filter.exclude.Any(name):
		f.Why = "excluded by mlsync.yaml"
		return
	case !f.Overlay && len(r.opts.Include) > 0 && !r.filter.include.Any(name):
		f.Why = "not included by mlsync.yaml"
		return
	}
	data, err := readLimited(fsys, name, lim.Bytes)
	if err != nil {
		f.Bad, f.Why = true, "it cannot be read"
		r.bad.Addf(problem.Pos{File: name}, "unreadable", "cannot be read: %s", plainError(err))
		return
	}
	r.bytes += len(data)
	docs, bad := Parse(data, name, r.opts.Parse)
	if len(bad.Errors()) > 0 && !r.keepBad(f, data, docs, rel, bad) {
		return
	}
	comment := commentSchema(data)
	if len(docs) == 0 && f.Why == "" {
		f.Why = "empty"
	}
	for _, doc := range docs {
		r.document(f, doc, rel, comment, order)
	}
}

// keepBad decides whether the problems of a file count: only if it is an
// asset. It returns whether documents of the file are worth looking at.
func (r *reader) keepBad(f *File, data []byte, docs []*asset.Value, rel string, bad problem.List) bool {
	var v kind.Verdict
	for _, doc := range docs {
		if v = r.identify(doc, rel, commentSchema(data)); v.Variant != nil {
			break
		}
	}
	if v.Variant == nil {
		if w := r.unreadable(data, rel); w.Variant != nil || v.Why == "" {
			v = w
		}
	}
	f.Why, f.Unmanaged = v.Why, v.Unmanaged
	if r.isAction(v) {
		f.Unmanaged, f.Action = v.Variant.FullName(), true
		f.Why = fmt.Sprintf("%s; besides, %s", f.Why, bad[0].Text)
		return false
	}
	if v.Variant == nil && v.Doubt == "" && !f.Overlay {
		f.Why = fmt.Sprintf("%s; besides, %s", f.Why, bad[0].Text)
		return false
	}
	f.Bad = true
	if v.Variant != nil {
		f.Kind = v.Variant.FullName()
	}
	r.bad.Append(bad)
	return len(docs) > 0
}

// isAction reports whether a document is no asset but asks for something to be
// done, and is to be told so.
func (r *reader) isAction(v kind.Verdict) bool {
	return v.Variant != nil && v.Variant.Table().Action && !r.opts.Actions
}

// action leaves a file alone that asks for something to be done once, and says
// what states the same.
func (r *reader) action(f *File, doc *asset.Value, v *kind.Variant) {
	f.Unmanaged, f.Action = v.FullName(), true
	r.bad.Warnf(doc.Pos(), "action", v.Command.Instead, "this is a request that %s makes once, and no state: mlsync leaves it alone", v.Command.Name)
}

// readLimited reads a file, at most one byte more than the limit.
func readLimited(fsys fs.FS, name string, limit int) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	var buf bytes.Buffer
	if info, err := f.Stat(); err == nil {
		// Room to see the end without growing.
		buf.Grow(int(min(info.Size(), int64(limit))) + bytes.MinRead)
	}
	_, err = buf.ReadFrom(io.LimitReader(f, int64(limit)+1))
	return buf.Bytes(), err
}

// document sorts one document of a file: asset, patch or neither.
func (r *reader) document(f *File, doc *asset.Value, rel, comment string, order int) {
	v := r.identify(doc, rel, comment)
	if f.Why == "" || v.Variant != nil {
		f.Why, f.Unmanaged = v.Why, v.Unmanaged
	}
	if r.isAction(v) {
		r.action(f, doc, v.Variant)
		return
	}
	if order > 0 {
		r.addPatch(f, doc, rel, v, order)
		return
	}
	if v.Doubt != "" {
		f.Bad = true
		doubt(v, doc, &r.bad)
		return
	}
	if v.Variant == nil {
		return
	}
	f.Docs = append(f.Docs, doc)
	f.Kind = v.Variant.FullName()
	f.Preview = f.Preview || v.Preview
	r.drafts = append(r.drafts, r.released(f, doc, rel, v)...)
}
