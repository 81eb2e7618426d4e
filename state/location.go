package state

import (
	"fmt"
	"net/url"
	"strings"
)

// location is where a journal lives: a path, memory or a PostgreSQL URL.
type location struct {
	path     string // of the SQLite file
	memory   bool
	postgres string
}

// parseLocation reads what Open takes.
func parseLocation(text string) (location, error) {
	scheme, rest, hasScheme := strings.Cut(text, ":")
	switch {
	case text == "":
		return location{}, fmt.Errorf("the journal needs a path or a URL: sqlite:///path/file.db, a plain path or postgres://host/database")
	case text == ":memory:" || text == "sqlite::memory:":
		return location{memory: true}, nil
	case hasScheme && scheme == "sqlite":
		path, isURL := strings.CutPrefix(rest, "//")
		if path == "" || isURL && !strings.HasPrefix(path, "/") {
			return location{}, fmt.Errorf("journal %q: an sqlite URL has no host: write sqlite:///absolute/path or sqlite:relative/path", text)
		}
		return location{path: path}, nil
	case hasScheme && (scheme == "postgres" || scheme == "postgresql"):
		if _, err := url.Parse(text); err != nil {
			return location{}, fmt.Errorf("the journal's PostgreSQL URL cannot be read (it is not shown, as it may hold a password)")
		}
		return location{postgres: text}, nil
	case hasScheme && strings.HasPrefix(rest, "//"):
		return location{}, fmt.Errorf("journal: %q is no kind of database that is known; it must be sqlite or postgres", scheme)
	}
	return location{path: text}, nil
}

// String names the journal for messages; passwords are left out.
func (l location) String() string {
	switch {
	case l.memory:
		return ":memory:"
	case l.postgres != "":
		u, err := url.Parse(l.postgres)
		if err != nil {
			return "postgres:"
		}
		return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
	}
	return l.path
}
