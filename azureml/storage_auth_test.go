package azureml_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"mlsync.dev/mlsync/azureml"
)

func TestUploadCredentials(t *testing.T) {
	noToken := func(w http.ResponseWriter, r *http.Request) bool {
		return strings.HasPrefix(r.Header.Get("Authorization"), "Bearer") && !strings.HasPrefix(r.URL.Path, "/subscriptions/") &&
			refuseBlob(w, 403, "AuthorizationPermissionMismatch")
	}
	opt := azureml.UploadOptions{Name: "n", Version: "1"}
	t.Run("the token first", func(t *testing.T) {
		s := newService(t)
		if _, err := s.client().Storage(wsID).Upload(t.Context(), open(t, tree(), "d"), opt); err != nil {
			t.Fatal(err)
		}
		if n := s.requests("listSecrets"); len(n) != 0 {
			t.Errorf("got %q", n)
		}
	})
	t.Run("then the secret", func(t *testing.T) {
		s := newService(t)
		s.stand(noToken)
		st := s.client().Storage(wsID)
		if _, err := st.Upload(t.Context(), open(t, tree(), "d"), opt); err != nil {
			t.Fatal(err)
		}
		if _, err := st.Upload(t.Context(), open(t, tree(), "one.csv"), opt); err != nil {
			t.Fatal(err)
		}
		if n := s.requests("listSecrets"); len(n) != 1 {
			t.Errorf("the secret was asked for %d times, want once", len(n))
		}
	})
	t.Run("none", func(t *testing.T) {
		s := newService(t)
		st := s.client(func(o *azureml.Options) { o.Credential = "none" }).Storage(wsID)
		s.stand(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.URL.Path, "/subscriptions/") {
				r.Header.Set("Authorization", "Bearer of the test")
			}
			return false
		})
		if _, err := st.Upload(t.Context(), open(t, tree(), "d"), opt); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("no secrets", func(t *testing.T) {
		s := newService(t)
		s.stand(func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/listSecrets") {
				w.Header().Set("Content-Type", "application/json")
				w.WriteHeader(400)
				_, _ = io.WriteString(w, `{"error":{"code":"UserError","message":"No secrets for credentials of type None."}}`)
				return true
			}
			return noToken(w, r)
		})
		_, err := s.client().Storage(wsID).Upload(t.Context(), open(t, tree(), "d"), opt)
		if !errors.Is(err, azureml.ErrDenied) {
			t.Errorf("got %v, want %v", err, azureml.ErrDenied)
		}
	})
	t.Run("nothing secret in errors", func(t *testing.T) {
		s := newService(t)
		s.stand(func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Query().Get("sig") != "" {
				if r.Method == http.MethodPut {
					panic(http.ErrAbortHandler) // cut the connection: the error of net/http has the address
				}
				return r.URL.Query().Get("comp") == "list" && refuseBlob(w, 400, "InvalidInput")
			}
			return noToken(w, r)
		})
		for _, path := range []string{"d", "one.csv"} {
			_, err := s.client().Storage(wsID).Upload(t.Context(), open(t, tree(), path), opt)
			if err == nil || strings.Contains(err.Error(), "sig=") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		}
	})
}

func TestTokenStaysHome(t *testing.T) {
	s := newService(t)
	c := s.client()
	for address, want := range map[string]bool{
		s.url + "/acct/c": true, "https://acct.blob.core.windows.net/c": true, "https://acct.blob.core.windows.net:443/c": true,
		"https://acct.dfs.core.windows.net/c": true, "http://acct.blob.core.windows.net/c": false, "https://evil.example.com/c": false,
		"https://acct.blob.core.windows.net.evil.example.com/c": false, "https://core.windows.net/c": false, "http://127.0.0.1:1/c": false,
	} {
		if got := azureml.OwnStorage(c, address); got != want {
			t.Errorf("%s: got %t, want %t", address, got, want)
		}
	}
	s.stand(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/startPendingUpload") {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"blobReferenceForConsumption":{"blobUri":"http://evil.example.com/c"}}`)
		return true
	})
	if _, err := c.Storage(wsID).UploadCode(t.Context(), open(t, tree(), "d"), azureml.UploadOptions{Name: "c", Version: "1"}); err == nil || !strings.Contains(err.Error(), "want https") {
		t.Errorf("got %v", err)
	}
}
