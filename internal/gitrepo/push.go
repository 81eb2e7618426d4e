package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// Change is a commit to be made and pushed.
type Change struct {
	// Branch is the branch to move, by short name. One that the remote does not
	// have is made, beginning at Base.
	Branch string
	// Base is the commit that the change was made from: it must still be the
	// head of the branch. "" makes the first commit of a branch.
	Base Hash
	// Files holds the new content by path; nil content deletes the file, and
	// deleting what is not there changes nothing. Others stay as they are.
	Files map[string][]byte
	// Author is also the committer; When must be set.
	Author Signature
	// Message is the whole message.
	Message string
}

// MovedError says that a branch is no longer where a change was made from. It
// is ErrMoved. Head has been fetched, so that the caller may begin again there.
type MovedError struct {
	Branch string
	// Head is where the branch is now; the zero Commit if it is gone.
	Head Commit
}

// Error names the branch and its head.
func (e *MovedError) Error() string {
	if e.Head.Hash == "" {
		return fmt.Sprintf("%v: %s is gone", ErrMoved, e.Branch)
	}
	return fmt.Sprintf("%v: %s is now at %s", ErrMoved, e.Branch, e.Head.Hash)
}

// Unwrap gives ErrMoved.
func (e *MovedError) Unwrap() error { return ErrMoved }

// Push makes a commit of the change and moves the branch to it, never by force.
// A change that alters nothing gives Base and pushes nothing. If the branch is
// not at Base the error is a *MovedError; if the remote refuses, ErrRejected;
// a bad path, name or message is ErrInvalid. After ErrUnreachable it is not
// known whether the branch was moved; Push again gives ErrMoved if it was.
func (r *Repo) Push(ctx context.Context, change Change) (Commit, error) {
	if err := change.check(); err != nil {
		return Commit{}, err
	}
	pushed, err := r.push(ctx, change)
	if err == nil {
		return pushed, nil
	}
	if errors.Is(err, ErrRejected) || errors.Is(err, ErrUnreachable) {
		// Somebody may have been quicker, or only the report was lost.
		head, found := r.headOf(ctx, change.Branch)
		if found && head.Hash == pushed.Hash && pushed.Hash != "" {
			return pushed, nil
		}
		if found && head.Hash != change.Base {
			return Commit{}, &MovedError{Branch: change.Branch, Head: head}
		}
	}
	if errors.Is(err, ErrMoved) {
		head, _ := r.headOf(ctx, change.Branch)
		return Commit{}, &MovedError{Branch: change.Branch, Head: head}
	}
	return Commit{}, err
}

func (r *Repo) headOf(ctx context.Context, branch string) (Commit, bool) {
	ref, err := ParseRef("refs/heads/" + branch)
	if err != nil {
		return Commit{}, false
	}
	head, err := r.Fetch(ctx, ref)
	return head, err == nil
}

// push returns the commit it tried to push with an error of the remote.
func (r *Repo) push(ctx context.Context, change Change) (Commit, error) {
	var out Commit
	if change.Base != "" {
		if _, err := r.store().commitOf(change.Base); err != nil {
			return out, err
		}
	}
	err := r.speak(ctx, "push", receivePack, func(s session) error {
		name := plumbing.NewBranchReferenceName(change.Branch)
		old, err := change.start(s.refs(), name)
		if err != nil {
			return err
		}
		mirror := r.store()
		b := &builder{store: mirror}
		commit, err := b.commit(change)
		if err != nil {
			return err
		}
		out = commitFrom(commit)
		if commit.Hash == plumbing.NewHash(string(change.Base)) && commit.Hash == old {
			return nil
		}
		if err := s.push(pushRequest{branch: name, old: old, new: commit.Hash, objects: b.made, store: mirror}); err != nil {
			return err
		}
		return mirror.setTip(name, commit.Hash)
	})
	return out, err
}

// start gives the object that the branch must be at, zero for none.
func (c Change) start(adv *packp.AdvRefs, name plumbing.ReferenceName) (plumbing.Hash, error) {
	old, exists := adv.References[name.String()]
	base := plumbing.NewHash(string(c.Base))
	if exists && old != base {
		return old, &fault{kind: ErrMoved, detail: c.Branch + " is at " + old.String()}
	}
	return old, nil
}

func (c Change) check() error {
	control := func(r rune) bool { return unicode.IsControl(r) || r == '<' || r == '>' }
	if err := checkRefName(c.Branch); err != nil {
		return err
	}
	switch {
	case c.Base != "" && !plumbing.IsHash(string(c.Base)):
		return invalid("base of the push", "it is not 40 hexadecimal digits")
	case c.Author.Name == "" || c.Author.Email == "" || c.Author.When.IsZero():
		return invalid("author of the push", "name, email and time are needed")
	case strings.ContainsFunc(c.Author.Name+c.Author.Email, control):
		return invalid("author of the push", "control characters and < > are not allowed")
	case strings.TrimSpace(c.Message) == "" || strings.ContainsRune(c.Message, 0):
		return invalid("message of the push", "it is empty or holds a zero byte")
	}
	for path := range c.Files {
		if err := checkPath(path); err != nil {
			return err
		}
	}
	return nil
}

func checkPath(path string) error {
	bad := func(why string) error { return invalid(fmt.Sprintf("path %q", clean(path)), why) }
	switch {
	case !fs.ValidPath(path) || path == ".":
		return bad("it is not a relative path inside the repository")
	case strings.ContainsFunc(path, func(r rune) bool { return unicode.IsControl(r) || r == '\\' }):
		return bad("control characters and \\ are not allowed")
	case strings.Count(path, "/") >= deepest:
		return bad("it is nested too deep")
	}
	for part := range strings.SplitSeq(path, "/") {
		if isDotGit(part) {
			return bad("the name is git's own")
		}
	}
	return nil
}

// builder makes objects in the mirror and remembers them.
type builder struct {
	store *store
	made  []plumbing.Hash
}

// put stores an object, children always before what names them.
func (b *builder) put(obj plumbing.EncodedObject) (plumbing.Hash, error) {
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	h, err := b.store.objects.SetEncodedObject(obj)
	if err == nil && !slices.Contains(b.made, h) {
		b.made = append(b.made, h)
	}
	return h, err
}

// commit makes the change's commit, or gives the base if nothing is altered.
func (b *builder) commit(change Change) (*object.Commit, error) {
	var parents []plumbing.Hash
	var oldTree plumbing.Hash
	var base *object.Commit
	if change.Base != "" {
		var err error
		if base, err = b.store.commitOf(change.Base); err != nil {
			return nil, err
		}
		parents, oldTree = []plumbing.Hash{base.Hash}, base.TreeHash
	}
	edits := edit{}
	for path, data := range change.Files {
		if err := edits.add(path, data); err != nil {
			return nil, err
		}
	}
	newTree, err := b.rootTree(oldTree, edits)
	if err != nil {
		return nil, err
	}
	if base != nil && newTree == oldTree {
		return base, nil
	}
	who := object.Signature{Name: change.Author.Name, Email: change.Author.Email, When: change.Author.When}
	commit := &object.Commit{Author: who, Committer: who, Message: change.Message, TreeHash: newTree, ParentHashes: parents}
	obj := &plumbing.MemoryObject{}
	if err := commit.Encode(obj); err != nil {
		return nil, err
	}
	h, err := b.put(obj)
	if err != nil {
		return nil, err
	}
	return b.store.commit(h)
}
