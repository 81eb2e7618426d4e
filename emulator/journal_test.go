package emulator

import (
	"net/http/httptest"
	"strings"
	"testing"
)

// TestJournalFailure: a write that could not be kept is not answered as done.
func TestJournalFailure(t *testing.T) {
	s, err := New(Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	put := func(path, body string) int {
		r := httptest.NewRequest("PUT", "http://e"+path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer x")
		r.Header.Set("x-ms-blob-type", "BlockBlob")
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		return w.Code
	}
	const env = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws/environments/e/versions/1?api-version=2024-04-01"
	if got := put(env, `{"properties":{"image":"i"}}`); got != 201 {
		t.Fatalf("PUT = %d", got)
	}
	if got := put("/acct/cont/blob", "x"); got != 201 {
		t.Fatalf("PUT blob = %d", got)
	}
	if err := s.store.log.file.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.blobs.log.file.Close(); err != nil {
		t.Fatal(err)
	}
	if got := put(strings.Replace(env, "/1?", "/2?", 1), `{"properties":{"image":"i"}}`); got != 500 {
		t.Errorf("PUT with a broken journal = %d, want 500", got)
	}
	for _, name := range []string{"blob2", "blob3"} {
		if got := put("/acct/cont/"+name, "x"); got != 500 {
			t.Errorf("PUT %s with a broken journal = %d, want 500", name, got)
		}
	}
	if err := s.Close(); err == nil {
		t.Error("Close does not report the failure")
	}
}
