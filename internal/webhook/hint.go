package webhook

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mlsync.dev/mlsync/internal/forge"
)

// Hint is what a delivery says, as far as anybody is told.
type Hint struct {
	Provider Provider
	// Event is what the provider calls it; Delivery is its id. Both are as
	// they came, for people.
	Event, Delivery string
	// Push says that refs were pushed, and Pull that something became of a pull
	// request; all else is for nobody here.
	Push, Pull bool
	// Remotes are addresses of the repository, as they came.
	Remotes []string
	// Refs are the full names of the refs that moved, came or went. Without
	// any, a push may have moved every ref.
	Refs []string
}

// Read reads the payload of a delivery that was verified. Whatever is absent or
// of a wrong type is left out. The error is for bodies that are no JSON map.
func Read(p Provider, h http.Header, body []byte) (Hint, error) {
	s := speeches()[p]
	if strings.HasPrefix(h.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return Hint{}, errors.New("the body is not a form")
		}
		body = []byte(form.Get("payload"))
	}
	var v map[string]any
	if err := json.Unmarshal(body, &v); err != nil || v == nil {
		return Hint{}, errors.New("the body is not a JSON map")
	}
	event := first(h, s.event)
	hint := s.read(event, v)
	hint.Provider, hint.Delivery = p, first(h, s.id)
	if hint.Event == "" {
		hint.Event = event
	}
	if !hint.Push {
		hint.Refs = nil // whatever is called so, no ref has moved
	}
	slices.Sort(hint.Refs)
	hint.Refs = slices.Compact(hint.Refs)
	return hint, nil
}

// Seen is one address of a payload: Key is what forge.Repo.Key is of it, or Why
// says why it has none.
type Seen struct{ Remote, Key, Why string }

// Repositories are the addresses of the hint and their keys. service says what
// a host is that is in nobody's cloud, where the provider does not.
func (h Hint) Repositories(service forge.Provider) []Seen {
	var out []Seen
	for _, remote := range h.Remotes {
		s := Seen{Remote: remote}
		key, err := h.Key(remote, service)
		if err != nil {
			s.Why = err.Error()
		}
		s.Key = key
		out = append(out, s)
	}
	return out
}

// Key is the key of an address in the eyes of the hint's provider.
func (h Hint) Key(remote string, service forge.Provider) (string, error) {
	if s, ok := h.Provider.service(); ok {
		service = s
	}
	repo, err := forge.Parse(modern(remote), service)
	if err != nil {
		return "", err
	}
	return repo.Key(), nil
}

// modern writes schemes that nobody fetches from any more, and that payloads
// still have, as those that took their place.
func modern(remote string) string {
	for _, s := range [][2]string{{"git://", "https://"}, {"git+ssh://", "ssh://"}, {"ssh+git://", "ssh://"}, {"git+https://", "https://"}} {
		if len(remote) > len(s[0]) && strings.EqualFold(remote[:len(s[0])], s[0]) {
			return s[1] + remote[len(s[0]):]
		}
	}
	return remote
}

// About reports whether the hint is about the repository at an address.
func (h Hint) About(remote string, service forge.Provider) bool {
	want, err := h.Key(remote, service)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(h.Repositories(service), func(s Seen) bool { return s.Key == want })
}
