package azureml

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"
)

// Copy is content that goes from one workspace to another.
type Copy struct {
	// From reads what is at Src; To is where it goes.
	From    *Storage
	Src, To Place
	// Want says which bytes they must be: of it, at least one hash.
	Want Content
	// Name and Version of the asset are noted at the content, as uploads do.
	Name, Version string
	// Progress is told the bytes that are in place and the total, never twice
	// at a time. May be nil.
	Progress func(done, total int64)
}

// Copied says what a copy did.
type Copied struct {
	// URL is the address of the content, without signature. Dir tells a
	// folder from a single file.
	URL string
	Dir bool
	// Sent is the number of bytes that moved, Remote of them without passing
	// through here; 0 if all was there.
	Sent, Remote int64
}

// Copy makes the bytes at one place be at another, of this workspace or
// registry. Storage fetches them itself where that can be allowed, else they
// are streamed. Nothing is marked as complete before the bytes have proved to
// be the wanted ones; those that are not are a *Mismatch. It can be repeated
// after a failure: what is there is not sent again, and content that is marked
// costs two requests.
func (s *Storage) Copy(ctx context.Context, c Copy) (Copied, error) {
	what := "copy " + c.Src.String() + " to " + c.To.String()
	if c.Want.Object == "" && c.Want.Code == "" {
		return Copied{}, fmt.Errorf("%s: which bytes are wanted is not known", what)
	}
	dst, at, err := s.locate(ctx, c.To)
	if err != nil {
		return Copied{}, err
	}
	k := &copying{Copy: c, c: s.c, dst: dst, at: at, meter: meter{told: c.Progress}}
	err = dst.with(ctx, func(cc *container.Client) error { return k.run(ctx, cc) })
	out := Copied{URL: dst.public + "/" + (&url.URL{Path: at}).EscapedPath(), Dir: k.dir, Sent: k.sent.Load() + k.remote.Load(), Remote: k.remote.Load()}
	if err != nil {
		return out, tidy(what, err)
	}
	return out, nil
}

// copying is one copy.
type copying struct {
	Copy
	meter
	c   *Client // of the destination
	dst *store
	at  string

	src    *store
	source *listing
	dir    bool
	have   map[string]blobFile // of the destination, by rel

	// proven are the files whose MD5 in the destination is that of bytes that
	// were looked at: by storage, or here.
	lock   sync.Mutex
	proven map[string]string
	hashed Content // the hash of the source, if it was read as a whole

	alone        atomic.Bool // storage does not fetch from the source
	sent, remote atomic.Int64
}

// run makes the container hold the content, mark included.
func (k *copying) run(ctx context.Context, cc *container.Client) error {
	there, done, err := k.look(ctx, cc)
	if err != nil || done {
		return err
	}
	if err := k.open(ctx); err != nil {
		return err
	}
	k.have, k.proven, k.hashed = map[string]blobFile{}, map[string]string{}, Content{}
	for _, f := range there.files {
		k.have[k.key(f)] = f
	}
	if err := k.transfer(ctx, cc); err != nil {
		return err
	}
	if err := k.verify(ctx, cc); err != nil {
		return err
	}
	return finish(ctx, cc, k.name(k.source.files[0]), k.Name, k.Version)
}

// name is the name in the destination of a blob of the source.
func (k *copying) name(f blobFile) string {
	switch {
	case !k.source.dir:
		return k.at
	case k.at == "":
		return f.rel
	}
	return k.at + "/" + f.rel
}

// key is what a file is known by on both sides: a single file may be called
// otherwise.
func (k *copying) key(f blobFile) string {
	if !k.source.dir {
		return ""
	}
	return f.rel
}

// look finds out what is there, and whether it is complete.
func (k *copying) look(ctx context.Context, cc *container.Client) (*listing, bool, error) {
	l, err := k.dst.either(ctx, cc, k.at)
	if err != nil || len(l.files) == 0 || !finished(l.files[0].meta) {
		return l, false, err
	}
	if err := l.content().differs(k.Want.outside(), k.To.String()); err != nil {
		return nil, false, err
	}
	k.total, k.dir = l.bytes(), l.dir
	for _, f := range l.files {
		k.progress(f.name, f.size)
	}
	return l, true, nil
}

// outside is what can be said of content without reading it.
func (c Content) outside() Content {
	return Content{Listing: c.Listing, Files: c.Files, Bytes: c.Bytes}
}

// open lists the source, once, and refuses one that is not what is wanted
// before anything is sent.
func (k *copying) open(ctx context.Context) error {
	if k.source != nil {
		return nil
	}
	src, at, err := k.From.source(ctx, k.Src)
	if err != nil {
		return err
	}
	err = src.with(ctx, func(cc *container.Client) error {
		k.source, err = src.list(ctx, cc, at)
		return err
	})
	if err != nil {
		k.source = nil
		return tidy("read "+k.Src.String(), err)
	}
	k.src, k.dir, k.total = src, k.source.dir, k.source.bytes()
	return k.source.content().differs(k.Want.outside(), k.Src.String())
}

// transfer makes every file be in the destination.
func (k *copying) transfer(ctx context.Context, cc *container.Client) error {
	k.alone.Store(!k.mayFetch())
	var left []blobFile
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(filesAtOnce)
	for _, f := range k.source.files {
		g.Go(func() error {
			ok, err := k.fetched(gctx, cc, f)
			if err != nil {
				return fmt.Errorf("%s: %w", f.rel, err)
			}
			if !ok {
				k.lock.Lock()
				left = append(left, f)
				k.lock.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil || len(left) == 0 {
		return err
	}
	return k.stream(ctx, cc, left)
}

// same reports whether the destination has a file already: by its MD5, or by
// the note of which blob it was made of.
func (k *copying) same(f, old blobFile) bool {
	switch {
	case old.size != f.size:
		return false
	case f.md5 != "" && old.md5 == f.md5:
	case k.noteOf(old) != k.note(f):
		return false
	}
	if old.md5 != "" {
		k.prove(f, old.md5)
	}
	return true
}

// prove notes the MD5 of bytes that were looked at.
func (k *copying) prove(f blobFile, md5 string) {
	k.lock.Lock()
	defer k.lock.Unlock()
	k.proven[k.key(f)] = md5
}

// copyNote is the metadata that says which blob another was made of.
const copyNote = "mlsync_source"

// note names a blob of the source as it was listed.
func (k *copying) note(f blobFile) string {
	h := sha256.Sum256([]byte(k.src.public + "/" + f.name + "\x00" + f.tag()))
	return hex.EncodeToString(h[:16])
}

// noteOf is the note that a blob bears, "" if none.
func (k *copying) noteOf(f blobFile) string {
	for name, v := range f.meta {
		if strings.EqualFold(name, copyNote) && v != nil {
			return *v
		}
	}
	return ""
}

func (k *copying) noted(f blobFile) map[string]*string {
	text := k.note(f)
	return map[string]*string{copyNote: &text}
}

// verify compares what is in the destination by now with what is wanted: by its
// listing if all of that was proved, else by reading it.
func (k *copying) verify(ctx context.Context, cc *container.Client) error {
	list := k.dst.folder
	if !k.source.dir {
		list = k.dst.single
	}
	l, err := list(ctx, cc, k.at)
	if err != nil {
		return err
	}
	got, where := l.content(), k.To.String()
	if err := got.differs(Content{Files: len(k.source.files), Bytes: k.source.bytes()}, where); err != nil {
		return err
	}
	proven := true
	for _, f := range l.files {
		switch want := k.proven[k.key(f)]; {
		case want == "" || f.md5 == "":
			proven = false
		case f.md5 != want:
			return mismatchedMD5(f.name, want, f.md5)
		}
	}
	switch {
	case proven && k.Want.Listing != "":
		return got.differs(Content{Listing: k.Want.Listing}, where)
	case proven && k.hashed != Content{}:
		got = k.hashed
	default:
		if got, err = k.dst.fingerprint(ctx, cc, l, k.at, nil); err != nil {
			return err
		}
	}
	return got.differs(Content{Object: k.Want.Object, Code: k.Want.Code}, where)
}

// count notes bytes that passed through here.
func (k *copying) count(n int64) {
	k.sent.Add(n)
	k.c.stats.uploaded.Add(n)
}

func mismatchedMD5(name, want, got string) error {
	return &Mismatch{Where: name, What: "MD5", Want: hex.EncodeToString([]byte(want)), Got: hex.EncodeToString([]byte(got))}
}
