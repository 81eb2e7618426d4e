package azureml

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5" // see push.go
	"errors"
	"fmt"
	"io"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"
)

// streamsAtOnce bounds the files that pass through here at a time: each holds
// up to six blocks in memory.
const streamsAtOnce = 4

// stream sends files that storage does not fetch. If nothing but the bytes can
// tell whether they are the wanted ones, they are hashed on the way.
func (k *copying) stream(ctx context.Context, cc *container.Client, left []blobFile) error {
	full := 0
	for _, f := range k.source.files {
		if f.size > 0 {
			full++
		}
	}
	if k.Want.Listing == "" && len(left) == full {
		return k.streamAll(ctx, cc)
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(streamsAtOnce)
	for _, f := range left {
		g.Go(func() error {
			r, err := k.through(gctx, cc, f)
			if err == nil {
				_, err = io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, make([]byte, 128<<10))
				err = errors.Join(err, r.Close())
			}
			if err != nil {
				return fmt.Errorf("%s: %w", f.rel, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// streamAll sends all files in the order of the hash.
func (k *copying) streamAll(ctx context.Context, cc *container.Client) error {
	body, err := k.source.body(ctx, k.at, func(f blobFile) (io.ReadCloser, error) { return k.through(ctx, cc, f) })
	if err != nil {
		return err
	}
	var got Content
	if k.Want.Object != "" {
		got.Object, err = body.ObjectHash(ctx)
	} else {
		got.Code, err = body.CodeHash(ctx)
	}
	if err == nil {
		k.hashed = got
	}
	return err
}

// through opens a file of the source. What is read of it goes into the
// destination, which has it when all is read.
func (k *copying) through(ctx context.Context, cc *container.Client, f blobFile) (io.ReadCloser, error) {
	if f.size == 0 {
		return io.NopCloser(bytes.NewReader(nil)), nil // it is there
	}
	var r *blobReader
	err := k.src.with(ctx, func(cc *container.Client) (err error) {
		r, err = k.src.reader(ctx, cc, f, nil)
		return err
	})
	if err != nil {
		return nil, tidy("read "+f.name, err) // it is not the destination that refused
	}
	return &passing{blobReader: r, ctx: ctx, cc: cc, k: k}, nil
}

// passing is a file on its way.
type passing struct {
	*blobReader
	ctx  context.Context //nolint:containedctx // lives as long as one file, whose reader needs it
	cc   *container.Client
	k    *copying
	s    *sink
	done bool
}

func (p *passing) Read(b []byte) (int, error) {
	if p.s == nil {
		p.s = newSink(p.ctx, p.k, p.cc, p.f)
	}
	n, err := p.blobReader.Read(b)
	if werr := p.s.write(b[:n]); werr != nil {
		return n, werr
	}
	switch {
	case !errors.Is(err, io.EOF):
		if err != nil {
			err = tidy("read "+p.f.name, err)
		}
		return n, err
	case p.n != p.f.size:
		return n, fmt.Errorf("%s: got %d bytes of %d", p.f.rel, p.n, p.f.size)
	case !p.done:
		p.done = true
		if ferr := p.s.finish(p.sum.Sum(nil)); ferr != nil {
			return n, ferr
		}
	}
	return n, err
}

// Close ends what is under way.
func (p *passing) Close() error {
	if p.s != nil {
		p.s.stop()
	}
	return p.blobReader.Close()
}

// sink takes the bytes of one file and puts them into the destination, in
// blocks if they are many.
type sink struct {
	k    *copying
	cc   *container.Client
	f    blobFile
	size int64

	ctx    context.Context //nolint:containedctx // see passing
	cancel context.CancelFunc
	g      *errgroup.Group
	within context.Context //nolint:containedctx // of the blocks: it ends with the first that fails
	buf    []byte
	ids    []string
	there  map[string]int64
}

func newSink(ctx context.Context, k *copying, cc *container.Client, f blobFile) *sink {
	s := &sink{k: k, cc: cc, f: f, size: max(k.c.sizes.block, (f.size+mostBlocks-1)/mostBlocks)}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.g, s.within = errgroup.WithContext(s.ctx)
	s.g.SetLimit(blocksAtOnce)
	return s
}

// stop ends what is under way.
func (s *sink) stop() {
	s.cancel()
	_ = s.g.Wait() // whoever asked for it has heard of the error
}

func (s *sink) client() *blockblob.Client { return s.cc.NewBlockBlobClient(s.k.name(s.f)) }

func (s *sink) write(b []byte) error {
	for len(b) > 0 {
		if int64(len(s.buf)) == s.size {
			s.stage()
		}
		if s.within.Err() != nil {
			return cmp.Or(s.g.Wait(), s.ctx.Err())
		}
		if s.buf == nil {
			s.buf = make([]byte, 0, min(s.size, s.f.size))
		}
		n := min(len(b), int(s.size)-len(s.buf))
		s.buf = append(s.buf, b[:n]...)
		b = b[n:]
	}
	return nil
}

// stage sends the buffer as a block, unless an earlier attempt did.
func (s *sink) stage() {
	if s.there == nil {
		s.there = staged(s.within, s.client())
	}
	buf := s.buf
	s.buf = nil
	sum := md5.Sum(buf)
	id := blockID(len(s.ids), sum[:])
	s.ids = append(s.ids, id)
	sent := s.there[id] == int64(len(buf))
	before := int64(len(s.ids)-1) * s.size
	s.g.Go(func() error {
		if !sent {
			opt := &blockblob.StageBlockOptions{TransactionalValidation: blob.TransferValidationTypeMD5(sum[:])}
			if _, err := s.client().StageBlock(s.within, id, streaming.NopCloser(bytes.NewReader(buf)), opt); err != nil {
				return err
			}
			s.k.count(int64(len(buf)))
		}
		s.k.progress(s.f.name, before+int64(len(buf)))
		return nil
	})
}

// finish makes the bytes that came a blob of the given MD5.
func (s *sink) finish(sum []byte) error {
	if len(s.ids) > 0 && len(s.buf) > 0 {
		s.stage()
	}
	if err := s.g.Wait(); err != nil {
		return err
	}
	_, exists := s.k.have[s.k.key(s.f)]
	err := s.k.settle(s.ctx, s.cc, s.f, exists, func(ctx context.Context, _ *container.Client, f blobFile, cond *blob.AccessConditions) error {
		if err := s.put(ctx, sum, cond); err != nil {
			return err
		}
		s.k.prove(f, string(sum))
		return nil
	})
	if err == nil {
		s.k.progress(s.f.name, s.f.size)
	}
	return err
}

// put makes the blob.
func (s *sink) put(ctx context.Context, sum []byte, cond *blob.AccessConditions) error {
	if len(s.ids) > 0 {
		opt := &blockblob.CommitBlockListOptions{HTTPHeaders: headers(sum), Metadata: s.k.noted(s.f), AccessConditions: cond}
		_, err := s.client().CommitBlockList(ctx, s.ids, opt)
		return err
	}
	opt := &blockblob.UploadOptions{
		HTTPHeaders: headers(sum), Metadata: s.k.noted(s.f), AccessConditions: cond, TransactionalValidation: blob.TransferValidationTypeMD5(sum),
	}
	_, err := s.client().Upload(ctx, streaming.NopCloser(bytes.NewReader(s.buf)), opt)
	if err == nil {
		s.k.count(s.f.size)
	}
	return err
}
