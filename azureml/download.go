package azureml

import (
	"bytes"
	"context"
	"crypto/md5" // see push.go
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
)

// Writer takes one downloaded file. rel is a clean relative path (fs.ValidPath)
// below the content, or its base name for a single file. r is valid until it
// returns and must be read to its end.
type Writer func(rel string, size int64, r io.Reader) error

// Download reads the file or all files of the directory at a path of a
// datastore, one after the other in the order of their names. Nothing there is
// ErrNotFound. Bytes are checked against the MD5 that storage has.
func (s *Storage) Download(ctx context.Context, datastore, at string, w Writer) error {
	st, err := s.store(ctx, datastore)
	if err != nil {
		return err
	}
	return st.download(ctx, strings.Trim(at, "/"), w)
}

// DownloadURL does the same for the https address of a blob or directory, such
// as the URI of a code asset. If the account is that of the default datastore,
// the secret of that opens it too.
func (s *Storage) DownloadURL(ctx context.Context, address string, w Writer) error {
	st, at, err := s.storeAt(ctx, address)
	if err != nil {
		return err
	}
	return st.download(ctx, at, w)
}

func (st *store) download(ctx context.Context, at string, w Writer) error {
	what := "download " + st.container + "/" + at
	err := st.with(ctx, func(cc *container.Client) error {
		n, err := st.below(ctx, cc, at, w)
		if err != nil || n > 0 || at == "" {
			return err
		}
		err = st.blob(ctx, cc, at, path.Base(at), w)
		if bloberror.HasCode(err, bloberror.BlobNotFound) {
			return fmt.Errorf("nothing there: %w", ErrNotFound)
		}
		return err
	})
	var we *writeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &we):
		return we.err
	}
	return tidy(what, err)
}

// below downloads what is below the directory at and returns the number of
// files.
func (st *store) below(ctx context.Context, cc *container.Client, at string, w Writer) (int, error) {
	prefix := ""
	if at != "" {
		prefix = at + "/"
	}
	n := 0
	err := st.each(ctx, cc, prefix, func(b *container.BlobItem) error {
		rel := strings.TrimPrefix(*b.Name, prefix)
		if !fs.ValidPath(rel) || strings.Contains(rel, `\`) {
			return fmt.Errorf("blob %q: its name is no path", *b.Name)
		}
		n++
		return st.blob(ctx, cc, *b.Name, rel, w)
	})
	return n, err
}

// isFolder tells the mark of a directory in a hierarchical account.
func isFolder(meta map[string]*string) bool {
	for k, v := range meta {
		if strings.EqualFold(k, "hdi_isfolder") && v != nil && strings.EqualFold(*v, "true") {
			return true
		}
	}
	return false
}

// writeError keeps an error of the caller's Writer apart from those of storage.
type writeError struct{ err error }

func (e *writeError) Error() string { return e.err.Error() }

// blob downloads one blob.
func (st *store) blob(ctx context.Context, cc *container.Client, name, rel string, w Writer) error {
	resp, err := cc.NewBlobClient(name).DownloadStream(ctx, nil)
	if err != nil {
		return err
	}
	body := resp.NewRetryReader(ctx, nil)
	defer body.Close()
	h := md5.New()
	var size int64 = -1
	if resp.ContentLength != nil {
		size = *resp.ContentLength
	}
	counted := &countReader{r: io.TeeReader(body, h)}
	if err := w(rel, size, counted); err != nil {
		return &writeError{err}
	}
	st.c.stats.downloaded.Add(counted.n)
	if size >= 0 && counted.n != size {
		return fmt.Errorf("%s: got %d bytes of %d", rel, counted.n, size)
	}
	if len(resp.ContentMD5) > 0 && !bytes.Equal(resp.ContentMD5, h.Sum(nil)) {
		return fmt.Errorf("%s: bytes differ from the checksum in storage", rel)
	}
	return nil
}

type countReader struct {
	r io.Reader
	n int64
}

func (c *countReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}
