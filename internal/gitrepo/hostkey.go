package gitrepo

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// hostKeys checks the key of one host against the known_hosts files.
type hostKeys struct {
	address  string
	files    []string
	known    ssh.HostKeyCallback
	accepted bool
	refused  error
}

func newHostKeys(files []string, loc location) (*hostKeys, error) {
	if len(files) == 0 {
		if home, err := os.UserHomeDir(); err == nil {
			files = append(files, filepath.Join(home, ".ssh", "known_hosts"))
		}
		files = append(files, "/etc/ssh/ssh_known_hosts")
	}
	h := &hostKeys{files: files, address: net.JoinHostPort(loc.host, "22")}
	if loc.port != "" {
		h.address = net.JoinHostPort(loc.host, loc.port)
	}
	var there []string
	for _, file := range files {
		if _, err := os.Stat(file); err == nil {
			there = append(there, file)
		}
	}
	var err error
	if h.known, err = knownhosts.New(there...); err != nil {
		return nil, &fault{kind: ErrHostKey, detail: err.Error(), cure: "mend the file"}
	}
	return h, nil
}

// check is the ssh client's callback. It keeps what it found, because the
// client gives its errors no type.
func (h *hostKeys) check(address string, remote net.Addr, key ssh.PublicKey) error {
	err := h.known(address, remote, key)
	if err == nil {
		h.accepted = true
		return nil
	}
	f := &fault{kind: ErrHostKey}
	var differs *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	switch {
	case errors.As(err, &revoked):
		f.detail = fmt.Sprintf("the key %s of %s is revoked", ssh.FingerprintSHA256(key), h.address)
		f.cure = "ask who runs the host"
	case errors.As(err, &differs) && len(differs.Want) > 0:
		f.detail = fmt.Sprintf("%s shows the key %s, which is not the one in %s:%d; somebody may be listening in",
			h.address, ssh.FingerprintSHA256(key), differs.Want[0].Filename, differs.Want[0].Line)
		f.cure = "if the host's key was changed on purpose, replace that line"
	case errors.As(err, &differs):
		f.detail = fmt.Sprintf("%s is not in %s; it shows the key %s", h.address, strings.Join(h.files, " or "), ssh.FingerprintSHA256(key))
		f.cure = fmt.Sprintf("compare this with the fingerprint that the host publishes, then add the line %q", knownhosts.Line([]string{h.address}, key))
	default:
		f.detail = err.Error()
	}
	h.refused = f
	return f
}

// algorithms lists the kinds of key that are known for the host, so that the
// server does not choose to show another kind. None known means no preference.
func (h *hostKeys) algorithms() []string {
	// A key that nobody has makes the callback tell what it wants.
	nobody, err := ssh.NewPublicKey(ed25519.PublicKey(make([]byte, ed25519.PublicKeySize)))
	if err != nil {
		return nil
	}
	var differs *knownhosts.KeyError
	if !errors.As(h.known(h.address, &net.TCPAddr{}, nobody), &differs) {
		return nil
	}
	var out []string
	for _, known := range differs.Want {
		kind := known.Key.Type()
		if kind == ssh.KeyAlgoRSA {
			out = append(out, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256)
			continue
		}
		out = append(out, kind)
	}
	slices.Sort(out)
	return slices.Compact(out)
}
