package azureml

import (
	"bytes"
	"context"
	"crypto/md5" // see push.go
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"
	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/internal/content"
)

const (
	// remotePut is the longest blob that storage fetches at once, with its MD5
	// checked. 5000 MiB are documented for Put Blob From URL; refusals above
	// 4000 MiB were seen (ansible-collections/azure#1580, 2025-12).
	remotePut   = 4000 << 20
	remoteBlock = 256 << 20
	// storageScope is what tokens of storage are for, in every cloud.
	storageScope = "https://storage.azure.com/.default"
	// signed is how long a signature for a copy is good.
	signed = time.Hour
)

// mayFetch reports whether the storage of the destination may be given the
// credential of the source: only where the client of the source would send it
// anyway.
func (k *copying) mayFetch() bool { return k.From.c.ownStorage(k.dst.address) }

// fetched makes the destination have a file without passing it through here:
// it has it already, or fetches it. ok is false if it does not fetch.
func (k *copying) fetched(ctx context.Context, cc *container.Client, f blobFile) (ok bool, err error) {
	old, exists := k.have[k.key(f)]
	if exists && k.same(f, old) {
		k.progress(f.name, f.size)
		return true, nil
	}
	if k.alone.Load() && f.size > 0 {
		return false, nil
	}
	err = k.settle(ctx, cc, f, exists, k.fetch)
	if f.size > 0 && refusesToFetch(err) {
		k.alone.Store(true)
		return false, nil
	}
	if err != nil {
		return false, fetchError(f, err)
	}
	k.progress(f.name, f.size)
	return true, nil
}

// settle puts a file into place with f. Unless it replaces another, it must be
// the first of its name; if somebody else was that with the same bytes, all is
// well.
func (k *copying) settle(ctx context.Context, cc *container.Client, f blobFile, replace bool,
	put func(ctx context.Context, cc *container.Client, f blobFile, cond *blob.AccessConditions) error,
) error {
	var cond *blob.AccessConditions
	if !replace {
		cond = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}}
	}
	err := put(ctx, cc, f, cond)
	if replace || !bloberror.HasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet) {
		return err
	}
	l, err := k.dst.single(ctx, cc, k.name(f))
	if err != nil {
		return err
	}
	if k.same(f, l.files[0]) {
		return nil
	}
	return put(ctx, cc, f, nil)
}

// fetch lets storage fetch one file.
func (k *copying) fetch(ctx context.Context, cc *container.Client, f blobFile, cond *blob.AccessConditions) error {
	bb := cc.NewBlockBlobClient(k.name(f))
	if f.size == 0 {
		sum := md5.Sum(nil)
		_, err := bb.Upload(ctx, streaming.NopCloser(bytes.NewReader(nil)), &blockblob.UploadOptions{HTTPHeaders: headers(sum[:]), Metadata: k.noted(f), AccessConditions: cond})
		if err == nil {
			k.prove(f, string(sum[:]))
		}
		return err
	}
	address, bearer, err := k.src.lend(ctx, f.name)
	if err != nil {
		return err
	}
	if f.size > k.c.sizes.remote {
		return k.fetchBlocks(ctx, bb, f, lent{address, bearer}, cond)
	}
	opt := &blockblob.UploadBlobFromURLOptions{
		CopySourceAuthorization: bearer, CopySourceBlobProperties: to.Ptr(false), Metadata: k.noted(f), AccessConditions: cond,
		HTTPHeaders: headers(nil), SourceModifiedAccessConditions: f.unchangedSource(),
	}
	if f.md5 != "" {
		opt.SourceContentMD5, opt.HTTPHeaders = []byte(f.md5), headers([]byte(f.md5))
	}
	if _, err = bb.UploadBlobFromURL(ctx, address, opt); err != nil {
		return err
	}
	if f.md5 != "" {
		k.prove(f, f.md5)
	}
	k.moved(f.size)
	return nil
}

// lent is a way to read a blob that storage is given.
type lent struct {
	address string
	bearer  *string
}

// fetchBlocks lets storage fetch a file in blocks. Nobody looks at the MD5 of
// all of it, so the blob gets none and is read in the end.
func (k *copying) fetchBlocks(ctx context.Context, bb *blockblob.Client, f blobFile, from lent, cond *blob.AccessConditions) error {
	there := staged(ctx, bb)
	size := max(k.c.sizes.remoteBlock, (f.size+mostBlocks-1)/mostBlocks)
	var ids []string
	var done atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(blocksAtOnce)
	for at := int64(0); at < f.size; at += size {
		n := min(size, f.size-at)
		name := md5.Sum(fmt.Appendf(nil, "%s %d %d", k.note(f), at, n))
		id := blockID(len(ids), name[:])
		ids = append(ids, id)
		g.Go(func() error {
			if there[id] != n {
				_, err := bb.StageBlockFromURL(gctx, id, from.address, &blockblob.StageBlockFromURLOptions{
					CopySourceAuthorization: from.bearer, Range: blob.HTTPRange{Offset: at, Count: n}, SourceModifiedAccessConditions: f.unchangedSource(),
				})
				if err != nil {
					return err
				}
				k.moved(n)
			}
			k.progress(f.name, done.Add(n))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	_, err := bb.CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{HTTPHeaders: headers(nil), Metadata: k.noted(f), AccessConditions: cond})
	return err
}

func (k *copying) moved(n int64) {
	k.remote.Add(n)
	k.c.stats.copied.Add(n)
}

// unchangedSource is the condition that a blob is the one that was listed.
func (f *blobFile) unchangedSource() *blob.SourceModifiedAccessConditions {
	if f.etag == "" {
		return nil
	}
	return &blob.SourceModifiedAccessConditions{SourceIfMatch: to.Ptr(azcore.ETag(f.tag()))}
}

// lend is an address by which storage can read a blob, with the token that
// goes with it, if it needs one: in the way that let us in.
func (st *store) lend(ctx context.Context, name string) (address string, bearer *string, err error) {
	a, err := st.current(ctx)
	if err != nil {
		return "", nil, err
	}
	cc, err := st.client(a)
	if err != nil {
		return "", nil, err
	}
	b := cc.NewBlobClient(name)
	switch {
	case a.token:
		t, err := st.c.cred.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{storageScope}})
		if err != nil {
			return "", nil, err
		}
		return b.URL(), to.Ptr("Bearer " + t.Token), nil
	case a.key != "":
		address, err = b.GetSASURL(sas.BlobPermissions{Read: true}, st.c.o.Clock.Now().Add(signed), nil)
		return address, nil, err
	}
	return b.URL(), nil, nil // its client has the signature in the address
}

// current is the way that let us in, with a new signature if that has run out.
func (st *store) current(ctx context.Context) (*blobAuth, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	a := st.auth
	if a != nil && !a.until.IsZero() && !st.c.o.Clock.Now().Before(a.until) && st.secrets != "" {
		var err error
		if a, err = st.secret(ctx); err != nil {
			return nil, err
		}
		st.auth = a
	}
	if a == nil {
		return nil, fmt.Errorf("container %s: no credential for it: %w", st.container, ErrDenied)
	}
	return a, nil
}

// refusesToFetch reports whether storage does not read from the source by
// itself, though the request could be understood: it may not, or cannot reach
// it. Then the bytes are streamed, which tells whether the destination takes
// them at all.
func refusesToFetch(err error) bool {
	var r *azcore.ResponseError
	if !errors.As(err, &r) || bloberror.HasCode(err, bloberror.MD5Mismatch, bloberror.SourceConditionNotMet, bloberror.ConditionNotMet, bloberror.BlobAlreadyExists) {
		return false
	}
	if r.ErrorCode == string(bloberror.CannotVerifyCopySource) {
		return true
	}
	switch r.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict, http.StatusNotImplemented:
		return true
	}
	return false
}

// fetchError says what two refusals mean.
func fetchError(f blobFile, err error) error {
	switch {
	case bloberror.HasCode(err, bloberror.MD5Mismatch):
		return &Mismatch{Where: f.name, What: "its content", Want: fmt.Sprintf("the MD5 %x", f.md5), Got: "another"}
	case bloberror.HasCode(err, bloberror.SourceConditionNotMet):
		return content.ErrChanged
	}
	return err
}
