package gitrepo

import (
	"context"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
)

// remote is one of https, ssh and file.
type remote interface {
	// open connects for one exchange: a fetch, or a push.
	open(ctx context.Context, service service, cred Credential) (session, error)
}

type service string

const (
	uploadPack  service = "git-upload-pack"  // fetch
	receivePack service = "git-receive-pack" // push
)

// session is one conversation: the list of refs, then at most one of fetch and
// push. It ends with close, and with the context it was opened with.
type session interface {
	// refs is what the remote listed on opening; no references if it is empty.
	refs() *packp.AdvRefs
	// fetch writes a pack with what the request asks for.
	fetch(req fetchRequest, pack io.Writer) (packp.ShallowUpdate, error)
	// push moves one branch.
	push(req pushRequest) error
	close()
}

type fetchRequest struct {
	wants, haves, shallows []plumbing.Hash
	depth                  int
	// have says whether an object and all it leads to is in the mirror.
	have func(plumbing.Hash) bool
}

type pushRequest struct {
	branch   plumbing.ReferenceName
	old, new plumbing.Hash // old is zero for a new branch
	objects  []plumbing.Hash
	store    *store // holds the objects
}

// limitedReader fails, other than io.LimitReader, when more than the limit
// comes.
type limitedReader struct {
	r    io.Reader
	left int64
}

func (l *limitedReader) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, fmt.Errorf("answer of the remote: %w", ErrTooLarge)
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n, fmt.Errorf("answer of the remote: %w", ErrTooLarge)
	}
	return n, err
}

type limitedWriter struct {
	w    io.Writer
	left int64
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	if int64(len(p)) > l.left {
		return 0, fmt.Errorf("pack: %w", ErrTooLarge)
	}
	l.left -= int64(len(p))
	return l.w.Write(p)
}
