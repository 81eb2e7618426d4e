package azureml

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"mlsync.dev/mlsync/internal/content"
)

// UploadOptions say what an upload is for.
type UploadOptions struct {
	// Datastore to upload to; empty means DefaultDatastore.
	Datastore string
	// Name and Version of the asset are noted at the content in storage.
	// Content that is there already keeps those of the first who sent it.
	Name, Version string
	// Progress is told the bytes that are in storage and the total, never
	// twice at a time. May be nil.
	Progress func(done, total int64)
}

// Uploaded says where content is.
type Uploaded struct {
	// Datastore and Path are the place in the workspace.
	Datastore, Path string
	// Container is the address of the container, without signature.
	Container string
	// Sent is the number of bytes that had to be sent; 0 if all was there.
	Sent int64

	workspace string
}

// ShortURI is azureml://datastores/NAME/paths/PATH.
func (u Uploaded) ShortURI() string {
	return "azureml://datastores/" + u.Datastore + "/paths/" + u.Path
}

// LongURI is the short one with the workspace in it.
func (u Uploaded) LongURI() string {
	p := strings.Split(strings.Trim(u.workspace, "/"), "/")
	if len(p) != 8 {
		return u.ShortURI()
	}
	return fmt.Sprintf("azureml://subscriptions/%s/resourcegroups/%s/workspaces/%s/datastores/%s/paths/%s", p[1], p[3], p[7], u.Datastore, u.Path)
}

// BlobURL is the https address of the content.
func (u Uploaded) BlobURL() string {
	return u.Container + "/" + (&url.URL{Path: u.Path}).EscapedPath()
}

// Upload puts content into a datastore at LocalUpload/HASH/NAME, as
// Microsoft's client does, and sends only what is not there yet: a whole upload
// that was finished before is recognised by a mark at its first file, single
// files by length and MD5. It can be repeated after a failure.
func (s *Storage) Upload(ctx context.Context, c *content.Content, opt UploadOptions) (Uploaded, error) {
	hash, err := c.ObjectHash(ctx)
	if err != nil {
		return Uploaded{}, err
	}
	st, err := s.store(ctx, opt.Datastore)
	if err != nil {
		return Uploaded{}, err
	}
	up := Uploaded{Datastore: st.datastore, Path: "LocalUpload/" + hash + "/" + c.Base, Container: st.public, workspace: s.ws}
	p := newPush(s.c, c, up.Path, opt)
	err = st.with(ctx, func(cc *container.Client) error { return p.run(ctx, cc) })
	up.Sent = p.sent.Load()
	if err != nil {
		return up, tidy("upload "+c.Path+" to datastore "+st.datastore, err)
	}
	return up, nil
}

// CodeUploaded says where code is.
type CodeUploaded struct {
	// ID is the ARM id of a code asset that has these bytes already, under
	// whatever name; then nothing was sent and nothing is to be registered.
	ID string
	// URI is what the code asset to register points to.
	URI string
	// Hash is the content hash, to be registered as hash_sha256 with
	// hash_version content.CodeHashVersion.
	Hash string
	// Sent is the number of bytes that had to be sent.
	Sent int64
}

// UploadCode finds the code asset that has the bytes of c, or sends them to
// the container that the service gives for the code asset opt.Name,
// opt.Version. Unchanged code costs one request.
func (s *Storage) UploadCode(ctx context.Context, c *content.Content, opt UploadOptions) (CodeUploaded, error) {
	hash, err := c.CodeHash(ctx)
	if err != nil {
		return CodeUploaded{}, err
	}
	up := CodeUploaded{Hash: hash}
	if up.ID, err = s.FindCode(ctx, opt.Name, hash); err != nil || up.ID != "" {
		return up, err
	}
	st, err := s.pending(ctx, s.ws+"/codes/"+opt.Name+"/versions/"+opt.Version)
	if err != nil {
		return up, err
	}
	at := c.Base
	up.URI = st.public + "/"
	if c.IsDir {
		up.URI += (&url.URL{Path: c.Base}).EscapedPath()
	}
	p := newPush(s.c, c, at, opt)
	err = st.with(ctx, func(cc *container.Client) error { return p.run(ctx, cc) })
	up.Sent = p.sent.Load()
	if err != nil {
		return up, tidy("upload code "+c.Path, err)
	}
	return up, nil
}

// UploadPending sends content to the container that the service gives for the
// version of an asset of a registry, and returns its address.
func (s *Storage) UploadPending(ctx context.Context, c *content.Content, version string, opt UploadOptions) (string, error) {
	hash, err := c.ObjectHash(ctx)
	if err != nil {
		return "", err
	}
	st, err := s.pending(ctx, version)
	if err != nil {
		return "", err
	}
	at := "LocalUpload/" + hash + "/" + c.Base
	p := newPush(s.c, c, at, opt)
	if err := st.with(ctx, func(cc *container.Client) error { return p.run(ctx, cc) }); err != nil {
		return "", tidy("upload "+c.Path, err)
	}
	uri := st.public + "/" + (&url.URL{Path: at}).EscapedPath()
	if c.IsDir {
		uri += "/"
	}
	return uri, nil
}

// FindCode returns the ARM id of the code asset with the given content hash,
// "" if there is none. The service looks through the whole workspace, whatever
// name is asked for.
func (s *Storage) FindCode(ctx context.Context, name, hash string) (string, error) {
	list := s.c.List(ctx, s.ws+"/codes/"+name+"/versions", apiVersions["workspaces/codes/versions"],
		Query("hash", hash), Query("hashVersion", content.CodeHashVersion))
	for item, err := range list {
		if err != nil {
			return "", ignoreNotFound(err)
		}
		var code struct{ ID string }
		if err := unmarshal(item, &code); err != nil || code.ID == "" {
			return "", &Unknown{Method: http.MethodGet, Path: s.ws + "/codes", Err: fmt.Errorf("code without id")}
		}
		return code.ID, nil
	}
	return "", nil
}

// pending asks for the container that an asset version may be uploaded to.
func (s *Storage) pending(ctx context.Context, version string) (*store, error) {
	path := version + "/startPendingUpload"
	api, err := APIVersion(version)
	if err != nil {
		return nil, err
	}
	res, err := s.c.Post(ctx, path, api, []byte(`{"pendingUploadType":"TemporaryBlobReference"}`))
	if err != nil {
		return nil, err
	}
	var a struct {
		Ref struct {
			BlobURI    string
			Credential struct{ CredentialType, SasURI string }
		} `json:"blobReferenceForConsumption"`
	}
	if err := unmarshal(res.Body, &a); err != nil || a.Ref.BlobURI == "" {
		return nil, &Unknown{Method: http.MethodPost, Path: path, Err: fmt.Errorf("answer has no container")}
	}
	u, err := s.c.checkAddress(a.Ref.BlobURI)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	u.RawQuery = ""
	st := &store{c: s.c, public: strings.TrimRight(u.String(), "/")}
	st.address = st.public
	if a.Ref.Credential.SasURI != "" {
		signed, err := s.c.checkAddress(a.Ref.Credential.SasURI)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		st.auth = &blobAuth{sas: signed.RawQuery}
		signed.RawQuery = ""
		st.address = strings.TrimRight(signed.String(), "/")
	}
	return st, nil
}
