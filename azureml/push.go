package azureml

import (
	"context"
	"crypto/md5" // what storage knows blobs by; nothing is trusted to it
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"golang.org/x/sync/errgroup"

	"mlsync.dev/mlsync/internal/content"
)

const (
	filesAtOnce = 8
	singlePut   = 64 << 20 // longer files go up in blocks
)

// sizes say how files are cut: those longer than single go up in blocks; those
// longer than remote are fetched by storage in blocks of remoteBlock. names is
// how many blobs one content may have.
type sizes struct {
	single, block       int64
	remote, remoteBlock int64
	names               int
}

// push sends the files of one content to a container.
type push struct {
	meter
	c    *Client
	body *content.Content
	at   string // blob name of the content
	opt  UploadOptions

	sent atomic.Int64
	have map[string]stored // blobs that are there
}

// stored is what storage tells of a blob.
type stored struct {
	size int64
	md5  string
}

func newPush(c *Client, body *content.Content, at string, opt UploadOptions) *push {
	return &push{c: c, body: body, at: at, opt: opt, meter: meter{total: body.Bytes(), told: opt.Progress}}
}

// blob is the name of the blob of a file.
func (p *push) blob(f content.File) string {
	if !p.body.IsDir {
		return p.at
	}
	return p.at + "/" + f.Rel
}

// run makes the container hold the content, mark included.
func (p *push) run(ctx context.Context, cc *container.Client) error {
	mark := p.blob(p.body.Indicator())
	whole, err := p.look(ctx, cc, mark)
	if err != nil {
		return err
	}
	if whole {
		for _, f := range p.body.Files {
			p.progress(p.blob(f), f.Size)
		}
		return nil
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(filesAtOnce)
	for _, f := range p.body.Files {
		g.Go(func() error {
			if err := p.file(gctx, cc, f); err != nil {
				return fmt.Errorf("%s: %w", f.Rel, err)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return finish(ctx, cc, mark, p.opt.Name, p.opt.Version)
}

// finish marks content as complete at its first file.
func finish(ctx context.Context, cc *container.Client, mark, name, version string) error {
	meta := map[string]*string{"upload_status": to.Ptr("completed")}
	for k, v := range map[string]string{"name": name, "version": version} {
		if v != "" { // storage takes no empty metadata
			meta[k] = &v
		}
	}
	_, err := cc.NewBlobClient(mark).SetMetadata(ctx, meta, nil)
	return err
}

// finished reports whether the metadata of the first file says that all is
// there.
func finished(meta map[string]*string) bool {
	for k, v := range meta {
		if strings.EqualFold(k, "upload_status") && v != nil && *v == "completed" {
			return true
		}
	}
	return false
}

// look finds out what is there: whether the mark says that all is, or else
// which files.
func (p *push) look(ctx context.Context, cc *container.Client, mark string) (whole bool, err error) {
	p.have = map[string]stored{}
	props, err := cc.NewBlobClient(mark).GetProperties(ctx, nil)
	switch {
	case bloberror.HasCode(err, bloberror.BlobNotFound), bloberror.HasCode(err, bloberror.ResourceNotFound):
	case err != nil:
		return false, err
	default:
		if finished(props.Metadata) {
			return true, nil
		}
		p.have[mark] = storedAs(props.ContentLength, props.ContentMD5)
	}
	if !p.body.IsDir {
		return false, nil
	}
	pager := cc.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: to.Ptr(p.at + "/")})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if denied(err) {
			return false, nil // a signature that only writes: conditions tell
		}
		if err != nil {
			return false, err
		}
		if page.Segment == nil {
			break
		}
		for _, b := range page.Segment.BlobItems {
			if b.Name != nil && b.Properties != nil {
				p.have[*b.Name] = storedAs(b.Properties.ContentLength, b.Properties.ContentMD5)
			}
		}
	}
	return false, nil
}

func storedAs(size *int64, sum []byte) stored {
	s := stored{size: -1, md5: string(sum)}
	if size != nil {
		s.size = *size
	}
	return s
}

// file makes one blob be there.
func (p *push) file(ctx context.Context, cc *container.Client, f content.File) error {
	name := p.blob(f)
	sum, err := sumOf(ctx, f)
	if err != nil {
		return err
	}
	want := stored{size: f.Size, md5: string(sum)}
	old, exists := p.have[name]
	if !exists || old != want {
		if err := p.send(ctx, cc.NewBlockBlobClient(name), f, sum, exists); err != nil {
			return err
		}
	}
	p.progress(name, f.Size)
	return nil
}

// send sends one file. Unless it replaces another it must be the first of its
// name; if somebody else was that with the same bytes, all is well.
func (p *push) send(ctx context.Context, bb *blockblob.Client, f content.File, sum []byte, replace bool) error {
	var cond *blob.AccessConditions
	if !replace {
		cond = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfNoneMatch: to.Ptr(azcore.ETagAny)}}
	}
	var err error
	if f.Size <= p.c.sizes.single {
		err = p.whole(ctx, bb, f, sum, cond)
	} else {
		err = p.blocks(ctx, bb, f, sum, cond)
	}
	if replace || !bloberror.HasCode(err, bloberror.BlobAlreadyExists, bloberror.ConditionNotMet) {
		return err
	}
	props, err := bb.GetProperties(ctx, nil)
	if err != nil {
		return err
	}
	if storedAs(props.ContentLength, props.ContentMD5) == (stored{size: f.Size, md5: string(sum)}) {
		return nil
	}
	return p.send(ctx, bb, f, sum, true)
}

// headers are those of every blob.
func headers(sum []byte) *blob.HTTPHeaders {
	return &blob.HTTPHeaders{BlobContentType: to.Ptr("application/octet-stream"), BlobContentMD5: sum}
}

// whole sends a file in one request, streamed.
func (p *push) whole(ctx context.Context, bb *blockblob.Client, f content.File, sum []byte, cond *blob.AccessConditions) error {
	body := &rewinder{f: f}
	defer body.Close()
	_, err := bb.Upload(ctx, body, &blockblob.UploadOptions{HTTPHeaders: headers(sum), AccessConditions: cond})
	if err == nil {
		p.count(f.Size)
	}
	return err
}

func (p *push) count(n int64) {
	p.sent.Add(n)
	p.c.stats.uploaded.Add(n)
}

// sumOf reads a file for its MD5.
func sumOf(ctx context.Context, f content.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	h := md5.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, readerCtx{ctx, r}, make([]byte, 128<<10))
	if err == nil && n != f.Size {
		err = content.ErrChanged
	}
	return h.Sum(nil), err
}

// readerCtx ends with its context.
type readerCtx struct {
	ctx context.Context //nolint:containedctx // lives as long as one call, whose callbacks need it
	r   io.Reader
}

func (r readerCtx) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(b)
}

// blockID names a block by place and content, so that an upload that was cut
// off goes on where it was.
func blockID(i int, sum []byte) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%08d%x", i, sum))
}

func ignoreNotFound(err error) error {
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

func unmarshal(b []byte, v any) error { return json.Unmarshal(b, v) }
