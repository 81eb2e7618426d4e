package content

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"mlsync.dev/mlsync/internal/limit"
)

// maxDepth bounds the nesting of directories.
const maxDepth = limit.FolderDepth

// walk collects the files of a directory that count.
type walk struct {
	path  string
	rules *rules
	opt   Options

	depth int
	names int // files and folders so far, those that are left out too
	bytes int64
	files []File
	feed  []feedItem
}

// dir visits the directory n at rel. fed says whether its entries belong to
// the object hash: a directory that a pattern names is not fed, though a later
// pattern may bring files of it back into the list. The two differ in
// Microsoft's client, and so they do here.
func (w *walk) dir(ctx context.Context, n *node, rel string, fed bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.depth++; w.depth > maxDepth {
		return fmt.Errorf("%s: directories nested deeper than %d: %w", rel, maxDepth, ErrLimit)
	}
	defer func() { w.depth-- }()
	children, err := n.children()
	if err != nil {
		return err
	}
	slices.SortFunc(children, func(a, b *node) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.name), strings.ToLower(b.name)), cmp.Compare(a.name, b.name))
	})
	if w.names += len(children); w.names > w.opt.names() {
		return limitError(w.path, int64(w.names), "files and folders", int64(w.opt.names()))
	}
	for _, c := range children {
		crel := c.name
		if rel != "" {
			crel = rel + "/" + c.name
		}
		if err := w.entry(ctx, c, crel, fed); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) entry(ctx context.Context, c *node, rel string, fed bool) error {
	excluded := w.rules.excluded(rel)
	if c.dir {
		if excluded && !w.rules.negated {
			return nil
		}
		fed = fed && !excluded
		if fed {
			w.feed = append(w.feed, feedItem{name: c.name})
		}
		if !w.rules.negated && w.rules.excluded(rel+"/") {
			return nil
		}
		return w.dir(ctx, c, rel, fed)
	}
	if excluded {
		return nil
	}
	if c.err != nil {
		return fmt.Errorf("%s: %w", w.path, c.err)
	}
	if err := checkName(c.name); err != nil {
		return fmt.Errorf("%s: %w", w.path, err)
	}
	if c.open == nil {
		return fmt.Errorf("%s/%s: neither a file nor a directory", w.path, rel)
	}
	w.files = append(w.files, File{Rel: rel, Size: c.size, node: c})
	w.bytes += c.size
	if over(int64(w.opt.MaxFiles), int64(len(w.files))) {
		return limitError(w.path, int64(len(w.files)), "files", int64(w.opt.MaxFiles))
	}
	if w.bytes > w.opt.bytes() {
		return limitError(w.path, w.bytes, "bytes", w.opt.bytes())
	}
	if fed {
		w.feed = append(w.feed, feedItem{name: c.name, file: c})
	}
	return nil
}

// checkName refuses names that are no blob names: storage reads a backslash as
// a separator and wants UTF-8.
func checkName(name string) error {
	if !utf8.ValidString(name) || strings.ContainsAny(name, "\\\x00") {
		return fmt.Errorf("%q: %w", name, ErrName)
	}
	return nil
}
