package azureml

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"mlsync.dev/mlsync/internal/content"
	"mlsync.dev/mlsync/internal/limit"
)

// Place is where content is, or where it is to go: a path of a datastore, an
// https address of storage, or a path in the container that the service gives
// for the upload of a version of an asset.
type Place struct {
	// Datastore is the name of a datastore; "" is DefaultDatastore. Path is
	// within it, or within the container of Version.
	Datastore, Path string
	// URL is the address of a blob or folder, without signature.
	URL string
	// Version is the resource id of a version of an asset, which is not there
	// yet: code of a workspace, anything of a registry.
	Version string
}

func (p Place) String() string {
	switch {
	case p.URL != "":
		return Unsigned(p.URL)
	case p.Version != "":
		return p.Version + " (" + p.Path + ")"
	}
	return "azureml://datastores/" + cmp.Or(p.Datastore, DefaultDatastore) + "/paths/" + p.Path
}

// Unsigned is an address without its query, which may be a signature, for
// messages and for Place.URL.
func Unsigned(address string) string {
	bare, _, _ := strings.Cut(address, "?")
	return bare
}

// locate finds the container of a place and the path in it.
func (s *Storage) locate(ctx context.Context, p Place) (*store, string, error) {
	switch {
	case p.URL != "":
		return s.storeAt(ctx, p.URL)
	case p.Version != "":
		st, err := s.pending(ctx, p.Version)
		return st, strings.Trim(p.Path, "/"), err
	}
	st, err := s.store(ctx, p.Datastore)
	return st, strings.Trim(p.Path, "/"), err
}

// source is locate for what is read on somebody's word: a release names it. Only
// storage that is ours to ask is asked.
func (s *Storage) source(ctx context.Context, p Place) (*store, string, error) {
	if p.URL != "" && !s.c.ownStorage(p.URL) {
		return nil, "", foreign(p.URL)
	}
	st, at, err := s.locate(ctx, p)
	if err == nil && !s.c.ownStorage(st.address) {
		return nil, "", foreign(st.address)
	}
	return st, at, err
}

func foreign(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("address of storage cannot be read: %w", ErrForeignURL)
	}
	return fmt.Errorf("storage at %s://%s: %w", u.Scheme, u.Host, ErrForeignURL)
}

// storeAt is the container of an https address and the path in it. If the
// account is that of the default datastore, the secret of that opens it too.
func (s *Storage) storeAt(ctx context.Context, address string) (*store, string, error) {
	u, err := s.c.checkAddress(address)
	if err != nil {
		return nil, "", err
	}
	st := &store{c: s.c}
	rest := strings.Trim(u.Path, "/")
	if b := s.c.o.storage; b != nil && u.Host == b.Host {
		rest = strings.Trim(strings.TrimPrefix(u.Path, b.Path), "/")
		st.account, rest, _ = strings.Cut(rest, "/")
	} else {
		st.account, _, _ = strings.Cut(u.Hostname(), ".")
	}
	var at string
	st.container, at, _ = strings.Cut(rest, "/")
	if st.account == "" || st.container == "" {
		return nil, "", fmt.Errorf("storage at %s: no container in the address", u.Host)
	}
	st.public = (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/" + st.container}).String()
	st.address = st.public
	if b := s.c.o.storage; b != nil {
		st.address = b.JoinPath(st.account, st.container).String()
	}
	if own, err := s.store(ctx, DefaultDatastore); err == nil && own.account == st.account {
		st.secrets = own.secrets
	}
	return st, at, nil
}

// blobFile is a blob of some content, as storage lists it.
type blobFile struct {
	rel, name string
	size      int64
	md5       string // "" if storage does not have it
	etag      string
	meta      map[string]*string
}

// listing is what storage lists of some content.
type listing struct {
	dir   bool
	files []blobFile // in plain order of rel, as storage sorts them
}

func (l *listing) bytes() int64 {
	var n int64
	for _, f := range l.files {
		n += f.size
	}
	return n
}

// list lists the folder at a path of a container, or else the blob there.
// Nothing there is ErrNotFound.
func (st *store) list(ctx context.Context, cc *container.Client, at string) (*listing, error) {
	l, err := st.folder(ctx, cc, at)
	if err == nil && len(l.files) == 0 && at != "" {
		l, err = st.single(ctx, cc, at)
	}
	switch {
	case err != nil:
		return nil, err
	case len(l.files) == 0:
		return nil, fmt.Errorf("nothing there: %w", ErrNotFound)
	case l.bytes() > limit.ContentBytes:
		return nil, fmt.Errorf("%s has %d bytes, %d allowed: %w", at, l.bytes(), int64(limit.ContentBytes), content.ErrLimit)
	}
	return l, nil
}

// either lists the folder or else the blob at a path, in one request if little
// else begins with its name. Nothing there is no error.
func (st *store) either(ctx context.Context, cc *container.Client, at string) (*listing, error) {
	if at == "" {
		return st.folder(ctx, cc, at)
	}
	l := &listing{}
	var one []blobFile
	err := st.each(ctx, cc, at, func(b *container.BlobItem) error {
		switch {
		case *b.Name == at:
			one = append(one, listed(b, at[:strings.LastIndexByte(at, '/')+1]))
		case strings.HasPrefix(*b.Name, at+"/"):
			l.dir, l.files = true, append(l.files, listed(b, at+"/"))
		}
		return st.room(at, len(l.files))
	})
	if !l.dir {
		l.files = one
	}
	for _, f := range l.files {
		if err == nil {
			err = f.check()
		}
	}
	return l, err
}

// single is the one blob at a path.
func (st *store) single(ctx context.Context, cc *container.Client, at string) (*listing, error) {
	p, err := cc.NewBlobClient(at).GetProperties(ctx, nil)
	if bloberror.HasCode(err, bloberror.BlobNotFound, bloberror.ResourceNotFound, bloberror.ContainerNotFound) {
		return nil, fmt.Errorf("nothing there: %w", ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	f := blobFile{rel: path.Base(at), name: at, md5: string(p.ContentMD5), meta: p.Metadata, size: -1}
	if p.ContentLength != nil {
		f.size = *p.ContentLength
	}
	if p.ETag != nil {
		f.etag = string(*p.ETag)
	}
	return &listing{files: []blobFile{f}}, f.check()
}

// folder lists what is below a path.
func (st *store) folder(ctx context.Context, cc *container.Client, at string) (*listing, error) {
	prefix := ""
	if at != "" {
		prefix = at + "/"
	}
	l := &listing{dir: true}
	err := st.each(ctx, cc, prefix, func(b *container.BlobItem) error {
		f := listed(b, prefix)
		l.files = append(l.files, f)
		return errors.Join(f.check(), st.room(at, len(l.files)))
	})
	return l, err
}

// room refuses content of too many blobs.
func (st *store) room(at string, files int) error {
	if files > st.c.sizes.names {
		return fmt.Errorf("%s has more than %d files: %w", at, st.c.sizes.names, content.ErrLimit)
	}
	return nil
}

// each calls f with the blobs whose names begin with prefix, in their order.
func (st *store) each(ctx context.Context, cc *container.Client, prefix string, f func(b *container.BlobItem) error) error {
	pager := cc.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{
		Prefix: to.Ptr(prefix), Include: container.ListBlobsInclude{Metadata: true},
	})
	for pager.More() {
		page, err := pager.NextPage(ctx)
		if err != nil {
			return err
		}
		if page.Segment == nil {
			break
		}
		for _, b := range page.Segment.BlobItems {
			if b.Name == nil || isFolder(b.Metadata) {
				continue
			}
			if err := f(b); err != nil {
				return err
			}
		}
	}
	return nil
}

func listed(b *container.BlobItem, prefix string) blobFile {
	f := blobFile{name: *b.Name, rel: strings.TrimPrefix(*b.Name, prefix), meta: b.Metadata, size: -1}
	if p := b.Properties; p != nil {
		f.md5 = string(p.ContentMD5)
		if p.ContentLength != nil {
			f.size = *p.ContentLength
		}
		if p.ETag != nil {
			f.etag = string(*p.ETag)
		}
	}
	return f
}

// check refuses names that are no paths, and blobs whose length is not known.
func (f *blobFile) check() error {
	switch {
	case !fs.ValidPath(f.rel) || strings.ContainsAny(f.rel, "\\\x00"):
		return fmt.Errorf("blob %q: its name is no path", f.name)
	case f.size < 0:
		return fmt.Errorf("blob %q: %w", f.name, errors.New("storage does not tell its length"))
	}
	return nil
}

// tag is the entity tag as conditions want it: lists give it without quotes.
func (f *blobFile) tag() string {
	if f.etag == "" || strings.HasPrefix(f.etag, `"`) {
		return f.etag
	}
	return `"` + f.etag + `"`
}

// unchanged is the condition that a blob is the one that was listed.
func (f *blobFile) unchanged() *blob.AccessConditions {
	if f.etag == "" {
		return nil
	}
	return &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: to.Ptr(azcore.ETag(f.tag()))}}
}

// maxNames bounds the blobs of one content.
const maxNames = limit.ContentNames
