package emulator

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Content that the service fetches itself, from the URL in x-ms-copy-source. What is documented:
// https://learn.microsoft.com/rest/api/storageservices/put-blob-from-url (5000 MiB, properties come along unless asked
// otherwise), https://learn.microsoft.com/rest/api/storageservices/put-block-from-url (4000 MiB a block, a range of the
// source, no body) and https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes. What else is
// checked was seen in the tests and threads of Microsoft's SDKs: the status of CannotVerifyCopySource is that of the
// source (azure-sdk-for-java#24881, azure-storage-python#720), a wrong x-ms-source-content-md5 is Md5Mismatch, a failed
// x-ms-source-if-match SourceConditionNotMet, a failed x-ms-source-if-none-match CannotVerifyCopySource with 304
// (azure-sdk-for-go, blockblob/client_test.go), too large a source CannotVerifyCopySource with 409
// (azure-sdk-for-go#19880).
const (
	maxCopiedBlob  = 5000 << 20
	maxCopiedBlock = 4000 << 20
	maxCopySource  = 2 << 10 // bytes of the URL
)

// fromURL reports whether the content of a write is to be fetched.
func (b *blobCall) fromURL() bool { return b.r.Header.Get("x-ms-copy-source") != "" }

// unverified refuses a source, in the form of the service: the source's own status and words stand in the answer.
func (b *blobCall) unverified(status int, message string) {
	h := b.w.Header()
	h.Set("x-ms-error-code", "CannotVerifyCopySource")
	h.Set("x-ms-copy-source-status-code", strconv.Itoa(status))
	if status == http.StatusNotModified {
		b.w.WriteHeader(status)
		return
	}
	h.Set("Content-Type", "application/xml")
	b.w.WriteHeader(status)
	_, _ = b.w.Write([]byte(`<?xml version="1.0" encoding="utf-8"?><Error><Code>CannotVerifyCopySource</Code><Message>` + xmlText(message) +
		`</Message><CopySourceStatusCode>` + strconv.Itoa(status) + `</CopySourceStatusCode><CopySourceErrorMessage>` + xmlText(message) + `</CopySourceErrorMessage></Error>`))
}

// fetch takes the content in that x-ms-copy-source names, at most so many bytes. It answers itself if that fails.
func (b *blobCall) fetch(most int64) (c chunk, sum []byte, source *blobItem, ok bool) {
	r := b.r.Header
	if b.r.ContentLength > 0 {
		blobError(b.w, http.StatusBadRequest, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format: Content-Length must be 0.")
		return c, nil, nil, false
	}
	text := r.Get("x-ms-copy-source")
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || len(text) > maxCopySource {
		blobError(b.w, http.StatusBadRequest, "InvalidHeaderValue", "The value for one of the HTTP headers is not in the correct format: x-ms-copy-source.")
		return c, nil, nil, false
	}
	if source = b.source(u); source == nil {
		return c, nil, nil, false
	}
	from, length := int64(0), source.size()
	if spec := r.Get("x-ms-source-range"); spec != "" {
		if from, length, ok = parseRange(spec, source.size()); !ok {
			blobError(b.w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange", "The range specified is invalid for the current size of the resource.")
			return c, nil, nil, false
		}
	}
	if length > most {
		b.unverified(http.StatusConflict, "The source request body for copy source is too large and exceeds the maximum permissible limit ("+strconv.FormatInt(most>>20, 10)+"MB).")
		return c, nil, nil, false
	}
	in := &chunkReader{dir: b.st.dir, chunks: source.Chunks, skip: from, left: length}
	c, sum, err = b.st.receive(in)
	if err = errors.Join(err, in.close()); err != nil {
		blobError(b.w, http.StatusInternalServerError, "InternalError", "The source could not be read: "+err.Error())
		return c, nil, nil, false
	}
	if want := r.Get("x-ms-source-content-md5"); want != "" && want != base64.StdEncoding.EncodeToString(sum) {
		b.st.free([]chunk{c})
		blobError(b.w, http.StatusBadRequest, "Md5Mismatch", "The MD5 value specified in the request did not match with the MD5 value calculated by the server.")
		return c, nil, nil, false
	}
	return c, sum, source, true
}

// source finds the blob that a copy reads, checks who asks for it and on which condition. It answers itself if that
// fails. There is no network behind the emulator: only its own accounts can be reached.
func (b *blobCall) source(u *url.URL) *blobItem {
	probe := &http.Request{Host: u.Host, URL: u}
	account, path, ok := blobTarget(probe)
	if !strings.EqualFold(u.Host, b.r.Host) && !strings.Contains(u.Host, ".blob.") && !strings.Contains(u.Host, ".dfs.") {
		ok = false
	}
	if !ok {
		b.unverified(http.StatusNotFound, "The specified resource does not exist.")
		return nil
	}
	if status, message := b.admitted(u.Query()); status != 0 {
		b.unverified(status, message)
		return nil
	}
	container, name, _ := strings.Cut(path, "/")
	b.st.mu.Lock()
	var item *blobItem
	if c := b.st.containers[account+"/"+container]; c != nil {
		item = c.blobs[name]
	}
	b.st.mu.Unlock()
	match, none := b.r.Header.Get("x-ms-source-if-match"), b.r.Header.Get("x-ms-source-if-none-match")
	switch {
	case item == nil:
		b.unverified(http.StatusNotFound, "The specified blob does not exist.")
	case match != "" && match != "*" && match != item.ETag:
		blobError(b.w, http.StatusPreconditionFailed, "SourceConditionNotMet", "The source condition specified using HTTP conditional header(s) is not met.")
	case none != "" && (none == "*" || none == item.ETag):
		b.unverified(http.StatusNotModified, "The condition specified using HTTP conditional header(s) is not met.")
	default:
		return item
	}
	return nil
}

// admitted checks the credentials for a source: a signature in its URL that reads and has not run out, or a bearer
// token. A signature is not verified further, as everywhere here. status is 0 if all is well.
func (b *blobCall) admitted(q url.Values) (status int, message string) {
	auth := b.r.Header.Get("x-ms-copy-source-authorization")
	switch {
	case b.s.opt.NoAuth:
		return 0, ""
	case auth != "":
		if token, ok := strings.CutPrefix(auth, "Bearer "); !ok || strings.TrimSpace(token) == "" {
			return http.StatusUnauthorized, "Server failed to authenticate the request. Please refer to the information in the www-authenticate header."
		}
		return 0, ""
	case q.Get("sig") == "":
		return http.StatusConflict, "Public access is not permitted on this storage account."
	}
	if end, err := time.Parse(time.RFC3339, q.Get("se")); err != nil || !b.now.Before(end) {
		return http.StatusForbidden, "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly including the signature."
	}
	if !strings.Contains(q.Get("sp"), "r") {
		return http.StatusForbidden, "This request is not authorized to perform this operation using this permission."
	}
	return 0, ""
}

// putBlobFromURL makes a blob of the content of another.
func (b *blobCall) putBlobFromURL() {
	c, sum, source, ok := b.fetch(maxCopiedBlob)
	if !ok {
		return
	}
	if b.r.Header.Get("x-ms-copy-source-blob-properties") != "false" {
		for header, property := range contentHeaders {
			if v := source.Headers[property]; v != "" && b.r.Header.Get(header) == "" {
				b.r.Header.Set(header, v)
			}
		}
	}
	b.commit([]chunk{c}, nil, sum)
}

// putBlockFromURL takes a block in that is part of another blob.
func (b *blobCall) putBlockFromURL(id string) {
	c, sum, _, ok := b.fetch(maxCopiedBlock)
	if !ok {
		return
	}
	b.w.Header().Set("Content-MD5", base64.StdEncoding.EncodeToString(sum))
	b.keepBlock(id, c)
}

// A chunkReader reads part of the content of a blob.
type chunkReader struct {
	dir    string
	chunks []chunk
	skip   int64 // bytes to pass over
	left   int64
	open   io.Reader
	file   *os.File
}

func (r *chunkReader) Read(p []byte) (int, error) {
	for {
		if r.open == nil {
			if err := r.next(); err != nil {
				return 0, err
			}
		}
		n, err := r.open.Read(p)
		r.left -= int64(n)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		r.open = nil
		if err := r.close(); err != nil || n > 0 {
			return n, err
		}
	}
}

// next opens the next chunk that has something to read.
func (r *chunkReader) next() error {
	for len(r.chunks) > 0 && r.left > 0 {
		c := r.chunks[0]
		r.chunks = r.chunks[1:]
		if r.skip >= c.Size {
			r.skip -= c.Size
			continue
		}
		n := min(r.left, c.Size-r.skip)
		from := r.skip
		r.skip = 0
		if c.File == "" {
			r.open = strings.NewReader(string(c.Data[from : from+n]))
			return nil
		}
		f, err := os.Open(filepath.Join(r.dir, c.File))
		if err != nil {
			return err
		}
		r.file, r.open = f, io.NewSectionReader(f, from, n)
		return nil
	}
	return io.EOF
}

func (r *chunkReader) close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
