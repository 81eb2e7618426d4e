package azureml_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/emulator"
	"mlsync.dev/mlsync/internal/content"
)

const wsID = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws1"

// service is an emulator behind a door that tests can stand in.
type service struct {
	t     *testing.T
	url   string
	inner http.Handler // the emulator

	mu      sync.Mutex
	door    func(w http.ResponseWriter, r *http.Request) bool // true: answered
	seen    []string                                          // METHOD path comp
	counted bool
	puts    sync.WaitGroup // done for every PUT the emulator has answered
}

func newService(t *testing.T) *service {
	t.Helper()
	emu, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = emu.Close() })
	s := &service{t: t}
	h := emu.Handler()
	s.inner = h
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.seen = append(s.seen, strings.TrimSuffix(r.Method+" "+r.URL.Path+" "+r.URL.Query().Get("comp"), " "))
		door, counted := s.door, s.counted
		s.mu.Unlock()
		if door == nil || !door(w, r) {
			h.ServeHTTP(w, r)
			if counted && r.Method == http.MethodPut {
				s.puts.Done()
			}
		}
	}))
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

func (s *service) client(change ...func(*azureml.Options)) *azureml.Client {
	s.t.Helper()
	o := azureml.Options{Endpoint: s.url, StorageEndpoint: s.url, Insecure: true, Credential: "static", Token: "t", Tries: 1}
	for _, f := range change {
		f(&o)
	}
	c, err := azureml.New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// requests returns those since the last call that contain a word.
func (s *service) requests(word string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, r := range s.seen {
		if strings.Contains(r, word) {
			out = append(out, r)
		}
	}
	s.seen = nil
	return out
}

func (s *service) stand(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.door = f
}

func refuseBlob(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("x-ms-error-code", code)
	w.WriteHeader(status)
	return true
}

func open(t *testing.T, fsys fstest.MapFS, path string) *content.Content {
	t.Helper()
	c, err := content.Open(t.Context(), fsys, path, content.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tree() fstest.MapFS {
	return fstest.MapFS{
		"d/a.txt": {Data: []byte("AAAA")}, "d/b b.txt": {Data: []byte("BBBBB")}, "d/sub/c.txt": {Data: []byte("CCCCCC")},
		"d/sub/empty": {}, "d/é#?%.txt": {Data: []byte("x")}, "one.csv": {Data: []byte("1,2\n")},
	}
}

func download(t *testing.T, s *azureml.Storage, at string) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := s.Download(t.Context(), "", at, collect(got))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func collect(got map[string]string) azureml.Writer {
	return func(rel string, size int64, r io.Reader) error {
		b, err := io.ReadAll(r)
		if int64(len(b)) != size {
			return fmt.Errorf("%s: %d bytes, told %d", rel, len(b), size)
		}
		got[rel] = string(b)
		return err
	}
}

func TestUploadAndDownload(t *testing.T) {
	s := newService(t)
	st := s.client().Storage(wsID)
	c := open(t, tree(), "d")
	var last, total int64
	up, err := st.Upload(t.Context(), c, azureml.UploadOptions{Name: "n", Version: "1", Progress: func(done, all int64) {
		if done < last {
			t.Errorf("progress went from %d to %d", last, done)
		}
		last, total = done, all
	}})
	if err != nil {
		t.Fatal(err)
	}
	if up.Sent != 16 || last != 16 || total != 16 {
		t.Errorf("sent %d, progress %d of %d, want 16", up.Sent, last, total)
	}
	hash, _ := c.ObjectHash(t.Context())
	if want := "LocalUpload/" + hash + "/d"; up.Path != want || up.ShortURI() != "azureml://datastores/workspaceblobstore/paths/"+want ||
		up.LongURI() != "azureml://subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups/rg/workspaces/ws1/datastores/workspaceblobstore/paths/"+want {
		t.Errorf("got %+v %s %s", up, up.ShortURI(), up.LongURI())
	}
	if !strings.HasPrefix(up.BlobURL(), "https://") || !strings.HasSuffix(up.BlobURL(), "/"+up.Path) || !strings.Contains(up.BlobURL(), ".blob.core.windows.net/") {
		t.Errorf("got %s", up.BlobURL())
	}
	got := download(t, st, up.Path)
	for name, f := range tree() {
		if rel, ok := strings.CutPrefix(name, "d/"); ok && got[rel] != string(f.Data) {
			t.Errorf("%s: got %q, want %q", rel, got[rel], f.Data)
		}
	}
	if len(got) != 5 {
		t.Errorf("got %d files, want 5", len(got))
	}
	byURL := map[string]string{}
	if err := st.DownloadURL(t.Context(), up.BlobURL(), collect(byURL)); err != nil || len(byURL) != 5 {
		t.Errorf("by url: %d files (%v)", len(byURL), err)
	}

	s.requests("")
	c2 := s.client()
	again, err := c2.Storage(wsID).Upload(t.Context(), c, azureml.UploadOptions{Name: "other", Version: "2"})
	if err != nil || again.Sent != 0 || again.Path != up.Path {
		t.Errorf("again: got %+v (%v)", again, err)
	}
	if n := s.requests(""); len(n) != 2 || c2.Counters().Requests() != 2 {
		t.Errorf("again: requests %q, counted %d, want 2", n, c2.Counters().Requests())
	}
}

func TestUploadOneFile(t *testing.T) {
	s := newService(t)
	st := s.client().Storage(wsID)
	up, err := st.Upload(t.Context(), open(t, tree(), "one.csv"), azureml.UploadOptions{Name: "n", Version: "1"})
	if err != nil || up.Sent != 4 || !strings.HasSuffix(up.Path, "/one.csv") {
		t.Fatalf("got %+v (%v)", up, err)
	}
	if got := download(t, st, up.Path); len(got) != 1 || got["one.csv"] != "1,2\n" {
		t.Errorf("got %q", got)
	}
	if err := st.Download(t.Context(), "", "LocalUpload/none", collect(map[string]string{})); !errors.Is(err, azureml.ErrNotFound) {
		t.Errorf("got %v, want %v", err, azureml.ErrNotFound)
	}
}

func TestUploadCode(t *testing.T) {
	s := newService(t)
	cl := s.client()
	st := cl.Storage(wsID)
	c := open(t, tree(), "d")
	opt := azureml.UploadOptions{Name: "code-1", Version: "1"}
	up, err := st.UploadCode(t.Context(), c, opt)
	if err != nil {
		t.Fatal(err)
	}
	if up.ID != "" || up.Sent != 16 || !strings.HasSuffix(up.URI, "/d") || strings.Contains(up.URI, "sig=") {
		t.Errorf("got %+v", up)
	}
	body, _ := json.Marshal(map[string]any{"properties": map[string]any{
		"codeUri":    up.URI,
		"properties": map[string]string{"hash_sha256": up.Hash, "hash_version": content.CodeHashVersion},
	}})
	if _, err := cl.Put(t.Context(), wsID+"/codes/code-1/versions/1", "2023-04-01", body); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	if err := st.DownloadURL(t.Context(), up.URI, collect(got)); err != nil || len(got) != 5 {
		t.Errorf("downloaded %d files (%v)", len(got), err)
	}
	s.requests("")
	again, err := s.client().Storage(wsID).UploadCode(t.Context(), c, azureml.UploadOptions{Name: "code-2", Version: "1"})
	if err != nil || !strings.HasSuffix(again.ID, "/codes/code-1/versions/1") || again.Sent != 0 {
		t.Errorf("got %+v (%v)", again, err)
	}
	if n := s.requests(""); len(n) != 1 {
		t.Errorf("unchanged code took %q", n)
	}
	one, err := st.UploadCode(t.Context(), open(t, tree(), "one.csv"), azureml.UploadOptions{Name: "code-3", Version: "1"})
	if err != nil || !strings.HasSuffix(one.URI, "/") {
		t.Errorf("got %+v (%v)", one, err)
	}
}

func TestUploadResumes(t *testing.T) {
	s := newService(t)
	c := open(t, tree(), "d")
	// One file is refused when the other four are in storage.
	s.counted = true
	s.puts.Add(4)
	s.stand(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || !strings.HasSuffix(r.URL.Path, "/c.txt") {
			return false
		}
		s.puts.Wait()
		return refuseBlob(w, 400, "InvalidInput")
	})
	opt := azureml.UploadOptions{Name: "n", Version: "1"}
	_, err := s.client().Storage(wsID).Upload(t.Context(), c, opt)
	var e *azureml.Error
	if !errors.As(err, &e) || e.Status != 400 {
		t.Fatalf("got %v", err)
	}
	if len(s.requests("metadata")) != 0 {
		t.Error("an unfinished upload was marked as finished")
	}
	s.mu.Lock()
	s.counted = false
	s.mu.Unlock()
	s.stand(nil)
	rest, err := s.client().Storage(wsID).Upload(t.Context(), c, opt)
	if err != nil || rest.Sent != 6 {
		t.Errorf("sent %d (%v), want the 6 bytes that were missing", rest.Sent, err)
	}
}

func TestUploadMeetsOthers(t *testing.T) {
	s := newService(t)
	c := open(t, tree(), "d")
	opt := azureml.UploadOptions{Name: "n", Version: "1"}
	if _, err := s.client().Storage(wsID).Upload(t.Context(), c, opt); err != nil {
		t.Fatal(err)
	}
	// Nothing seems to be there, so every PUT is a conflict with equal bytes.
	blind := func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("comp") == "list" {
			return refuseBlob(w, 403, "AuthorizationPermissionMismatch")
		}
		return false
	}
	first := true
	s.stand(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodHead && first {
			first = false
			return refuseBlob(w, 404, "BlobNotFound")
		}
		return blind(w, r)
	})
	up, err := s.client().Storage(wsID).Upload(t.Context(), c, opt)
	if err != nil || up.Sent != 0 {
		t.Errorf("sent %d (%v), want 0", up.Sent, err)
	}
	// Somebody left other bytes under a name, without a mark: they are replaced.
	fsys := tree()
	fsys["d/a.txt"] = &fstest.MapFile{Data: []byte("new!")}
	c2 := open(t, fsys, "d")
	hash, _ := c2.ObjectHash(t.Context())
	s.stand(nil)
	store := strings.TrimSuffix(strings.Split(s.requests("LocalUpload")[0], "/LocalUpload")[0], "/")
	_, at, _ := strings.Cut(store, " ")
	put(t, s.url+at+"/LocalUpload/"+hash+"/d/sub/c.txt", "wrong")
	first = true
	s.stand(blind)
	if up, err = s.client().Storage(wsID).Upload(t.Context(), c2, opt); err != nil || up.Sent != 16 {
		t.Errorf("sent %d (%v), want 16", up.Sent, err)
	}
	s.stand(nil)
	if got := download(t, s.client().Storage(wsID), up.Path); got["sub/c.txt"] != "CCCCCC" {
		t.Errorf("got %q", got)
	}
}

func put(t *testing.T, url, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url+"?sig=x", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("x-ms-blob-type", "BlockBlob")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("put %s: %s", url, resp.Status)
	}
}

func TestUploadLargeFile(t *testing.T) {
	s := newService(t)
	data := bytes.Repeat([]byte("0123456789abcdef"), 1<<14) // 256 KiB
	copy(data[100_000:], "make the blocks differ")
	c := open(t, fstest.MapFS{"big.bin": {Data: data}}, "big.bin")
	client := func() *azureml.Client {
		cl := s.client()
		azureml.SetSizes(cl, 1<<16, 60_000)
		return cl
	}
	refused := 0
	s.stand(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("comp") == "blocklist" && r.Method == http.MethodPut && refused == 0 {
			refused++
			return refuseBlob(w, 400, "InvalidInput")
		}
		return false
	})
	if _, err := client().Storage(wsID).Upload(t.Context(), c, azureml.UploadOptions{}); err == nil {
		t.Fatal("the refused list of blocks was no error")
	}
	if n := len(s.requests(" block")) - 2; n != 5 { // and one GET and one PUT of the list
		t.Errorf("%d blocks were sent, want 5", n)
	}
	var last int64
	st := client().Storage(wsID)
	up, err := st.Upload(t.Context(), c, azureml.UploadOptions{Name: "n", Version: "1", Progress: func(n, _ int64) { last = n }})
	if err != nil || up.Sent != 0 || last != int64(len(data)) {
		t.Errorf("sent %d, progress %d (%v), want 0 and %d", up.Sent, last, err, len(data))
	}
	if got := download(t, st, up.Path); got["big.bin"] != string(data) {
		t.Error("bytes differ")
	}
}

func TestDownloadRefusesPaths(t *testing.T) {
	s := newService(t)
	st := s.client().Storage(wsID)
	if _, err := st.Upload(t.Context(), open(t, tree(), "one.csv"), azureml.UploadOptions{}); err != nil {
		t.Fatal(err)
	}
	store, _, _ := strings.Cut(strings.Split(s.requests("LocalUpload")[0], " ")[1], "/LocalUpload")
	put(t, s.url+store+"/bad/..%2F..%2Fetc/passwd", "x")
	err := st.Download(t.Context(), "", "bad", func(rel string, _ int64, _ io.Reader) error {
		t.Errorf("%s was handed out", rel)
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "no path") {
		t.Errorf("got %v", err)
	}
	stop := errors.New("disk full")
	if err := st.Download(t.Context(), "", "LocalUpload", func(string, int64, io.Reader) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got %v, want %v", err, stop)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := st.Download(ctx, "", "LocalUpload", collect(map[string]string{})); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want canceled", err)
	}
}

func TestDatastores(t *testing.T) {
	s := newService(t)
	st := s.client().Storage(wsID)
	c := open(t, tree(), "one.csv")
	if _, err := st.Upload(t.Context(), c, azureml.UploadOptions{Datastore: "workspacefilestore"}); !errors.Is(err, azureml.ErrNoUpload) {
		t.Errorf("got %v, want %v", err, azureml.ErrNoUpload)
	}
	if _, err := st.Upload(t.Context(), c, azureml.UploadOptions{Datastore: "none"}); !errors.Is(err, azureml.ErrNotFound) {
		t.Errorf("got %v, want %v", err, azureml.ErrNotFound)
	}
}

func TestUploadIsParallel(t *testing.T) {
	s := newService(t)
	var mu sync.Mutex
	waiting, three := 0, make(chan struct{})
	s.stand(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPut || r.URL.Query().Get("comp") != "" {
			return false
		}
		mu.Lock()
		if waiting++; waiting == 3 {
			close(three)
		}
		mu.Unlock()
		<-three // the first two files wait for a third
		return false
	})
	if up, err := s.client().Storage(wsID).Upload(t.Context(), open(t, tree(), "d"), azureml.UploadOptions{}); err != nil || up.Sent != 16 {
		t.Errorf("sent %d (%v), want 16", up.Sent, err)
	}
}
