package azureml_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/content"
)

const (
	otherID = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws2"
	shareID = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/rg/providers/Microsoft.MachineLearningServices/registries/reg"
)

// trained puts files where a job would: without a mark, and without MD5 if they
// are to have none.
func (s *service) trained(fsys fstest.MapFS, at string, sums bool) {
	s.t.Helper()
	up, err := s.client().Storage(wsID).Upload(s.t.Context(), open(s.t, tree(), "one.csv"), azureml.UploadOptions{})
	if err != nil {
		s.t.Fatal(err)
	}
	_, box, _ := strings.Cut(up.Container, ".blob.core.windows.net")
	account := strings.TrimPrefix(strings.TrimSuffix(up.Container, ".blob.core.windows.net"+box), "https://")
	for name, f := range fsys {
		url := s.url + "/" + account + box + "/" + at + "/" + strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(strings.ReplaceAll(name, "%", "%25"), "#", "%23"), "?", "%3F"), " ", "%20")
		if sums {
			s.send(http.MethodPut, url+"?sig=x", string(f.Data), "x-ms-blob-type", "BlockBlob")
			continue
		}
		s.send(http.MethodPut, url+"?sig=x&comp=block&blockid=MDAw", string(f.Data))
		s.send(http.MethodPut, url+"?sig=x&comp=blocklist", "<BlockList><Latest>MDAw</Latest></BlockList>")
	}
	s.requests("")
}

func (s *service) send(method, url, body string, headers ...string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		s.t.Fatalf("%s %s: %s", method, url, resp.Status)
	}
}

// model is what a job wrote: names of all sorts, an empty file, one of many
// blocks, if files are cut as small does.
func model() fstest.MapFS {
	return fstest.MapFS{
		"MLmodel": {Data: []byte("flavors: {}\n")}, "data/a-b": {Data: []byte("1")}, "data/a/x é#?%.bin": {Data: []byte("22")},
		"data/__init__.py": {}, "weights.bin": {Data: bytes.Repeat([]byte("0123456789abcdef"), 1000)}, ".amlignore": {Data: []byte("*.bin\n")},
	}
}

func (s *service) fingerprint(p azureml.Place) azureml.Content {
	s.t.Helper()
	got, err := s.client().Storage(wsID).Fingerprint(s.t.Context(), p, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return got
}

// promoted is where content goes to in the other workspace.
func promoted(c azureml.Content) azureml.Place {
	return azureml.Place{Path: "LocalUpload/" + c.Object + "/model"}
}

func (s *service) check(want fstest.MapFS, at string) {
	s.t.Helper()
	got := map[string]string{}
	if err := s.client().Storage(otherID).Download(s.t.Context(), "", at, collect(got)); err != nil {
		s.t.Fatal(err)
	}
	if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
		s.t.Errorf("got %q", slices.Sorted(maps.Keys(got)))
	}
	for name, f := range want {
		if got[name] != string(f.Data) {
			s.t.Errorf("%s: got %d bytes, want %d", name, len(got[name]), len(f.Data))
		}
	}
}

// marked reports whether content is marked as complete.
func (s *service) marked(p azureml.Place, want azureml.Content) bool {
	s.t.Helper()
	c := s.client()
	got, err := c.Storage(otherID).Copy(s.t.Context(), azureml.Copy{From: c.Storage(wsID), Src: azureml.Place{Path: "nothing/there"}, To: p, Want: want})
	if err != nil && !errors.Is(err, azureml.ErrNotFound) {
		s.t.Fatal(err)
	}
	if n := c.Counters().Requests(); err == nil && (n > 2 || got.Sent != 0) {
		s.t.Errorf("content that is there took %d requests and %d bytes", n, got.Sent)
	}
	return err == nil
}

// sorts are the ways in which bytes move.
type sort struct {
	name string
	sums bool // storage has the MD5 of the source
	// refuse makes storage fetch nothing.
	refuse bool
	cut    bool // files are cut into blocks
}

func sorts() []sort {
	var out []sort
	for _, sums := range []bool{true, false} {
		for _, refuse := range []bool{false, true} {
			for _, cut := range []bool{false, true} {
				out = append(out, sort{fmt.Sprintf("md5=%t,fetched=%t,blocks=%t", sums, !refuse, cut), sums, refuse, cut})
			}
		}
	}
	return out
}

func (k sort) client(s *service) *azureml.Client {
	c := s.client()
	if k.cut {
		azureml.SetSizes(c, 4000, 4000)
		azureml.SetRemote(c, 4000, 5000)
	}
	return c
}

func (k sort) door(w http.ResponseWriter, r *http.Request) bool {
	return k.refuse && r.Header.Get("x-ms-copy-source") != "" && refuseBlob(w, 403, "CannotVerifyCopySource")
}

func TestCopy(t *testing.T) {
	for _, k := range sorts() {
		t.Run(k.name, func(t *testing.T) {
			s := newService(t)
			s.trained(model(), "azureml/job/model", k.sums)
			src := azureml.Place{Path: "azureml/job/model"}
			want := s.fingerprint(src)
			to := promoted(want)
			s.stand(k.door)
			c := k.client(s)
			var last, total int64
			got, err := c.Storage(otherID).Copy(t.Context(), azureml.Copy{
				From: c.Storage(wsID), Src: src, To: to, Want: want, Name: "n", Version: "1",
				Progress: func(done, all int64) {
					if done < last {
						t.Errorf("progress went from %d to %d", last, done)
					}
					last, total = done, all
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			n := c.Counters()
			if got.Sent != want.Bytes || last != want.Bytes || total != want.Bytes {
				t.Errorf("got %+v, progress %d of %d, want %d", got, last, total, want.Bytes)
			}
			switch {
			case k.refuse && (got.Remote != 0 || n.Copied != 0 || n.Uploaded != want.Bytes || n.Downloaded != want.Bytes):
				t.Errorf("streamed: got %+v, counted %+v: every byte passes once each way", got, n)
			case !k.refuse && (got.Remote != want.Bytes || n.Copied != want.Bytes || n.Uploaded != 0):
				t.Errorf("fetched: got %+v, counted %+v", got, n)
			case !k.refuse && k.sums && !k.cut && n.Downloaded != 0:
				t.Errorf("%d bytes were read though storage has looked at them", n.Downloaded)
			}
			s.stand(nil)
			s.check(model(), to.Path)
			if !strings.HasSuffix(got.URL, "/"+to.Path) || !strings.HasPrefix(got.URL, "https://") {
				t.Errorf("url %s", got.URL)
			}
			if !s.marked(to, want) {
				t.Error("it is not marked as complete")
			}
			again, err := s.client().Storage(otherID).Fingerprint(t.Context(), to, nil)
			if err != nil || again.Object != want.Object || again.Code != want.Code {
				t.Errorf("got %+v (%v), want %+v", again, err, want)
			}
		})
	}
}

// The reference client and uploads know content that was copied.
func TestCopyIsKnownToUploads(t *testing.T) {
	s := newService(t)
	c := open(t, tree(), "d")
	st := s.client().Storage(wsID)
	up, err := st.Upload(t.Context(), c, azureml.UploadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := s.fingerprint(azureml.Place{Path: up.Path})
	if want.Object != strings.Split(up.Path, "/")[1] {
		t.Errorf("fingerprint %+v of %s", want, up.Path)
	}
	other := s.client().Storage(otherID)
	if _, err := other.Copy(t.Context(), azureml.Copy{From: st, Src: azureml.Place{Path: up.Path}, To: azureml.Place{Path: up.Path}, Want: want}); err != nil {
		t.Fatal(err)
	}
	again, err := other.Upload(t.Context(), c, azureml.UploadOptions{})
	if err != nil || again.Sent != 0 {
		t.Errorf("upload after copy: %+v (%v)", again, err)
	}
	if !s.marked(azureml.Place{Path: up.Path}, want) {
		t.Error("not marked")
	}
}

func TestCopyOfOneFile(t *testing.T) {
	for _, k := range sorts() {
		s := newService(t)
		s.trained(fstest.MapFS{"model.pt": model()["weights.bin"]}, "out", k.sums)
		src := azureml.Place{Path: "out/model.pt"}
		want := s.fingerprint(src)
		to := azureml.Place{Path: "LocalUpload/" + want.Object + "/model.pt"}
		s.stand(k.door)
		c := k.client(s)
		if got, err := c.Storage(otherID).Copy(t.Context(), azureml.Copy{From: c.Storage(wsID), Src: src, To: to, Want: want}); err != nil || got.Sent != want.Bytes {
			t.Errorf("%s: got %+v (%v)", k.name, got, err)
		}
		s.stand(nil)
		if !s.marked(to, want) {
			t.Errorf("%s: not marked", k.name)
		}
		s.check(fstest.MapFS{"model.pt": model()["weights.bin"]}, to.Path)
	}
}

func TestCopyRefusesOtherContent(t *testing.T) {
	for _, k := range sorts() {
		t.Run(k.name, func(t *testing.T) {
			s := newService(t)
			s.trained(model(), "m", k.sums)
			src := azureml.Place{Path: "m"}
			want := s.fingerprint(src)
			to := promoted(want)
			changed := model()
			changed["weights.bin"] = &fstest.MapFile{Data: bytes.Repeat([]byte("fedcba9876543210"), 1000)} // of the same length
			s.trained(changed, "m", k.sums)
			s.stand(k.door)
			c := k.client(s)
			var m *azureml.Mismatch
			got, err := c.Storage(otherID).Copy(t.Context(), azureml.Copy{From: c.Storage(wsID), Src: src, To: to, Want: want})
			if !errors.As(err, &m) || m.Want == m.Got || !strings.Contains(err.Error(), m.Want) || !strings.Contains(err.Error(), m.Got) {
				t.Fatalf("got %v", err)
			}
			if k.sums && got.Sent != 0 {
				t.Errorf("%d bytes were sent of a source whose listing differs", got.Sent)
			}
			s.stand(nil)
			if s.marked(to, azureml.Content{Object: want.Object}) {
				t.Error("other content was marked as complete")
			}
			// The right bytes come back: all is well.
			s.trained(model(), "m", k.sums)
			if _, err := c.Storage(otherID).Copy(t.Context(), azureml.Copy{From: c.Storage(wsID), Src: src, To: to, Want: want}); err != nil {
				t.Fatal(err)
			}
			s.check(model(), to.Path)
		})
	}
}

// Content that is marked and is not what its listing was is not taken for it.
func TestCopyLooksAtMarkedContent(t *testing.T) {
	s := newService(t)
	s.trained(model(), "m", true)
	want := s.fingerprint(azureml.Place{Path: "m"})
	to := promoted(want)
	c := s.client()
	job := azureml.Copy{From: c.Storage(wsID), Src: azureml.Place{Path: "m"}, To: to, Want: want}
	got, err := c.Storage(otherID).Copy(t.Context(), job)
	if err != nil {
		t.Fatal(err)
	}
	account, rest, _ := strings.Cut(strings.TrimPrefix(got.URL, "https://"), ".blob.core.windows.net")
	put(t, s.url+"/"+account+rest+"/weights.bin", "EVIL")
	var m *azureml.Mismatch
	if _, err := c.Storage(otherID).Copy(t.Context(), job); !errors.As(err, &m) {
		t.Errorf("got %v", err)
	}
	if _, err := c.Storage(otherID).Copy(t.Context(), azureml.Copy{From: c.Storage(wsID), Src: job.Src, To: to}); err == nil {
		t.Error("a copy of nobody knows what was made")
	}
}

func TestCopyIntoRegistry(t *testing.T) {
	s := newService(t)
	s.trained(model(), "m", true)
	want := s.fingerprint(azureml.Place{Path: "m"})
	c := s.client()
	to := azureml.Place{Version: shareID + "/models/m/versions/1", Path: "LocalUpload/" + want.Object + "/model"}
	job := azureml.Copy{From: c.Storage(wsID), Src: azureml.Place{Path: "m"}, To: to, Want: want, Name: "m", Version: "1"}
	got, err := c.Storage(shareID).Copy(t.Context(), job)
	if err != nil || got.Remote != want.Bytes || strings.Contains(got.URL, "sig=") || !strings.HasSuffix(got.URL, to.Path) {
		t.Fatalf("got %+v (%v)", got, err)
	}
	s.requests("")
	if again, err := c.Storage(shareID).Copy(t.Context(), job); err != nil || again.Sent != 0 || again.URL != got.URL {
		t.Errorf("again: %+v (%v)", again, err)
	}
	if n := s.requests(""); len(n) != 2 {
		t.Errorf("again: %q", n)
	}
	// Code comes to lie at the root of a container.
	to = azureml.Place{Version: otherID + "/codes/c/versions/1", Path: ""}
	if _, err := c.Storage(otherID).Copy(t.Context(), azureml.Copy{From: c.Storage(wsID), Src: azureml.Place{Path: "m"}, To: to, Want: want}); err != nil {
		t.Fatal(err)
	}
}

// The source changes while it is copied.
func TestCopyOfAChangingSource(t *testing.T) {
	for _, k := range sorts() {
		s := newService(t)
		s.trained(model(), "m", k.sums)
		want := s.fingerprint(azureml.Place{Path: "m"})
		to := promoted(want)
		once := false
		s.stand(func(w http.ResponseWriter, r *http.Request) bool {
			moves := r.Header.Get("x-ms-copy-source") != "" || r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/weights.bin")
			s.mu.Lock()
			first := moves && !once
			once = once || moves
			s.mu.Unlock()
			if first {
				s.stand(k.door)
				changed := model()
				changed["weights.bin"] = &fstest.MapFile{Data: bytes.Repeat([]byte("fedcba9876543210"), 1000)}
				s.trained(changed, "m", k.sums)
			}
			return k.door(w, r)
		})
		c := k.client(s)
		_, err := c.Storage(otherID).Copy(t.Context(), azureml.Copy{From: c.Storage(wsID), Src: azureml.Place{Path: "m"}, To: to, Want: want})
		var m *azureml.Mismatch
		if !errors.Is(err, content.ErrChanged) && !errors.As(err, &m) {
			t.Errorf("%s: got %v", k.name, err)
		}
		s.stand(nil)
		if s.marked(to, azureml.Content{Object: want.Object}) {
			t.Errorf("%s: marked", k.name)
		}
	}
}
