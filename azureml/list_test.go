package azureml

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func collect(t *testing.T, c *Client) (names []string, err error) {
	t.Helper()
	for item, e := range c.List(t.Context(), ws+"/models", "v", Query("listViewType", "All")) {
		if e != nil {
			return names, e
		}
		var m struct{ ID, Name string }
		if err := json.Unmarshal(item, &m); err != nil {
			t.Fatal(err)
		}
		names = append(names, m.ID+m.Name)
	}
	return names, nil
}

func TestList(t *testing.T) {
	const host = "https://management.azure.com"
	page := func(next string, ids ...string) answer {
		var items []string
		for _, id := range ids {
			items = append(items, `{"id":"`+id+`"}`)
		}
		if next != "" {
			next = `,"nextLink":` + next
		}
		return ok(`{"value":[` + strings.Join(items, ",") + `]` + next + `}`)
	}
	tests := []struct {
		name    string
		answers []answer
		want    string
		bad     error // any *Unknown if set to errUnknown
		n       int
	}{
		{"one page", []answer{page("", "a", "b")}, "a b", nil, 1},
		{"no item", []answer{page("")}, "", nil, 1},
		{"null link", []answer{page("null", "a")}, "a", nil, 1},
		{"empty link", []answer{page(`""`, "a")}, "a", nil, 1},
		{"three pages", []answer{page(`"`+host+`/p?$skip=2&t=a%2Fb"`, "a"), page(`"`+host+`/p?$skip=3"`, "b"), page("", "c")}, "a b c", nil, 3},
		{"the usual port", []answer{page(`"https://Management.azure.com:443/p"`, "a"), page("", "b")}, "a b", nil, 2},
		{"another port", []answer{page(`"https://management.azure.com:8443/p"`, "a")}, "a", ErrForeignURL, 1},
		{"an id twice", []answer{page(`"`+host+`/p?$skip=2"`, "a", "B"), page("", "b", "c")}, "a B c", nil, 2},
		{"no ids", []answer{ok(`{"value":[{"name":"s1"},{"name":"s2"},{"name":"s1"},{}]}`)}, "s1 s2 ", nil, 1},
		{"a loop", []answer{page(`"`+host+`/p?$skip=2"`, "a")}, "a", errUnknown, 2},
		{"another host", []answer{page(`"https://evil.example.com/p"`, "a")}, "a", ErrForeignURL, 1},
		{"plain http", []answer{page(`"http://management.azure.com/p"`, "a")}, "a", ErrForeignURL, 1},
		{"a host in the user part", []answer{page(`"https://management.azure.com@evil.example.com/p"`, "a")}, "a", ErrForeignURL, 1},
		{"later page is 404", []answer{page(`"`+host+`/p"`, "a"), refuse(404, "NotFound", nil)}, "a", errUnknown, 2},
		{"later page is cut", []answer{page(`"`+host+`/p"`, "a"), ok(`{"value":[{"id":"b"}`)}, "a", errUnknown, 7},
		{"first page is 404", []answer{refuse(404, "ModelNotFound", nil)}, "", ErrNotFound, 1},
	}
	for _, tt := range tests {
		s := &script{answers: tt.answers}
		got, err := collect(t, newTestClient(t, s, newClock()))
		if strings.Join(got, " ") != tt.want || s.n() != tt.n {
			t.Errorf("%s: got %q in %d requests, want %q in %d", tt.name, got, s.n(), tt.want, tt.n)
		}
		switch {
		case tt.bad == errUnknown:
			if !errors.As(err, new(*Unknown)) || errors.Is(err, ErrNotFound) {
				t.Errorf("%s: got %v, want unknown", tt.name, err)
			}
		case !errors.Is(err, tt.bad):
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.bad)
		}
		for _, a := range s.auth {
			if a != "Bearer tok" {
				t.Errorf("%s: authorization %q", tt.name, a)
			}
		}
		if tt.name == "three pages" && s.seen[1] != "GET /p?$skip=2&t=a%2Fb" {
			t.Errorf("the link was not followed verbatim: %s", s.seen[1])
		}
	}
}

var errUnknown = errors.New("any unknown")

func TestListStops(t *testing.T) {
	s := &script{answers: []answer{ok(`{"value":[{"id":"a"},{"id":"b"}],"nextLink":"https://management.azure.com/p"}`)}}
	for range newTestClient(t, s, newClock()).List(t.Context(), ws+"/models", "v") {
		break
	}
	if s.n() != 1 {
		t.Errorf("got %d requests, want 1", s.n())
	}
}
