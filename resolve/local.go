package resolve

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/content"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/kind"
)

// DefaultDatastore is where local files go if the asset names no datastore.
const DefaultDatastore = "workspaceblobstore"

// maxDocument is the size limit of a YAML file or script that is sent as text.
const maxDocument = limit.FileBytes

// local resolves a field that may hold a path.
func (w *work) local(t kind.Local, s kind.Site) *asset.Value {
	if s.Value.Type() != asset.String {
		return s.Value
	}
	text := s.Value.Str()
	if text == kind.NoCode && t.Includes != "" {
		if c := w.open(t, s, ""); c != nil {
			return w.code(s, c)
		}
		return s.Value
	}
	if got := w.moved(t, s, text); got != nil {
		return got
	}
	if t.IsRemote(text) {
		if t.Asset != "" && strings.HasPrefix(text, "azureml:") {
			return w.ref(kind.Ref{To: t.Asset}, s)
		}
		return s.Value
	}
	full, ok := w.join(s.Value, text)
	if !ok {
		return s.Value
	}
	switch t.What {
	case kind.Document:
		if doc := w.document(s.Value, full); doc != nil {
			return doc
		}
		return s.Value
	case kind.Script:
		if data := w.read(s.Value, full); data != nil {
			return asset.NewString(string(data))
		}
		return s.Value
	default:
	}
	c := w.open(t, s, full)
	if c == nil {
		return s.Value
	}
	if t.What == kind.Code {
		return w.code(s, c)
	}
	return w.upload(t, s, c)
}

// mergedCode is the name of a folder that is put together of the code and
// additional_includes, as the reference client calls it.
const mergedCode = "code_with_additional_includes"

// hashed is content with the hashes that were needed so far.
type hashed struct {
	*content.Content
	code, object string
	err          error
}

// open reads the listing of a local path; the same path is read once for the
// same rules.
func (w *work) open(t kind.Local, s kind.Site, full string) *hashed {
	key, more := full, w.includes(t, s)
	if t.Component {
		key += "\x00component"
	}
	if t.Ignore != nil {
		key += "\x00ignore " + strings.Join(t.Ignore, "\n")
	}
	for _, path := range more {
		key += "\x00" + path
	}
	h, ok := w.opened[key]
	if !ok {
		h = &hashed{}
		opt := content.Options{Cache: w.in.Cache, Component: t.Component, Ignore: t.Ignore}
		if len(more) > 0 {
			opt.RootName = mergedCode
			h.Content, h.err = content.Merge(w.ctx, w.in.FS, full, path.Dir(s.Value.Pos().File), more, opt)
		} else {
			h.Content, h.err = content.Open(w.ctx, w.in.FS, full, opt)
		}
		w.opened[key] = h
	}
	if h.err != nil {
		w.unreadable(s, full, h.err)
		return nil
	}
	if w.contents == nil {
		w.contents = map[string]*hashed{}
	}
	w.contents[s.Dotted()] = h
	return h
}

// includes are the paths of what is put into the folder of the code.
func (w *work) includes(t kind.Local, s kind.Site) []string {
	if t.Includes == "" {
		return nil
	}
	var out []string
	for _, item := range s.Parent.Get(t.Includes).Items() {
		if full, ok := w.join(item, item.Str()); ok {
			out = append(out, full)
		}
	}
	return out
}

func (w *work) unreadable(s kind.Site, full string, err error) {
	hint := fmt.Sprintf("paths are relative to the folder of %s", path.Base(s.Value.Pos().File))
	where := s.Dotted()
	if where != "" {
		where += ": "
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.badf(s.Value, "missing_file", hint, "%s%q does not exist", where, full)
	case errors.Is(err, content.ErrEmpty):
		w.badf(s.Value, "empty_folder", "add a file, or look into its ignore file", "%s%q holds no file to upload", where, full)
	default:
		w.badf(s.Value, "unreadable_file", "", "%s%q: %v", where, full, err)
	}
}

// code makes the code asset of a folder and returns the reference to it.
func (w *work) code(s kind.Site, c *hashed) *asset.Value {
	if c.code == "" {
		if c.code, c.err = c.CodeHash(w.ctx); c.err != nil {
			w.unreadable(s, c.Path, c.err)
			return s.Value
		}
	}
	a := kind.NewCode(w.codeName(c.code), c.code, c.Base, c.IsDir)
	a.Pos = s.Value.Pos()
	ref := asset.NewString(w.in.Scope.Refer(a.ID))
	w.parts = append(w.parts, part{asset: a, uploads: []Upload{{Path: s.Dotted(), Content: c.Content, Code: true, Hash: c.code, URI: ref.Str()}}})
	return ref
}

// codeName is the name of the code asset to use for content of this hash.
func (w *work) codeName(hash string) string {
	user := w.asset.ID
	if w.asset.Auto && kind.Of(user.Kind).Once {
		user = asset.ID{} // its name follows from its content, so it uses what it names
	}
	if name := w.in.Facts.Code(hash, user); name != "" {
		return name
	}
	return CodeName(hash)
}

// CodeName is kind.CodeName.
func CodeName(hash string) string { return kind.CodeName(hash) }

// upload says where a file or folder goes, and returns its address.
func (w *work) upload(t kind.Local, s kind.Site, c *hashed) *asset.Value {
	if c.object == "" {
		if c.object, c.err = c.ObjectHash(w.ctx); c.err != nil {
			w.unreadable(s, c.Path, c.err)
			return s.Value
		}
	}
	if w.in.Scope.Registry != "" {
		return w.pending(s, c)
	}
	store := strings.TrimPrefix(s.Parent.Get("datastore").Str(), "azureml:")
	if store == "" {
		store = strings.TrimPrefix(w.asset.Body.Get("datastore").Str(), "azureml:")
	}
	if store == "" {
		store = DefaultDatastore
	}
	blob := "LocalUpload/" + c.object + "/" + c.Base
	uri := "azureml://datastores/" + store + "/paths/" + blob
	if t.What == kind.Context {
		var ok bool
		if uri, ok = w.contextURI(s, store, blob); !ok {
			return s.Value
		}
	} else if t.Slash {
		uri += "/"
	}
	w.uploads = append(w.uploads, Upload{Path: s.Dotted(), Content: c.Content, Datastore: store, Hash: c.object, URI: uri})
	return asset.NewString(uri)
}

// contextURI is the address of a build context in a datastore; false if it is
// not known.
func (w *work) contextURI(s kind.Site, store, blob string) (string, bool) {
	d, status := w.datastore(store)
	switch status {
	case Unknown:
		w.unknown = "the datastore " + store + " could not be read"
		return "", false
	case Absent:
		w.badf(s.Value, "missing_reference", "add it to the tree, or name another", "%s: the datastore %q to which it is uploaded is neither in this tree nor in the workspace", s.Dotted(), store)
		return "", false
	case Present:
	}
	return d.Protocol + "://" + d.Account + ".blob." + d.Endpoint + "/" + d.Container + "/" + blob + "/", true
}

// pending is content that goes to the container that a registry gives for the
// version of the asset.
func (w *work) pending(s kind.Site, c *hashed) *asset.Value {
	uri := kind.PendingURI + "LocalUpload/" + c.object + "/" + c.Base
	w.uploads = append(w.uploads, Upload{Path: s.Dotted(), Content: c.Content, Pending: true, Hash: c.object, URI: uri})
	return asset.NewString(uri)
}

// datastore is where a datastore keeps its blobs: one of the tree that is to
// be made, else the live one.
func (w *work) datastore(name string) (Datastore, Status) {
	d, status := w.in.Facts.Datastore(name)
	if status != Absent {
		return d, status
	}
	for _, a := range w.byContainer[asset.ID{Kind: "datastore", Name: name}] {
		return DatastoreOf(a), Present
	}
	return d, Absent
}

// read reads a small file.
func (w *work) read(v *asset.Value, full string) []byte {
	c, err := content.Open(w.ctx, w.in.FS, full, content.Options{MaxFiles: 1, MaxBytes: maxDocument})
	site := kind.Site{Value: v}
	if err == nil && c.IsDir {
		w.badf(v, "wrong_file", "name a file", "%q is a folder", full)
		return nil
	}
	if err != nil {
		w.unreadable(site, full, err)
		return nil
	}
	data, err := readAll(c.Files[0])
	if err != nil {
		w.unreadable(site, full, err)
		return nil
	}
	return data
}

func (w *work) document(v *asset.Value, full string) *asset.Value {
	data := w.read(v, full)
	if data == nil {
		return nil
	}
	doc, bad := w.in.Document(data, full)
	w.problems.Append(bad)
	if doc == nil && len(bad.Errors()) == 0 {
		w.badf(v, "empty_file", "", "%q is empty", full)
	}
	return doc
}

// DatastoreOf reads where a live datastore keeps its blobs.
func DatastoreOf(a *asset.Asset) Datastore {
	d := Datastore{
		Account: a.Body.Get("account_name").Text(), Container: a.Body.Get("container_name").Text(),
		Endpoint: a.Body.Get("endpoint").Text(), Protocol: a.Body.Get("protocol").Text(),
	}
	if d.Container == "" {
		d.Container = a.Body.Get("filesystem").Text()
	}
	if d.Endpoint == "" {
		d.Endpoint = "core.windows.net"
	}
	if d.Protocol == "" {
		d.Protocol = "https"
	}
	return d
}
