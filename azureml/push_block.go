package azureml

import (
	"bytes"
	"context"
	"crypto/md5" // see push.go
	"errors"
	"io"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/internal/content"
)

const (
	blockSize    = 8 << 20
	blocksAtOnce = 4
	mostBlocks   = 50_000 // storage takes no more for one blob
)

// blocks sends a file block by block. A block that an earlier attempt left in
// storage is not sent again.
func (p *push) blocks(ctx context.Context, bb *blockblob.Client, f content.File, sum []byte, cond *blob.AccessConditions) error {
	there := staged(ctx, bb)
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	size := max(p.c.sizes.block, (f.Size+mostBlocks-1)/mostBlocks)
	var ids []string
	var done atomic.Int64
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(blocksAtOnce)
	for left := f.Size; left > 0; {
		buf := make([]byte, min(size, left))
		if _, err := io.ReadFull(readerCtx{gctx, r}, buf); err != nil {
			if werr := g.Wait(); werr != nil {
				return werr
			}
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = content.ErrChanged
			}
			return err
		}
		left -= int64(len(buf))
		h := md5.Sum(buf)
		id := blockID(len(ids), h[:])
		ids = append(ids, id)
		g.Go(func() error {
			if there[id] != int64(len(buf)) {
				opt := &blockblob.StageBlockOptions{TransactionalValidation: blob.TransferValidationTypeMD5(h[:])}
				if _, err := bb.StageBlock(gctx, id, streaming.NopCloser(bytes.NewReader(buf)), opt); err != nil {
					return err
				}
				p.count(int64(len(buf)))
			}
			p.progress(p.blob(f), done.Add(int64(len(buf))))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	_, err = bb.CommitBlockList(ctx, ids, &blockblob.CommitBlockListOptions{HTTPHeaders: headers(sum), AccessConditions: cond})
	return err
}

// staged returns the blocks in storage that belong to no blob yet, by id. Not
// to know them only means to send them.
func staged(ctx context.Context, bb *blockblob.Client) map[string]int64 {
	out := map[string]int64{}
	list, err := bb.GetBlockList(ctx, blockblob.BlockListTypeUncommitted, nil)
	if err != nil {
		return out
	}
	for _, b := range list.UncommittedBlocks {
		if b.Name != nil && b.Size != nil {
			out[*b.Name] = *b.Size
		}
	}
	return out
}

// rewinder reads a file that can only be read forward, and opens it anew when
// it is sent once more.
type rewinder struct {
	f   content.File
	r   io.ReadCloser
	pos int64
}

func (w *rewinder) Read(b []byte) (int, error) {
	if w.r == nil {
		r, err := w.f.Open()
		if err != nil {
			return 0, err
		}
		if _, err := io.CopyN(io.Discard, r, w.pos); err != nil {
			_ = r.Close()
			return 0, err
		}
		w.r = r
	}
	n, err := w.r.Read(b)
	w.pos += int64(n)
	return n, err
}

// Seek closes the file unless the position stays; the next Read opens it.
func (w *rewinder) Seek(off int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		off += w.pos
	case io.SeekEnd:
		off += w.f.Size
	}
	if off < 0 {
		return 0, errors.New("seek before the start of the file")
	}
	if off != w.pos {
		_ = w.Close()
	}
	w.pos = off
	return off, nil
}

func (w *rewinder) Close() error {
	if w.r == nil {
		return nil
	}
	err := w.r.Close()
	w.r = nil
	return err
}
