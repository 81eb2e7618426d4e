package azureml

import (
	"bytes"
	"cmp"
	"context"
	"crypto/md5" // see push.go
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"mlsync.dev/mlsync/internal/content"
)

// Content says which bytes are at a place.
type Content struct {
	// Object and Code are the hashes that internal/content computes for the
	// same bytes, every file counted.
	Object, Code string
	// Listing is the digest of what storage lists: path, length and MD5 of
	// every blob. It is "" if storage lacks the MD5 of one. Unlike the hashes
	// it can be had without reading the bytes.
	Listing string
	// Dir tells a folder from a single file.
	Dir   bool
	Files int
	Bytes int64
}

// Mismatch says that the bytes at a place are not those that were asked for.
type Mismatch struct {
	// Where is the place and What is compared, such as "sha256".
	Where, What string
	Want, Got   string
}

func (m *Mismatch) Error() string {
	return fmt.Sprintf("%s is not the content that was asked for: %s is %s, want %s", m.Where, m.What, m.Got, m.Want)
}

// differs compares what is known of both sides; nil if nothing differs. Where
// names the place of c.
func (c Content) differs(want Content, where string) error {
	for _, f := range []struct{ what, want, got string }{
		{"the number of files", number(int64(want.Files)), number(int64(c.Files))},
		{"the number of bytes", number(want.Bytes), number(c.Bytes)},
		{"the digest of its listing", want.Listing, c.Listing},
		{"its object hash", want.Object, c.Object},
		{"its code hash", want.Code, c.Code},
	} {
		if f.want != "" && f.got != "" && f.want != f.got {
			return &Mismatch{Where: where, What: f.what, Want: f.want, Got: f.got}
		}
	}
	return nil
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// content is what a listing says by itself.
func (l *listing) content() Content {
	return Content{Dir: l.dir, Files: len(l.files), Bytes: l.bytes(), Listing: l.digest()}
}

// digest is the digest of a listing, "" if a blob has no MD5.
func (l *listing) digest() string {
	files := slices.Clone(l.files)
	slices.SortFunc(files, func(a, b blobFile) int { return cmp.Compare(a.rel, b.rel) })
	h := sha256.New()
	for _, f := range files {
		if f.md5 == "" {
			return ""
		}
		rel := f.rel
		if !l.dir {
			rel = "" // the content of a single file is the same under any name
		}
		fmt.Fprintf(h, "%s\x00%d\x00%s\n", rel, f.size, base64.StdEncoding.EncodeToString([]byte(f.md5)))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Fingerprint reads all bytes at a place and says which they are. Nothing there
// is ErrNotFound. Storage of other hosts than the client's is ErrForeignURL.
// progress is told the bytes read and the total, never twice at a time; it may
// be nil.
func (s *Storage) Fingerprint(ctx context.Context, p Place, progress func(done, total int64)) (Content, error) {
	st, at, err := s.source(ctx, p)
	if err != nil {
		return Content{}, err
	}
	var out Content
	err = st.with(ctx, func(cc *container.Client) error {
		l, err := st.list(ctx, cc, at)
		if err != nil {
			return err
		}
		out, err = st.fingerprint(ctx, cc, l, at, progress)
		return err
	})
	if err != nil {
		return Content{}, tidy("read "+p.String(), err)
	}
	return out, nil
}

// fingerprint reads what was listed.
func (st *store) fingerprint(ctx context.Context, cc *container.Client, l *listing, at string, progress func(done, total int64)) (Content, error) {
	m := &meter{total: l.bytes(), told: progress}
	body, err := l.body(ctx, at, func(f blobFile) (io.ReadCloser, error) {
		return st.reader(ctx, cc, f, m)
	})
	if err != nil {
		return Content{}, err
	}
	out := l.content()
	out.Object, out.Code, err = body.Hashes(ctx)
	return out, err
}

// body is the listed content, whose files are opened by open.
func (l *listing) body(ctx context.Context, at string, open func(f blobFile) (io.ReadCloser, error)) (*content.Content, error) {
	base := path.Base(at)
	if at == "" {
		base = "content"
	}
	files := make([]content.Listed, len(l.files))
	for i, f := range l.files {
		files[i] = content.Listed{Rel: f.rel, Size: f.size, Open: func() (io.ReadCloser, error) { return open(f) }}
	}
	return content.OfList(ctx, base, l.dir, files, content.Options{})
}

// blobReader reads a blob as it was listed, and at its end compares the bytes
// with the MD5 that storage has of them.
type blobReader struct {
	f    blobFile
	body io.ReadCloser
	sum  interface {
		io.Writer
		Sum(b []byte) []byte
	}
	n int64
	m *meter
	c *Client
}

// reader opens a blob. A blob that is not the one that was listed is
// content.ErrChanged.
func (st *store) reader(ctx context.Context, cc *container.Client, f blobFile, m *meter) (*blobReader, error) {
	resp, err := cc.NewBlobClient(f.name).DownloadStream(ctx, &blob.DownloadStreamOptions{AccessConditions: f.unchanged()})
	if bloberror.HasCode(err, bloberror.ConditionNotMet) {
		return nil, fmt.Errorf("%s: %w", f.rel, content.ErrChanged)
	}
	if err != nil {
		return nil, err
	}
	return &blobReader{f: f, body: resp.NewRetryReader(ctx, nil), sum: md5.New(), m: m, c: st.c}, nil
}

func (r *blobReader) Read(b []byte) (int, error) {
	n, err := r.body.Read(b)
	_, _ = r.sum.Write(b[:n])
	r.n += int64(n)
	if n > 0 && r.m != nil {
		r.m.progress(r.f.name, r.n)
	}
	if errors.Is(err, io.EOF) && r.n == r.f.size && r.f.md5 != "" && !bytes.Equal(r.sum.Sum(nil), []byte(r.f.md5)) {
		return n, mismatchedMD5(r.f.name, r.f.md5, string(r.sum.Sum(nil)))
	}
	return n, err
}

func (r *blobReader) Close() error {
	r.c.stats.downloaded.Add(r.n)
	return r.body.Close()
}
