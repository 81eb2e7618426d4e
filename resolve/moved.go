package resolve

import (
	"net/url"
	"path"
	"regexp"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/kind"
)

// Source says where another workspace has content, as a release tells it.
type Source struct {
	Subscription, ResourceGroup, Workspace, Registry string
	// Label names the workspace for people, such as the target that the release
	// was made of; "" for its own name.
	Label string
	// Datastore and Path are the place in the workspace, or else URL is its
	// https address, without signature.
	Datastore, Path, URL string
	// Object and Code are the hashes of the content, of which one may be "",
	// Listing the digest of what storage lists of it, "" if that is not known.
	Object, Code, Listing string
	Files                 int
	Bytes                 int64
}

// Scope is where the content is.
func (s Source) Scope() kind.Scope {
	return kind.Scope{Subscription: s.Subscription, ResourceGroup: s.ResourceGroup, Workspace: s.Workspace, Registry: s.Registry}
}

// Name names the workspace or registry for people.
func (s Source) Name() string {
	if s.Label != "" {
		return s.Label
	}
	return s.Scope().Name()
}

// base is the name of the file or folder, "" for a whole container.
func (s Source) base() string {
	at := strings.Trim(s.Path, "/")
	if s.URL != "" {
		u, err := url.Parse(s.URL)
		if err != nil {
			return ""
		}
		_, at, _ = strings.Cut(strings.Trim(u.Path, "/"), "/") // behind the container
	}
	if at == "" {
		return ""
	}
	return path.Base(at)
}

// Copy is content that comes from another workspace: what is written names the
// place that the same bytes would be uploaded to.
type Copy struct {
	// Path is the dotted path of the field that names it.
	Path   string
	Source Source
	// Code says that it becomes a code asset, and Pending that it goes to the
	// container that a registry gives for the version; otherwise it goes to
	// Datastore. At is the path there.
	Code, Pending bool
	Datastore, At string
	// Hash is the content hash of code, the object hash of the rest.
	Hash string
	// URI is what stands for it in the body.
	URI string
}

// uploaded is the path of content that was uploaded, in every workspace.
var uploaded = regexp.MustCompile(`^LocalUpload/([0-9a-f]{64})/([^/]+)/?$`)

// moved resolves an address of content that another workspace has; nil for
// every other text.
func (w *work) moved(t kind.Local, s kind.Site, text string) *asset.Value {
	if len(w.in.Bytes) == 0 {
		return nil
	}
	switch t.What {
	case kind.Code:
		return w.movedCode(t, s, text)
	case kind.Upload, kind.Context:
	default:
		return nil
	}
	store, at := w.storePath(t, text)
	src, ok := w.has(at)
	if !ok || store == "" {
		return nil
	}
	if w.unknown != "" {
		return s.Value
	}
	c := Copy{Path: s.Dotted(), Source: src, Datastore: store, At: strings.TrimSuffix(at, "/"), Hash: src.Object, URI: text}
	if w.in.Scope.Registry != "" {
		c.Pending, c.Datastore, c.URI = true, "", kind.PendingURI+c.At
	} else if t.What == kind.Context {
		uri, ok := w.contextURI(s, store, c.At)
		if !ok {
			return s.Value
		}
		c.URI = uri
	}
	w.copies = append(w.copies, c)
	return asset.NewString(c.URI)
}

// storePath is the datastore and the path in it that an address names: a
// datastore URI of this workspace or registry or, for build contexts, an https
// address in the default datastore. The datastore is "" for all others.
func (w *work) storePath(t kind.Local, text string) (store, at string) {
	if u, ok := kind.ParseStoreURI(w.in.Scope.ShortURI(text)); ok && u.Workspace == "" {
		return u.Datastore, u.Path
	}
	u, err := url.Parse(text)
	if t.What != kind.Context || err != nil || u.Scheme != "https" {
		return "", ""
	}
	box, at, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/")
	if _, ok := w.has(at); !ok {
		return "", "" // nothing is to be read for it
	}
	switch d, status := w.datastore(DefaultDatastore); {
	case status == Unknown:
		w.unknown = "the datastore " + DefaultDatastore + " could not be read"
	case status == Absent || u.Hostname() != d.Account+".blob."+d.Endpoint || box != d.Container:
		return "", ""
	}
	return DefaultDatastore, at
}

// has is where the content is that an upload would put to a path.
func (w *work) has(at string) (Source, bool) {
	m := uploaded.FindStringSubmatch(at)
	if m == nil {
		return Source{}, false
	}
	src := w.in.Bytes[m[1]]
	return src, src.Object == m[1]
}

// movedCode makes the code asset that a reference names of the content that a
// release has for it: its name says which content that is.
func (w *work) movedCode(t kind.Local, s kind.Site, text string) *asset.Value {
	if t.Asset == "" {
		return nil
	}
	ref, bad := kind.Ref{To: t.Asset}.Parse(text, w.in.Scope)
	if bad != "" || ref.Form != kind.Short || ref.Version != codeVersion {
		return nil
	}
	src, ok := w.codes()[ref.Name]
	if !ok {
		return nil
	}
	name := w.codeName(src.Code)
	a := kind.NewCode(name, src.Code, src.base(), true)
	a.Pos = s.Value.Pos()
	uri := asset.NewString(w.in.Scope.Refer(a.ID))
	w.parts = append(w.parts, part{asset: a, copies: []Copy{{Path: s.Dotted(), Source: src, Code: true, At: src.base(), Hash: src.Code, URI: uri.Str()}}})
	return uri
}

// codeVersion is that of every code asset.
const codeVersion = "1"

// codes are the contents that can become code assets, by the name of these.
func (r *resolver) codes() map[string]Source {
	if r.named == nil {
		r.named = map[string]Source{}
		for hash, src := range r.in.Bytes {
			if src.Code == hash && len(hash) == 64 {
				r.named[CodeName(hash)] = src
			}
		}
	}
	return r.named
}
