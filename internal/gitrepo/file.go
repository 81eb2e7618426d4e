package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/filesystem/dotgit"
)

// fileRemote is a repository on this machine. It is read and written directly:
// no git program runs, and so none of the hooks of that repository.
type fileRemote struct {
	path string
}

type fileSession struct {
	ctx     context.Context //nolint:containedctx // a session is one operation
	repo    *git.Repository
	storage storage.Storer
	adv     *packp.AdvRefs
}

func (f *fileRemote) open(ctx context.Context, _ service, _ Credential) (session, error) {
	repo, err := git.PlainOpenWithOptions(f.path, &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if errors.Is(err, git.ErrRepositoryNotExists) {
		return nil, faultOf(ErrNotFound, "there is no git repository in this folder")
	}
	if err != nil {
		return nil, faultOf(ErrUnreachable, err.Error())
	}
	s := &fileSession{ctx: ctx, repo: repo, storage: repo.Storer}
	if err := s.listWhole(); err != nil {
		return nil, faultOf(ErrUnreachable, err.Error())
	}
	return s, nil
}

// How often the refs are read again while another process writes one of them,
// and how long that may take.
const (
	refTries = 50
	refPause = 20 * time.Millisecond
)

// listWhole is list at a moment at which no ref is half written: go-git empties
// the file of a ref before it writes the new one.
func (f *fileSession) listWhole() error {
	for try := 1; ; try++ {
		f.adv = packp.NewAdvRefs()
		err := f.list()
		if !errors.Is(err, dotgit.ErrEmptyRefFile) || try == refTries {
			return err
		}
		timer := time.NewTimer(refPause)
		select {
		case <-timer.C:
		case <-f.ctx.Done():
			timer.Stop()
			return f.ctx.Err()
		}
	}
}

// list fills in what a server would have told.
func (f *fileSession) list() error {
	refs, err := f.storage.IterReferences()
	if err != nil {
		return err
	}
	if err := refs.ForEach(func(ref *plumbing.Reference) error {
		if ref.Type() == plumbing.HashReference && ref.Name() != plumbing.HEAD {
			f.adv.References[ref.Name().String()] = ref.Hash()
		}
		return nil
	}); err != nil {
		return err
	}
	head, err := f.storage.Reference(plumbing.HEAD)
	switch {
	case errors.Is(err, plumbing.ErrReferenceNotFound):
		return nil
	case err != nil:
		return err
	case head.Type() == plumbing.SymbolicReference:
		return f.adv.Capabilities.Add(capability.SymRef, "HEAD:"+head.Target().String())
	}
	hash := head.Hash()
	f.adv.Head = &hash
	return nil
}

func (f *fileSession) refs() *packp.AdvRefs { return f.adv }

func (f *fileSession) close() {
	if c, ok := f.storage.(io.Closer); ok {
		_ = c.Close() // it was only read
	}
}

// fetch ignores the depth: copying all of a local history costs little.
func (f *fileSession) fetch(req fetchRequest, pack io.Writer) (packp.ShallowUpdate, error) {
	c := &collector{fileSession: f, have: req.have, seen: map[plumbing.Hash]bool{}}
	for _, want := range req.wants {
		if err := c.start(want); err != nil {
			return packp.ShallowUpdate{}, err
		}
	}
	_, err := packfile.NewEncoder(pack, f.storage, false).Encode(c.out, 0)
	return packp.ShallowUpdate{}, err
}

// collector lists the objects that a pack must hold.
type collector struct {
	*fileSession
	have func(plumbing.Hash) bool // what the mirror has, it has whole
	seen map[plumbing.Hash]bool
	out  []plumbing.Hash
}

// take adds an object and says whether it is new.
func (c *collector) take(h plumbing.Hash) bool {
	if c.seen[h] || c.have(h) {
		return false
	}
	c.seen[h] = true
	c.out = append(c.out, h)
	return true
}

func (c *collector) start(h plumbing.Hash) error {
	if tag, err := object.GetTag(c.storage, h); err == nil {
		c.take(h)
		return c.start(tag.Target)
	}
	open := []plumbing.Hash{h}
	for len(open) > 0 {
		h, open = open[len(open)-1], open[:len(open)-1]
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if !c.take(h) {
			continue
		}
		commit, err := object.GetCommit(c.storage, h)
		if err != nil {
			return faultOf(ErrNotFound, fmt.Sprintf("commit %s: %v", h, err))
		}
		if err := c.tree(commit.TreeHash, 0); err != nil {
			return err
		}
		open = append(open, commit.ParentHashes...)
	}
	return nil
}

func (c *collector) tree(h plumbing.Hash, depth int) error {
	if depth > deepest {
		return faultOf(ErrTooLarge, "folders are nested too deep")
	}
	if !c.take(h) {
		return nil
	}
	tree, err := object.GetTree(c.storage, h)
	if err != nil {
		return faultOf(ErrNotFound, fmt.Sprintf("tree %s: %v", h, err))
	}
	for _, e := range tree.Entries {
		switch e.Mode {
		case filemode.Dir:
			if err := c.tree(e.Hash, depth+1); err != nil {
				return err
			}
		case filemode.Submodule:
		default:
			c.take(e.Hash)
		}
	}
	return nil
}

// push writes the objects first and moves the branch last, only if it is still
// where it was.
func (f *fileSession) push(req pushRequest) error {
	head, err := f.storage.Reference(plumbing.HEAD)
	if _, bare := f.repo.Worktree(); bare == nil && err == nil && head.Target() == req.branch {
		return &fault{
			kind:   ErrRejected,
			detail: fmt.Sprintf("%s is checked out there", req.branch.Short()),
			cure:   "push to a bare repository or to another branch",
		}
	}
	for _, h := range req.objects {
		obj, err := req.store.encoded(plumbing.AnyObject, h)
		if err != nil {
			return req.store.needed(h, err)
		}
		if _, err := f.storage.SetEncodedObject(obj); err != nil {
			return faultOf(ErrRejected, err.Error())
		}
	}
	var old *plumbing.Reference
	if !req.old.IsZero() {
		old = plumbing.NewHashReference(req.branch, req.old)
	} else if _, err := f.storage.Reference(req.branch); err == nil {
		return faultOf(ErrRejected, "the branch exists by now")
	}
	if err := f.storage.CheckAndSetReference(plumbing.NewHashReference(req.branch, req.new), old); err != nil {
		return faultOf(ErrRejected, err.Error())
	}
	return nil
}
