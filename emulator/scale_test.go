package emulator

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestScale counts what 20 000 assets cost: the index entries that writes, reads and pages touch must not depend on how
// many assets there are.
func TestScale(t *testing.T) {
	s, err := New(Options{LogSize: 10})
	if err != nil {
		t.Fatal(err)
	}
	const ws = "/subscriptions/s1/resourceGroups/rg/providers/Microsoft.MachineLearningServices/workspaces/ws"
	h := s.Handler()
	do := func(method, path, body string) *httptest.ResponseRecorder {
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		r := httptest.NewRequest(method, "http://e"+ws+path+sep+"api-version=2024-04-01", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer x")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	cost := func(f func()) int64 {
		before := s.store.work
		f()
		return s.store.work - before
	}
	put := func(i int) {
		if w := do("PUT", fmt.Sprintf("/environments/e%d/versions/1", i), `{"properties":{"image":"i"}}`); w.Code != 201 {
			t.Fatalf("PUT %d = %d %s", i, w.Code, w.Body)
		}
		if w := do("PUT", fmt.Sprintf("/models/m/versions/%d", i), `{"properties":{"modelUri":"u"}}`); w.Code != 201 {
			t.Fatalf("PUT %d = %d %s", i, w.Code, w.Body)
		}
	}
	put(0)
	small := cost(func() { put(1) })
	const n = 10_000 // of each of two kinds: 20 000 versions and 10 001 containers
	for i := 2; i < n; i++ {
		put(i)
	}
	if large := cost(func() { put(n) }); large != small {
		t.Errorf("a write touches %d entries with %d assets and %d with none", large, 2*n, small)
	}
	if c := cost(func() { do("GET", "/models/m/versions/77", "") }); c != 0 {
		t.Errorf("a read touches %d entries", c)
	}
	page := func(path string) (next string, c int64) {
		var w *httptest.ResponseRecorder
		c = cost(func() { w = do("GET", path, "") })
		doc, err := decodeObject(w.Body.Bytes())
		if err != nil || w.Code != http.StatusOK {
			t.Fatalf("%s = %d %v", path, w.Code, err)
		}
		return str(doc, "nextLink"), c
	}
	items, next := 0, "/models/m/versions"
	for next != "" {
		link, c := page(next)
		if c > 101 {
			t.Fatalf("page after %d items looks at %d entries", items, c)
		}
		items += 100
		next = strings.TrimPrefix(link, "http://e"+ws)
	}
	if items != n+100 {
		t.Errorf("%d items, want %d in full pages", items, n+1)
	}
	if c := cost(func() { do("DELETE", "/models/m/versions/5000", "") }); c > 2 {
		t.Errorf("a delete touches %d entries", c)
	}
	if _, c := page("/models/m/versions?$top=1&$orderBy=createdtime%20desc"); c > 2 {
		t.Errorf("the latest version costs %d entries", c)
	}
}

// TestIndexAgainstSlice compares the index with a plain slice under random-looking adds, removals and pages.
func TestIndexAgainstSlice(t *testing.T) {
	var x index
	var plain []*resource
	all := map[uint64]*resource{}
	state := uint64(12345)
	rnd := func(n int) int {
		state = state*6364136223846793005 + 1442695040888963407
		return int(state>>33) % n
	}
	rebuild := func() {
		plain = plain[:0]
		for seq := uint64(1); seq <= 2000; seq++ {
			if r := all[seq]; r != nil {
				plain = append(plain, r)
			}
		}
	}
	var removed []*resource
	for seq := uint64(1); seq <= 2000; seq++ {
		r := &resource{seq: seq}
		all[seq] = r
		x.add(r)
		if rnd(3) > 0 {
			victim := all[uint64(rnd(int(seq)))+1]
			if victim != nil {
				x.remove(victim)
				delete(all, victim.seq)
				removed = append(removed, victim)
			}
		}
		if len(removed) > 0 && rnd(5) == 0 { // a restored resource takes its old place
			r := removed[rnd(len(removed))]
			x.add(r)
			all[r.seq] = r
		}
	}
	rebuild()
	if x.len() != len(plain) {
		t.Fatalf("len = %d, want %d", x.len(), len(plain))
	}
	for _, descending := range []bool{false, true} {
		var got []*resource
		from := uint64(0)
		for more := true; more; {
			var page []*resource
			page, more, _ = x.page(from, descending, 7, func(*resource) bool { return true })
			got = append(got, page...)
			if len(page) > 0 {
				from = page[len(page)-1].seq
			}
		}
		for i := range plain {
			want := plain[i]
			if descending {
				want = plain[len(plain)-1-i]
			}
			if i >= len(got) || got[i] != want {
				t.Fatalf("descending=%v: item %d differs", descending, i)
			}
		}
		if len(got) != len(plain) {
			t.Errorf("%d items, want %d", len(got), len(plain))
		}
	}
	if len(plain) > 0 && x.last() != plain[len(plain)-1] {
		t.Errorf("last = %v", x.last())
	}
}
