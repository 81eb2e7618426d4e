package azureml_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/fstest"

	"mlsync.dev/mlsync/azureml"
	"mlsync.dev/mlsync/internal/content"
	"mlsync.dev/mlsync/internal/limit"
)

func TestFingerprint(t *testing.T) {
	for _, sums := range []bool{true, false} {
		s := newService(t)
		s.trained(model(), "azureml/job/model", sums)
		local := fstest.MapFS{}
		for name, f := range model() {
			local["m/"+name] = f
		}
		c, err := content.Open(t.Context(), local, "m", content.Options{Ignore: []string{}})
		if err != nil {
			t.Fatal(err)
		}
		object, code, err := c.Hashes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var last, total int64
		got, err := s.client().Storage(wsID).Fingerprint(t.Context(), azureml.Place{Datastore: "workspaceblobstore", Path: "azureml/job/model/"}, func(done, all int64) {
			if done < last {
				t.Errorf("progress went from %d to %d", last, done)
			}
			last, total = done, all
		})
		if err != nil || got.Object != object || got.Code != code || got.Files != 6 || got.Bytes != c.Bytes() || !got.Dir || (got.Listing != "") != sums {
			t.Errorf("got %+v (%v), want %s %s", got, err, object, code)
		}
		if last != got.Bytes || total != got.Bytes {
			t.Errorf("progress %d of %d, want %d", last, total, got.Bytes)
		}
	}
}

func TestFingerprintPlaces(t *testing.T) {
	s := newService(t)
	st := s.client().Storage(wsID)
	one := open(t, tree(), "one.csv")
	up, err := st.Upload(t.Context(), one, azureml.UploadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	object, code, _ := one.Hashes(t.Context())
	byPath := s.fingerprint(azureml.Place{Path: up.Path})
	byURL := s.fingerprint(azureml.Place{URL: up.BlobURL()})
	if byPath != byURL || byPath.Object != object || byPath.Code != code || byPath.Dir || byPath.Files != 1 || byPath.Listing == "" {
		t.Errorf("got %+v and %+v", byPath, byURL)
	}
	for _, p := range []azureml.Place{{Path: "none"}, {URL: up.Container + "/none"}} {
		if _, err := st.Fingerprint(t.Context(), p, nil); !errors.Is(err, azureml.ErrNotFound) {
			t.Errorf("%s: got %v, want %v", p, err, azureml.ErrNotFound)
		}
	}
	s.requests("")
	for _, url := range []string{"https://evil.example.com/c/b?sig=canary", "http://169.254.169.254/c/b", "https://acct.blob.core.windows.net.evil.example.com/c/b"} {
		_, err := st.Fingerprint(t.Context(), azureml.Place{URL: url}, nil)
		if !errors.Is(err, azureml.ErrForeignURL) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v, want %v", url, err, azureml.ErrForeignURL)
		}
	}
	if n := s.requests(""); len(n) != 0 {
		t.Errorf("foreign places were asked for: %q", n)
	}
}

// Bytes that are not what storage says of them have no fingerprint.
func TestFingerprintOfWrongMD5(t *testing.T) {
	s := newService(t)
	s.trained(fstest.MapFS{"a": {Data: []byte("AAAA")}}, "m", true)
	s.stand(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, "/m/a") {
			return false
		}
		w.Header().Set("Content-Length", "4")
		_, _ = w.Write([]byte("EVIL"))
		return true
	})
	var m *azureml.Mismatch
	if got, err := s.client().Storage(wsID).Fingerprint(t.Context(), azureml.Place{Path: "m"}, nil); !errors.As(err, &m) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestCopyIsBounded(t *testing.T) {
	s := newService(t)
	s.trained(model(), "m", true)
	want := s.fingerprint(azureml.Place{Path: "m"})
	c := s.client()
	azureml.SetNames(c, 6)
	job := azureml.Copy{From: c.Storage(wsID), Src: azureml.Place{Path: "m"}, To: promoted(want), Want: want}
	if _, err := c.Storage(otherID).Copy(t.Context(), job); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	azureml.SetNames(c, 5)
	if _, err := c.Storage(wsID).Fingerprint(t.Context(), job.Src, nil); !errors.Is(err, content.ErrLimit) {
		t.Errorf("beyond it: got %v", err)
	}
	job.To.Path += "2"
	if _, err := c.Storage(otherID).Copy(t.Context(), job); !errors.Is(err, content.ErrLimit) {
		t.Errorf("beyond it: got %v", err)
	}
	// A blob of more bytes than may be copied: one block, again and again.
	up, err := c.Storage(wsID).Upload(t.Context(), open(t, tree(), "one.csv"), azureml.UploadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	account, box, _ := strings.Cut(strings.TrimPrefix(up.Container, "https://"), ".blob.core.windows.net")
	large := s.url + "/" + account + box + "/large?sig=x&comp="
	s.send(http.MethodPut, large+"block&blockid=MDAw", string(make([]byte, 8<<20)))
	s.send(http.MethodPut, large+"block&blockid=MDAx", "x")
	s.send(http.MethodPut, large+"blocklist", "<BlockList>"+strings.Repeat("<Latest>MDAw</Latest>", limit.ContentBytes>>23)+"<Latest>MDAx</Latest></BlockList>")
	if _, err := c.Storage(wsID).Fingerprint(t.Context(), azureml.Place{Path: "large"}, nil); !errors.Is(err, content.ErrLimit) {
		t.Errorf("one byte beyond: got %v", err)
	}
}
