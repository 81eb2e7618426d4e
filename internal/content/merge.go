package content

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// Merge returns the code of a component together with its
// additional_includes, as Microsoft's client puts them into one directory.
//
// code is the file or directory of the code, "" if there is none; dir is the
// directory of the component's file, whose ignore file counts if there is no
// code; includes are files and directories. All are relative to the root of
// fsys. Each include is copied under its own name to the root of the code.
// An include X.zip that does not exist, beside a directory X, is that
// directory as a zip file. In contrast to Open, ignore files of nested
// directories count while copying. Directories of the same name are merged, a
// later file replaces an earlier one, but nothing replaces the code:
// ErrConflict. The rules of component code apply in any case.
func Merge(ctx context.Context, fsys fs.FS, code, dir string, includes []string, opt Options) (*Content, error) {
	m := &merger{tree: &fsTree{fsys: fsys}, opt: opt, out: newFolder("")}
	c := &Content{IsDir: true, Merged: true, cache: opt.Cache}
	root, err := m.code(ctx, c, code, dir)
	if err != nil {
		return nil, err
	}
	for _, inc := range includes {
		if err := m.include(ctx, root, inc); err != nil {
			return nil, fmt.Errorf("additional include %s: %w", inc, err)
		}
	}
	opt.Component = true
	opt.Ignore = nil
	return c, c.fill(ctx, m.out.node(), opt)
}

type merger struct {
	tree  *fsTree
	opt   Options
	out   *folder
	taken map[string]*node // entries of the code directory
	home  string           // where the code directory is
	depth int
	names int // files and folders copied so far
}

// code copies the code and returns the ignore rules of the root.
func (m *merger) code(ctx context.Context, c *Content, code, dir string) (*scope, error) {
	m.taken = map[string]*node{}
	at, err := clean(cmp.Or(code, dir, "."))
	if err != nil {
		return nil, err
	}
	n, err := m.tree.root(at)
	if err != nil {
		return nil, err
	}
	c.Path = at
	c.Base = m.opt.RootName
	if c.Base == "" && n.at != "." {
		c.Base = n.name
	}
	c.Base = cmp.Or(c.Base, "code")
	if code != "" && !n.dir {
		// The client skips the ignore file for a single file of code.
		root := &scope{base: path.Dir(at), rules: &rules{}}
		m.taken[n.name], m.home = n, path.Dir(n.at)
		return root, m.copy(ctx, n, at, m.out, path.Base(at), root)
	}
	if !n.dir {
		return nil, fmt.Errorf("%s: not a directory: %w", at, fs.ErrInvalid)
	}
	r, err := rulesOf(n, Options{Component: true, IncludesFile: m.opt.IncludesFile, Ignore: m.opt.Ignore})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	root := &scope{base: at, rules: r}
	if code == "" {
		return root, nil
	}
	children, err := n.children()
	if err != nil {
		return nil, err
	}
	m.home = n.at
	for _, k := range children {
		m.taken[k.name] = k
	}
	return root, m.copyDir(ctx, n, at, m.out, root)
}

// include copies one include.
func (m *merger) include(ctx context.Context, root *scope, name string) error {
	at, err := clean(name)
	if err != nil {
		return err
	}
	root.base = path.Dir(at)
	n, err := m.tree.root(at)
	if errors.Is(err, fs.ErrNotExist) && path.Ext(at) == ".zip" {
		return m.zip(ctx, root, at)
	}
	if err != nil {
		return err
	}
	if n.at == "." {
		return fmt.Errorf("the root of the repository cannot be included: %w", fs.ErrInvalid)
	}
	if t := m.taken[n.name]; t != nil && (t.at != n.at || t.at == path.Join(m.home, n.name)) {
		return fmt.Errorf("%s: %w", n.name, ErrConflict)
	}
	return m.copy(ctx, n, at, m.out, n.name, root)
}

// copy copies n, found at the path at, to out/name.
func (m *merger) copy(ctx context.Context, n *node, at string, out *folder, name string, ignore *scope) error {
	if n.dir {
		inner, err := ignore.merge(n, at)
		if err != nil {
			return err
		}
		sub := newFolder(name)
		if err := m.copyDir(ctx, n, at, sub, inner); err != nil {
			return err
		}
		return out.putFolder(sub)
	}
	if ignore.excluded(at) {
		return nil
	}
	if n.err != nil {
		return n.err
	}
	return out.put(name, n)
}

// copyDir copies the entries of the directory n to out, unless the rules of
// the directory exclude it as a whole.
func (m *merger) copyDir(ctx context.Context, n *node, at string, out *folder, ignore *scope) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ignore.excluded(at) {
		return nil
	}
	if m.depth++; m.depth > maxDepth {
		return fmt.Errorf("%s: directories nested deeper than %d: %w", at, maxDepth, ErrLimit)
	}
	defer func() { m.depth-- }()
	children, err := n.children()
	if err != nil {
		return err
	}
	if m.names += len(children); m.names > m.opt.names() {
		return limitError(at, int64(m.names), "files and folders", int64(m.opt.names()))
	}
	for _, c := range children {
		if err := m.copy(ctx, c, path.Join(at, c.name), out, c.name, ignore); err != nil {
			return err
		}
	}
	return nil
}

// scope is an ignore file of a directory and those of the directories above.
type scope struct {
	base  string
	rules *rules
	above []*scope
}

func (s *scope) excluded(at string) bool {
	for _, a := range s.above {
		if a.excluded(at) {
			return true
		}
	}
	return s.rules.excluded(relative(s.base, at))
}

// merge returns the rules inside the directory n at the path at.
func (s *scope) merge(n *node, at string) (*scope, error) {
	r, err := rulesOf(n, Options{Component: true})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", at, err)
	}
	above := append(s.above[:len(s.above):len(s.above)], &scope{base: s.base, rules: s.rules})
	return &scope{base: at, rules: r, above: above}, nil
}

// relative returns the path of at as seen from base.
func relative(base, at string) string {
	if base == at {
		return "."
	}
	if base == "." {
		return at
	}
	b, a := strings.Split(base, "/"), strings.Split(at, "/")
	if at == "." {
		a = nil
	}
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	return strings.Join(append(slices.Repeat([]string{".."}, len(b)), a...), "/")
}

// folder is a directory that is put together.
type folder struct {
	name  string
	files map[string]*node
	subs  map[string]*folder
}

func newFolder(name string) *folder {
	return &folder{name: name, files: map[string]*node{}, subs: map[string]*folder{}}
}

func (f *folder) put(name string, n *node) error {
	if f.subs[name] != nil {
		return fmt.Errorf("%s is a directory and a file: %w", name, ErrConflict)
	}
	c := *n
	c.name = name
	f.files[name] = &c
	return nil
}

// putFolder adds sub, or its entries to a directory of the same name. An empty
// directory leaves no trace.
func (f *folder) putFolder(sub *folder) error {
	if len(sub.files)+len(sub.subs) == 0 {
		return nil
	}
	if f.files[sub.name] != nil {
		return fmt.Errorf("%s is a directory and a file: %w", sub.name, ErrConflict)
	}
	have := f.subs[sub.name]
	if have == nil {
		f.subs[sub.name] = sub
		return nil
	}
	for name, n := range sub.files {
		if err := have.put(name, n); err != nil {
			return err
		}
	}
	for _, s := range sub.subs {
		if err := have.putFolder(s); err != nil {
			return err
		}
	}
	return nil
}

func (f *folder) node() *node {
	return &node{name: f.name, dir: true, children: func() ([]*node, error) {
		out := slices.Collect(maps.Values(f.files))
		for _, s := range f.subs {
			out = append(out, s.node())
		}
		return out, nil
	}}
}
