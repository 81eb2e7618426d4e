package gitrepo

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// Fetch asks the remote where ref points and brings that commit, with all its
// files, into the mirror. When the mirror has it already nothing but the list
// of refs goes over the line. A damaged mirror is made anew on the way.
//
// The error is an *Error of one of the kinds ErrAuth, ErrNotFound, ErrEmpty,
// ErrUnreachable, ErrHostKey, ErrRedirect, ErrTooLarge, ErrInvalid, ErrCorrupt
// or context.Canceled.
func (r *Repo) Fetch(ctx context.Context, ref Ref) (Commit, error) {
	var out *object.Commit
	err := r.speak(ctx, "fetch", uploadPack, func(s session) (err error) {
		out, err = r.fetch(s, ref)
		return err
	})
	if err != nil {
		return Commit{}, err
	}
	return commitFrom(out), nil
}

// Refs lists the branches and tags of the remote by full name, with the object
// each points to. An empty repository gives an empty list.
func (r *Repo) Refs(ctx context.Context) (map[string]Hash, error) {
	out := map[string]Hash{}
	err := r.speak(ctx, "list", uploadPack, func(s session) error {
		for name, hash := range s.refs().References {
			if ref, err := ParseRef(name); err == nil && ref.full != "" {
				out[name] = Hash(hash.String())
			}
		}
		return nil
	})
	return out, err
}

// speak runs one conversation with the remote, twice if the first finds the
// mirror damaged.
func (r *Repo) speak(ctx context.Context, op string, svc service, talk func(session) error) error {
	ctx, end, err := r.begin(ctx)
	if err != nil {
		return failure(ctx, op, r.URL(), err, nil)
	}
	defer end()
	secrets := append(r.url.credential().secrets(), Credential{Password: r.opts.SSH.Passphrase}.secrets()...)
	cred, err := r.opts.Credential(ctx)
	if err != nil {
		return failure(ctx, op, r.URL(), faultOf(ErrAuth, "no credential: "+err.Error()), secrets)
	}
	secrets = append(cred.secrets(), secrets...)
	for attempt := 0; ; attempt++ {
		if r.store().damaged.Load() || (svc == uploadPack && r.store().packs() > r.mostPacks) {
			if err := r.renew(); err != nil {
				return failure(ctx, op, r.URL(), faultOf(ErrCorrupt, "cannot be made anew: "+err.Error()), secrets)
			}
		}
		err := r.converse(ctx, svc, cred, talk)
		if errors.Is(err, ErrCorrupt) && attempt == 0 {
			continue
		}
		if err != nil {
			return failure(ctx, op, r.URL(), err, secrets)
		}
		return nil
	}
}

func (r *Repo) converse(ctx context.Context, svc service, cred Credential, talk func(session) error) error {
	s, err := r.remote.open(ctx, svc, cred)
	if err != nil {
		return err
	}
	defer s.close()
	return talk(s)
}

// fetch brings ref's commit into the current store, if it is not there, and
// makes sure that it is there whole.
func (r *Repo) fetch(s session, ref Ref) (*object.Commit, error) {
	adv, mirror := s.refs(), r.store()
	if len(adv.References) == 0 && adv.Head == nil {
		return nil, &fault{kind: ErrEmpty, detail: "it has no commit yet", cure: "push one"}
	}
	name, want, err := ref.resolve(adv)
	if err != nil {
		return nil, err
	}
	commit, err := mirror.wholeCommit(want)
	if errors.Is(err, errMissing) {
		if err = r.bring(s, name, want); err == nil {
			commit, err = mirror.wholeCommit(want)
		}
		if errors.Is(err, errMissing) {
			err = faultOf(ErrNotFound, "the remote did not send "+want.String())
		}
	}
	if err != nil {
		return nil, err
	}
	if name != "" {
		err = mirror.setTip(name, want)
	}
	return commit, err
}

// wholeCommit reads a commit and checks that every file of it is there.
// errMissing means that the commit itself is not.
func (s *store) wholeCommit(h plumbing.Hash) (*object.Commit, error) {
	c, err := s.commit(h)
	if err != nil {
		return nil, err
	}
	return c, s.checkWhole(c.TreeHash, 0)
}

// checkWhole reads the trees below h and looks whether their blobs are there.
func (s *store) checkWhole(h plumbing.Hash, depth int) error {
	s.mu.Lock()
	known := s.whole[h]
	s.mu.Unlock()
	if known {
		return nil
	}
	if depth > deepest {
		return faultOf(ErrTooLarge, "folders are nested too deep")
	}
	entries, err := s.tree(h)
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch {
		case e.isTree():
			if err := s.checkWhole(e.hash, depth+1); err != nil {
				return err
			}
		case e.isSubmodule():
		case !s.has(e.hash):
			return s.needed(e.hash, errMissing)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.whole[h] = true
	return nil
}

// bring fetches want. A fixed commit that the remote neither lists nor gives by
// name is looked for in the history of all it lists.
func (r *Repo) bring(s session, name plumbing.ReferenceName, want plumbing.Hash) error {
	adv, mirror := s.refs(), r.store()
	req := fetchRequest{wants: []plumbing.Hash{want}, depth: r.opts.Depth, have: mirror.has}
	if name == "" && !listed(adv, want) && !givesAny(adv) {
		req.depth = 0
		req.wants = req.wants[:0]
		for ref, hash := range adv.References {
			if parsed, err := ParseRef(ref); err == nil && parsed.full != "" {
				req.wants = append(req.wants, hash)
			}
		}
		slices.SortFunc(req.wants, func(a, b plumbing.Hash) int { return slices.Compare(a[:], b[:]) })
		req.wants = slices.Compact(req.wants)
	}
	var err error
	if req.haves, err = mirror.haves(); err != nil {
		return err
	}
	if req.shallows, err = mirror.shallows(); err != nil {
		return err
	}
	if len(req.shallows) > 0 {
		// Asked for a depth again the remote would send every file again. The
		// history only grows by what is new.
		req.depth = 0
	}
	var update packp.ShallowUpdate
	err = mirror.receive(r.opts.MaxPack, func(pack io.Writer) (err error) {
		update, err = s.fetch(req, pack)
		return err
	})
	if err != nil {
		return err
	}
	return mirror.updateShallows(update.Shallows, update.Unshallows)
}

func listed(adv *packp.AdvRefs, h plumbing.Hash) bool {
	return slices.Contains(slices.Collect(maps.Values(adv.References)), h) || (adv.Head != nil && *adv.Head == h)
}

// givesAny says whether the remote gives commits that it does not list.
func givesAny(adv *packp.AdvRefs) bool {
	return adv.Capabilities.Supports("allow-reachable-sha1-in-want") || adv.Capabilities.Supports("allow-any-sha1-in-want")
}

// haves tells the remote what need not be sent: the tips, and commits further
// and further back, so that after a forced push an older one is recognised.
func (s *store) haves() ([]plumbing.Hash, error) {
	tips, err := s.tips()
	if err != nil {
		return nil, err
	}
	seen := map[plumbing.Hash]bool{}
	for _, tip := range tips {
		next := 1
		h := tip
		for at := 0; at <= 1024 && len(seen) < 256; at++ {
			c, err := s.commit(h)
			if err != nil {
				if at == 0 && !errors.Is(err, errMissing) {
					return nil, err
				}
				break // the edge of a shallow history
			}
			if at == 0 || at == next {
				seen[c.Hash] = true
				next *= 2
			}
			if len(c.ParentHashes) == 0 {
				break
			}
			h = c.ParentHashes[0]
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b plumbing.Hash) int { return slices.Compare(a[:], b[:]) }), nil
}
