package gitrepo

import (
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"mlsync.dev/mlsync/internal/limit"
)

// location is a remote's URL, checked and taken apart.
type location struct {
	scheme string // "https", "http", "ssh" or "file"
	host   string // without brackets or port; "" for file
	port   string // "" for the usual one
	user   string
	pass   Secret
	path   string
}

// invalid never quotes what was given: it may hold a credential.
func invalid(what, why string) error { return fmt.Errorf("%s: %w: %s", what, ErrInvalid, why) }

// CheckURL says whether raw is a URL that Open takes: https://, http://,
// ssh://, user@host:path, file:// or a path. The error wraps ErrInvalid and
// does not quote raw.
func CheckURL(raw string) error {
	_, err := parseURL(raw)
	return err
}

// RedactURL returns raw without its credential, and "(invalid url)" for what
// cannot be read as a URL.
func RedactURL(raw string) string {
	loc, err := parseURL(raw)
	if err != nil {
		return "(invalid url)"
	}
	return loc.String()
}

func parseURL(raw string) (location, error) {
	switch {
	case raw == "":
		return location{}, invalid("git url", "it is empty")
	case len(raw) > limit.URL:
		return location{}, invalid("git url", "it is longer than 4096 bytes")
	case strings.HasPrefix(raw, "-"):
		return location{}, invalid("git url", "it begins with '-' and would be read as an option")
	case strings.ContainsFunc(raw, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return location{}, invalid("git url", "it holds a control character or is not UTF-8")
	}
	scheme, rest, ok := strings.Cut(raw, "://")
	if helper, _, found := strings.Cut(raw, "::"); found && !strings.ContainsAny(helper, "/[@") {
		return location{}, invalid("git url", "remote helpers (name::address) are not run")
	}
	if !ok {
		return parseShort(raw)
	}
	switch scheme = strings.ToLower(scheme); scheme {
	case "https", "http", "ssh":
		return parseHosted(scheme, raw)
	case "file":
		rest = strings.TrimPrefix(rest, "localhost")
		if !strings.HasPrefix(rest, "/") {
			return location{}, invalid("git url", "a file url needs an absolute path: file:///srv/repo.git")
		}
		path, err := url.PathUnescape(rest)
		if err != nil || strings.ContainsRune(path, 0) {
			return location{}, invalid("git url", "bad percent encoding in the path")
		}
		return location{scheme: "file", path: filepath.Clean(path)}, nil
	default:
		return location{}, invalid("git url", "unknown scheme; use https://, ssh:// or file://")
	}
}

// parseShort reads what has no scheme: user@host:path or a path.
func parseShort(raw string) (location, error) {
	colon, slash := strings.IndexByte(raw, ':'), strings.IndexByte(raw, '/')
	if colon < 0 || (slash >= 0 && slash < colon) {
		path, err := filepath.Abs(raw)
		if err != nil {
			return location{}, invalid("git url", "the path cannot be made absolute")
		}
		return location{scheme: "file", path: path}, nil
	}
	loc := location{scheme: "ssh", host: raw[:colon], path: raw[colon+1:]}
	if first, _, _ := strings.Cut(loc.path, "/"); !strings.Contains(loc.host, "@") && strings.Contains(first, "@") {
		return location{}, invalid("git url", "it looks like name:password@host; write https:// in front")
	}
	if at := strings.LastIndexByte(loc.host, '@'); at >= 0 {
		loc.user, loc.host = loc.host[:at], loc.host[at+1:]
	}
	return loc, loc.check()
}

func parseHosted(scheme, raw string) (location, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return location{}, invalid("git url", "it cannot be read as a url")
	}
	if u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return location{}, invalid("git url", "a query or fragment has no place in it")
	}
	loc := location{scheme: scheme, host: u.Hostname(), port: u.Port(), path: u.Path}
	if u.User != nil {
		pass, _ := u.User.Password()
		loc.user, loc.pass = u.User.Username(), Secret(pass)
	}
	if scheme == "ssh" {
		// The shell on the other side expands ~, as with git itself.
		if strings.HasPrefix(loc.path, "/~") {
			loc.path = loc.path[1:]
		}
	} else {
		loc.path = strings.TrimRight(loc.path, "/")
	}
	if loc.port != "" {
		if n, err := strconv.ParseUint(loc.port, 10, 16); err != nil || n == 0 {
			return location{}, invalid("git url", "the port is not a number from 1 to 65535")
		}
	}
	return loc, loc.check()
}

func (l location) check() error {
	control := func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }
	switch {
	case l.host == "":
		return invalid("git url", "it has no host")
	case strings.HasPrefix(l.host, "-") || strings.HasPrefix(l.user, "-") || strings.HasPrefix(l.path, "-"):
		return invalid("git url", "its user, host or path begins with '-' and would be read as an option")
	case strings.ContainsFunc(l.host, func(r rune) bool { return notPlain(r) && r != ':' }) || (strings.Contains(l.host, ":") && net.ParseIP(l.host) == nil):
		return invalid("git url", "its host is neither a name (letters, digits, '-', '.', '_'; others as xn--…) nor an address")
	case l.path == "" || l.path == "/":
		return invalid("git url", "it has no path")
	case strings.ContainsFunc(l.path, control) || strings.ContainsFunc(l.user, control) ||
		strings.ContainsFunc(string(l.pass), control) || strings.ContainsFunc(l.host, control):
		return invalid("git url", "it holds an encoded control character or is not UTF-8")
	}
	return nil
}

// String gives the URL without its credential. The name of an https URL is
// left out too: it is often a token.
func (l location) String() string {
	if l.scheme == "file" {
		return (&url.URL{Scheme: "file", Path: l.path}).String()
	}
	u := l.base()
	if l.scheme == "ssh" {
		if l.user != "" {
			u.User = url.User(l.user)
		}
		if !strings.HasPrefix(u.Path, "/") {
			u.Path = "/" + u.Path
		}
	}
	return u.String()
}

// base is the URL of an http remote, without credential.
func (l location) base() *url.URL {
	return &url.URL{Scheme: l.scheme, Host: l.authority(), Path: l.path}
}

func (l location) authority() string {
	switch {
	case l.port != "":
		return net.JoinHostPort(l.host, l.port)
	case strings.Contains(l.host, ":"):
		return "[" + l.host + "]"
	default:
		return l.host
	}
}

// credential is the one written in the URL. A lone name of an https URL is a
// token used as a name, as several services document.
func (l location) credential() Credential {
	if l.scheme == "ssh" {
		return Credential{Password: l.pass}
	}
	return Credential{Username: l.user, Password: l.pass}
}
