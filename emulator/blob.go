package emulator

import (
	"encoding/base64"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// blobTarget says whether a request is for storage, and for which account and path: {account}.blob.{suffix} in the Host
// header, or the account as the first segment of the path.
func blobTarget(r *http.Request) (account, path string, ok bool) {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	for _, service := range []string{".blob.", ".dfs."} {
		if name, _, found := strings.Cut(host, service); found && name != "" {
			return strings.ToLower(name), strings.TrimPrefix(r.URL.Path, "/"), true
		}
	}
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch strings.ToLower(first) {
	case "", "subscriptions", "providers", "tenants", "metadata", "common", "organizations", "registrymanagement", "mferp":
		return "", "", false
	}
	lower := strings.ToLower("/" + rest)
	for _, route := range []string{"/oauth2/", "/v2.0/", "/.well-known/", "/discovery/", "/mferp/"} {
		if strings.HasPrefix(lower, route) {
			return "", "", false
		}
	}
	return strings.ToLower(first), rest, true
}

// A blobCall is one request to storage.
type blobCall struct {
	s         *Server
	st        *blobStore
	w         http.ResponseWriter
	r         *http.Request
	now       time.Time
	account   string
	container string
	name      string
}

// blob serves the blob endpoint. Shared keys, SAS and bearer tokens are accepted without verification, but one of them
// must be there.
func (s *Server) blob(w http.ResponseWriter, r *http.Request, account, path string) {
	b := &blobCall{s: s, st: s.blobs, w: w, r: r, now: s.opt.Now().UTC(), account: account}
	b.container, b.name, _ = strings.Cut(path, "/")
	h := w.Header()
	h.Set("x-ms-version", "2021-12-02")
	h.Set("x-ms-request-id", guidOf(r.URL.Path+b.now.String()))
	h.Set("Server", "Windows-Azure-Blob/1.0 Microsoft-HTTPAPI/2.0")
	h.Set("Date", b.now.Format(http.TimeFormat))
	if id := r.Header.Get("x-ms-client-request-id"); id != "" {
		h.Set("x-ms-client-request-id", id)
	}
	if !s.opt.NoAuth && r.Header.Get("Authorization") == "" && r.URL.Query().Get("sig") == "" {
		blobError(w, http.StatusUnauthorized, "NoAuthenticationInformation", "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.")
		return
	}
	if err := s.blobs.failure(); err != nil {
		blobError(w, http.StatusInternalServerError, "InternalError", "The emulator could not write its data folder: "+err.Error())
		return
	}
	q := r.URL.Query()
	switch {
	case q.Get("restype") == "account":
		h.Set("x-ms-sku-name", "Standard_LRS")
		h.Set("x-ms-account-kind", "StorageV2")
		w.WriteHeader(http.StatusOK)
	case b.container == "" && q.Get("comp") == "list":
		b.listContainers()
	case b.name == "" && q.Get("restype") == "container":
		b.containerVerb(q.Get("comp"))
	case b.name != "":
		b.blobVerb(q.Get("comp"))
	default:
		blobError(w, http.StatusBadRequest, "InvalidUri", "The requested URI does not represent any resource on the server.")
	}
}

// blobError answers as storage does: the code in a header and in XML.
func blobError(w http.ResponseWriter, status int, code, message string) {
	h := w.Header()
	h.Set("x-ms-error-code", code)
	h.Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`<?xml version="1.0" encoding="utf-8"?><Error><Code>` + code + `</Code><Message>` + xmlText(message) + `</Message></Error>`))
}

func (b *blobCall) key() string { return b.account + "/" + b.container }

func (b *blobCall) noContainer() {
	blobError(b.w, http.StatusNotFound, "ContainerNotFound", "The specified container does not exist.")
}

func (b *blobCall) noBlob() {
	blobError(b.w, http.StatusNotFound, "BlobNotFound", "The specified blob does not exist.")
}

func (b *blobCall) metadata() map[string]string {
	meta := map[string]string{}
	for k, v := range b.r.Header {
		if name, ok := strings.CutPrefix(strings.ToLower(k), "x-ms-meta-"); ok && len(v) > 0 {
			meta[name] = v[0]
		}
	}
	return meta
}

// contentHeaders are the properties a client gives a blob.
var contentHeaders = map[string]string{
	"x-ms-blob-content-type": "Content-Type", "x-ms-blob-content-encoding": "Content-Encoding",
	"x-ms-blob-content-language": "Content-Language", "x-ms-blob-content-disposition": "Content-Disposition", "x-ms-blob-cache-control": "Cache-Control",
}

func (b *blobCall) headers() map[string]string {
	out := map[string]string{}
	for from, to := range contentHeaders {
		if v := b.r.Header.Get(from); v != "" {
			out[to] = v
		}
	}
	if out["Content-Type"] == "" {
		out["Content-Type"] = "application/octet-stream"
		if v := b.r.Header.Get("Content-Type"); v != "" && b.r.URL.Query().Get("comp") == "" {
			out["Content-Type"] = v
		}
	}
	return out
}

func (b *blobCall) blobVerb(comp string) {
	switch b.r.Method + " " + comp {
	case "PUT ":
		b.putBlob()
	case "PUT block":
		b.putBlock()
	case "PUT blocklist":
		b.putBlockList()
	case "GET blocklist":
		b.getBlockList()
	case "PUT metadata":
		b.change(func(i *blobItem) { i.Meta = b.metadata() })
	case "PUT properties":
		b.change(func(i *blobItem) { i.Headers = b.headers() })
	case "GET ", "HEAD ", "GET metadata", "HEAD metadata":
		b.getBlob(comp == "metadata")
	case "DELETE ":
		b.deleteBlob()
	default:
		blobError(b.w, http.StatusBadRequest, "InvalidQueryParameterValue", "The emulator does not serve "+b.r.Method+" with comp="+comp+".")
	}
}

// condition checks If-Match and If-None-Match of a write. The lock is held.
func (b *blobCall) condition(old *blobItem) bool {
	none, match := b.r.Header.Get("If-None-Match"), b.r.Header.Get("If-Match")
	switch {
	case none == "*" && old != nil:
		blobError(b.w, http.StatusConflict, "BlobAlreadyExists", "The specified blob already exists.")
	case none != "" && old != nil && none == old.ETag, match != "" && (old == nil || match != "*" && match != old.ETag):
		blobError(b.w, http.StatusPreconditionFailed, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")
	default:
		return true
	}
	return false
}

// take reads the body and checks its Content-MD5.
func (b *blobCall) take() (chunk, []byte, bool) {
	c, sum, err := b.st.receive(b.r.Body)
	if err != nil {
		blobError(b.w, http.StatusInternalServerError, "InternalError", "The content could not be stored: "+err.Error())
		return c, nil, false
	}
	if want := b.r.Header.Get("Content-MD5"); want != "" && want != base64.StdEncoding.EncodeToString(sum) {
		b.st.free([]chunk{c})
		blobError(b.w, http.StatusBadRequest, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value calculated by the server.")
		return c, nil, false
	}
	return c, sum, true
}

func (b *blobCall) putBlob() {
	if typ := b.r.Header.Get("x-ms-blob-type"); !strings.EqualFold(typ, "BlockBlob") {
		blobError(b.w, http.StatusBadRequest, "InvalidHeaderValue", "The emulator serves block blobs only, not x-ms-blob-type '"+typ+"'.")
		return
	}
	if b.r.Header.Get("If-None-Match") == "*" && b.find() != nil { // refused before the content moves
		b.condition(b.find())
		return
	}
	if b.fromURL() {
		b.putBlobFromURL()
		return
	}
	c, sum, ok := b.take()
	if !ok {
		return
	}
	b.commit([]chunk{c}, nil, sum)
}

func (b *blobCall) find() *blobItem {
	b.st.mu.Lock()
	defer b.st.mu.Unlock()
	if c := b.st.containers[b.key()]; c != nil {
		return c.blobs[b.name]
	}
	return nil
}

// commit makes chunks the content of the blob.
func (b *blobCall) commit(chunks []chunk, blocks []blockInfo, sum []byte) {
	st := b.st
	st.mu.Lock()
	defer st.mu.Unlock()
	c := st.container(b.key(), true, b.now)
	old := c.blobs[b.name]
	if !b.condition(old) {
		if blocks == nil {
			st.free(chunks)
		}
		return
	}
	item := &blobItem{
		Account: b.account, Container: b.container, Name: b.name, Chunks: chunks, Blocks: blocks, Meta: b.metadata(), Headers: b.headers(), MD5: sum,
		ETag: st.etag(), Created: b.now, Modified: b.now,
	}
	if given := b.r.Header.Get("x-ms-blob-content-md5"); given != "" {
		if raw, err := base64.StdEncoding.DecodeString(given); err == nil {
			item.MD5 = raw
		}
	}
	if st.keep(item); st.log.failure() != nil {
		blobError(b.w, http.StatusInternalServerError, "InternalError", "The emulator could not write its data folder.")
		return
	}
	if old == nil {
		c.dirty = true
	} else {
		item.Created = old.Created
		st.freeUnused(old.Chunks, chunks)
	}
	c.blobs[b.name] = item
	st.freeUnused(uncommitted(c, b.name), chunks)
	delete(c.blocks, b.name)
	delete(c.order, b.name)
	b.written(item)
	if blocks == nil {
		b.w.Header().Set("Content-MD5", base64.StdEncoding.EncodeToString(sum))
	}
	b.w.WriteHeader(http.StatusCreated)
}

// freeUnused removes the content of old that is not in use.
func (s *blobStore) freeUnused(old, inUse []chunk) {
	used := map[string]bool{}
	for _, c := range inUse {
		used[c.File] = true
	}
	for _, c := range old {
		if !used[c.File] {
			s.free([]chunk{c})
		}
	}
}

func uncommitted(c *blobContainer, name string) []chunk {
	var out []chunk
	for _, ch := range c.blocks[name] {
		out = append(out, ch)
	}
	return out
}

func (b *blobCall) written(i *blobItem) {
	h := b.w.Header()
	h.Set("ETag", i.ETag)
	h.Set("Last-Modified", i.Modified.Format(http.TimeFormat))
	h.Set("x-ms-request-server-encrypted", "true")
}

// change applies a write that leaves the content alone.
func (b *blobCall) change(apply func(*blobItem)) {
	st := b.st
	st.mu.Lock()
	defer st.mu.Unlock()
	c := st.containers[b.key()]
	if c == nil || c.blobs[b.name] == nil {
		b.noBlob()
		return
	}
	if !b.condition(c.blobs[b.name]) {
		return
	}
	item := *c.blobs[b.name]
	apply(&item)
	item.ETag, item.Modified = st.etag(), b.now
	st.keep(&item)
	c.blobs[b.name] = &item
	b.written(&item)
	b.w.WriteHeader(http.StatusOK)
}

func (b *blobCall) deleteBlob() {
	st := b.st
	st.mu.Lock()
	defer st.mu.Unlock()
	c := st.containers[b.key()]
	if c == nil || c.blobs[b.name] == nil {
		b.noBlob()
		return
	}
	st.free(c.blobs[b.name].Chunks)
	delete(c.blobs, b.name)
	c.dirty = true
	st.keep(blobItem{Account: b.account, Container: b.container, Name: b.name, Gone: true})
	b.w.WriteHeader(http.StatusAccepted)
}

// getBlob serves GET and HEAD, whole or a range.
func (b *blobCall) getBlob(metaOnly bool) {
	item := b.find()
	if item == nil {
		b.noBlob()
		return
	}
	h := b.w.Header()
	b.describe(item)
	if none := b.r.Header.Get("If-None-Match"); none != "" && none == item.ETag {
		b.w.WriteHeader(http.StatusNotModified)
		return
	}
	if match := b.r.Header.Get("If-Match"); match != "" && match != "*" && match != item.ETag {
		blobError(b.w, http.StatusPreconditionFailed, "ConditionNotMet", "The condition specified using HTTP conditional header(s) is not met.")
		return
	}
	size := item.size()
	from, length, status := int64(0), size, http.StatusOK
	spec := b.r.Header.Get("x-ms-range")
	if spec == "" {
		spec = b.r.Header.Get("Range")
	}
	if spec != "" && b.r.Method == http.MethodGet {
		var ok bool
		if from, length, ok = parseRange(spec, size); !ok {
			h.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
			blobError(b.w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The range specified is invalid for the current size of the resource.")
			return
		}
		status = http.StatusPartialContent
		h.Set("Content-Range", "bytes "+strconv.FormatInt(from, 10)+"-"+strconv.FormatInt(from+length-1, 10)+"/"+strconv.FormatInt(size, 10))
	}
	if metaOnly {
		length = 0
	}
	h.Set("Content-Length", strconv.FormatInt(length, 10))
	if status == http.StatusOK && item.MD5 != nil {
		h.Set("Content-MD5", base64.StdEncoding.EncodeToString(item.MD5))
	}
	b.w.WriteHeader(status)
	if b.r.Method == http.MethodGet && length > 0 {
		if err := b.st.copyRange(b.w, item.Chunks, from, length); err != nil {
			panic(http.ErrAbortHandler) // the client went away or the content was replaced meanwhile
		}
	}
}

func (b *blobCall) describe(i *blobItem) {
	h := b.w.Header()
	h.Set("ETag", i.ETag)
	h.Set("Last-Modified", i.Modified.Format(http.TimeFormat))
	h.Set("x-ms-creation-time", i.Created.Format(http.TimeFormat))
	h.Set("x-ms-blob-type", "BlockBlob")
	h.Set("x-ms-lease-status", "unlocked")
	h.Set("x-ms-lease-state", "available")
	h.Set("x-ms-server-encrypted", "true")
	h.Set("Accept-Ranges", "bytes")
	for k, v := range i.Headers {
		h.Set(k, v)
	}
	setMetadata(h, i.Meta)
}

// setMetadata answers metadata under the names as they are kept, in the same letter case: Python's client takes the
// name from the header and looks for it in lower case.
func setMetadata(h http.Header, meta map[string]string) {
	for k, v := range meta {
		h["x-ms-meta-"+k] = []string{v}
	}
}

// parseRange reads bytes=a-b and bytes=a-; a range that starts behind the end cannot be satisfied.
func parseRange(spec string, size int64) (from, length int64, ok bool) {
	spec, ok = strings.CutPrefix(spec, "bytes=")
	if !ok {
		return 0, 0, false
	}
	a, z, _ := strings.Cut(spec, "-")
	from, err := strconv.ParseInt(a, 10, 64)
	if err != nil || from >= size {
		return 0, 0, false
	}
	end := size - 1
	if z != "" {
		if end, err = strconv.ParseInt(z, 10, 64); err != nil || end < from {
			return 0, 0, false
		}
	}
	return from, min(end, size-1) - from + 1, true
}
