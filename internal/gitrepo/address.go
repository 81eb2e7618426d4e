package gitrepo

// Address is a remote's URL taken apart, without its credential.
type Address struct {
	// Scheme is https, http, ssh or file; user@host:path is ssh.
	Scheme string
	// Host is in the case it was written in, without brackets or port; "" for
	// file. Port is "" for the usual one.
	Host, Port string
	// User is the name of an ssh address; that of others is often a token and
	// is left out.
	User string
	// Path is decoded; that of user@host:path is as written, and has no '/' in
	// front.
	Path string
}

// ParseAddress takes a URL apart that Open takes. The error wraps ErrInvalid
// and does not quote raw.
func ParseAddress(raw string) (Address, error) {
	loc, err := parseURL(raw)
	if err != nil {
		return Address{}, err
	}
	a := Address{Scheme: loc.scheme, Host: loc.host, Port: loc.port, Path: loc.path}
	if loc.scheme == "ssh" {
		a.User = loc.user
	}
	return a, nil
}
