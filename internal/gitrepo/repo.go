package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"

	"mlsync.dev/mlsync/internal/limit"
)

// Hash is the name of a git object: 40 lower case hexadecimal digits.
type Hash string

// Signature is who did something and when.
type Signature struct {
	Name, Email string
	When        time.Time
}

// Commit is what a commit says about itself. Its words are those of a stranger:
// cleaned of control characters, but to be escaped where they are shown.
type Commit struct {
	Hash      Hash
	Tree      Hash
	Parents   []Hash
	Author    Signature
	Committer Signature
	// Subject is the first line of the message.
	Subject string
}

// Options say which remote to mirror, where, and within which limits.
type Options struct {
	// URL is an https, http, ssh or file URL, user@host:path, or a path. A
	// credential in it is used unless Credential is set.
	URL string
	// Dir is the folder of the mirror, for this remote alone. It is made if
	// need be, and emptied when it belonged to another remote.
	Dir string
	// Credential gives what the remote is shown; nil means what the URL holds.
	Credential CredentialFunc
	// CABundle holds further certificate authorities, in PEM.
	CABundle []byte
	// SSH says how to sign in over ssh.
	SSH SSH
	// Depth limits the history that is fetched to so many commits; 0 fetches
	// all of it. Remotes that cannot do it, and files, give all.
	Depth int
	// Timeout bounds each operation as a whole; 0 means five minutes.
	Timeout time.Duration
	// MaxPack bounds what one fetch may bring, in bytes; 0 means 2 GiB.
	MaxPack int64
}

// Repo is a bare mirror on disk of one remote. Its methods may be called
// concurrently; those that speak to the remote take turns.
type Repo struct {
	opts   Options
	url    location
	remote remote
	turn   chan struct{} // who has put a token in may use the remote
	number int           // of the current generation; changed only with the turn
	// mostPacks is how many fetches a mirror takes before it is made anew: each
	// leaves a pack, and each pack makes every read slower.
	mostPacks int

	mu      sync.Mutex
	current *store
	earlier []*store // generations that may still be read from
}

// Open opens or makes the mirror. It does not speak to the remote. A damaged
// mirror, or one of another remote, is replaced by an empty one.
func Open(opts Options) (*Repo, error) {
	loc, err := parseURL(opts.URL)
	if err != nil {
		return nil, err
	}
	if opts.Depth < 0 || opts.Timeout < 0 || opts.MaxPack < 0 {
		return nil, invalid("git options", "depth, timeout and largest pack may not be negative")
	}
	if opts.Timeout == 0 {
		opts.Timeout = limit.FetchTime
	}
	if opts.MaxPack == 0 {
		opts.MaxPack = limit.Pack
	}
	if opts.Credential == nil {
		opts.Credential = Fixed(loc.credential())
	}
	r := &Repo{opts: opts, url: loc, turn: make(chan struct{}, 1), mostPacks: 100}
	switch loc.scheme {
	case "file":
		r.remote = &fileRemote{path: loc.path}
	case "ssh":
		r.remote = &sshRemote{loc: loc, opts: opts.SSH, limit: opts.MaxPack}
	default:
		if r.remote, err = newHTTPRemote(loc, opts.CABundle, opts.MaxPack); err != nil {
			return nil, err
		}
	}
	if err := r.openMirror(); err != nil {
		return nil, fmt.Errorf("open mirror of %s: %w", loc, err)
	}
	return r, nil
}

// URL is the remote without its credential.
func (r *Repo) URL() string { return r.url.String() }

// Close releases the mirror's files. Trees got from it can no longer be read.
func (r *Repo) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.current.close()
	for _, s := range r.earlier {
		err = errors.Join(err, s.close())
	}
	return err
}

// Commit reads a commit that was fetched or pushed. One that is not in the
// mirror gives ErrNotFound.
func (r *Repo) Commit(hash Hash) (Commit, error) {
	c, err := r.store().commitOf(hash)
	if err != nil {
		return Commit{}, err
	}
	return commitFrom(c), nil
}

// commitOf reads a commit by a name from outside.
func (s *store) commitOf(hash Hash) (*object.Commit, error) {
	if !plumbing.IsHash(string(hash)) {
		return nil, invalid("commit", "it is not 40 hexadecimal digits")
	}
	c, err := s.commit(plumbing.NewHash(string(hash)))
	var f *fault
	switch {
	case errors.Is(err, errMissing):
		return nil, fmt.Errorf("commit %s: %w in the mirror", hash, ErrNotFound)
	case errors.As(err, &f):
		return nil, fmt.Errorf("%s: %w", f.detail, f.kind)
	}
	return c, err
}

func commitFrom(c *object.Commit) Commit {
	out := Commit{
		Hash:      Hash(c.Hash.String()),
		Tree:      Hash(c.TreeHash.String()),
		Author:    signatureFrom(c.Author),
		Committer: signatureFrom(c.Committer),
	}
	for _, p := range c.ParentHashes {
		out.Parents = append(out.Parents, Hash(p.String()))
	}
	first, _, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n")
	out.Subject = clean(first)
	return out
}

func signatureFrom(s object.Signature) Signature {
	return Signature{Name: clean(s.Name), Email: clean(s.Email), When: s.When}
}

func (r *Repo) store() *store {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current
}

// openMirror opens the newest generation, removes older ones, and begins a new
// one if the newest is damaged or of another remote.
func (r *Repo) openMirror() error {
	if err := os.MkdirAll(r.opts.Dir, 0o700); err != nil {
		return err
	}
	newest, err := latest(r.opts.Dir)
	if err != nil {
		return err
	}
	r.number = max(newest, 1)
	mark := filepath.Join(r.opts.Dir, "remote")
	was, err := os.ReadFile(mark)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if string(was) != r.url.String() {
		r.number = newest + 1
	}
	r.current, err = openStore(filepath.Join(r.opts.Dir, generation(r.number)))
	if errors.Is(err, ErrCorrupt) {
		err = r.renew()
	}
	if err != nil {
		return err
	}
	others, err := filepath.Glob(filepath.Join(r.opts.Dir, "mirror-*.git"))
	if err != nil {
		return err
	}
	for _, other := range slices.DeleteFunc(others, func(p string) bool { return filepath.Base(p) == generation(r.number) }) {
		if err := os.RemoveAll(other); err != nil {
			return err
		}
	}
	return os.WriteFile(mark, []byte(r.url.String()), 0o600)
}

// renew begins an empty generation.
func (r *Repo) renew() error {
	next, err := openStore(filepath.Join(r.opts.Dir, generation(r.number+1)))
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.number++
	r.earlier = append(r.earlier, r.current)
	r.current = next
	return nil
}

// begin waits for the turn to use the remote and bounds the time. The function
// returned ends both.
func (r *Repo) begin(ctx context.Context) (context.Context, func(), error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	select {
	case r.turn <- struct{}{}:
		return ctx, func() { cancel(); <-r.turn }, nil
	case <-ctx.Done():
		cancel()
		return ctx, nil, ctx.Err()
	}
}
