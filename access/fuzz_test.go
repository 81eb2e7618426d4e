package access

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Whatever stands in the header, nobody comes in with it, and nothing of it is
// told.
func FuzzWho(f *testing.F) {
	for _, s := range []string{"", "Bearer ", "Bearer a.b.c", "Bearer mlsync_vision.aaaaaaaaaaaa_00", "Basic YTpi", "Bearer eyJhbGciOiJub25lIn0.e30.", "Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2EuZXhhbXBsZSJ9.AA"} {
		f.Add(s)
	}
	g, err := New(Options{
		Issuers: []Issuer{{Name: "a", URL: "https://a.example", Audience: "mlsync"}}, Transport: nowhere{}, Now: func() time.Time { return time.Unix(1_800_000_000, 0) }, Tokens: &shelf{saved: map[string]Saved{}},
		Members: func() []Member { return nil },
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, header string) {
		p, err := g.Who(request(t, header))
		if err == nil || p.Subject != "" || p.Grants != nil {
			t.Fatalf("%q: %+v", header, p)
		}
		if !errors.Is(err, ErrBadCredential) && !errors.Is(err, ErrUnavailable) {
			t.Fatalf("%q: %v", header, err)
		}
		if token := strings.TrimPrefix(header, "Bearer "); len(token) > 60 && strings.Contains(err.Error(), token) {
			t.Fatalf("it is told: %v", err)
		}
	})
}

// nowhere leads to no issuer.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New("no route") }
