package gitrepo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// SSH says how to sign in to a remote over ssh. Keys of the agent are offered
// after PrivateKey, a password (Credential) last.
type SSH struct {
	// PrivateKey is a key in PEM or OpenSSH form; Passphrase opens it.
	PrivateKey Secret
	Passphrase Secret
	// AgentSocket is the agent's socket (SSH_AUTH_SOCK); "" for none.
	AgentSocket string
	// KnownHosts are the files with the keys of hosts. None means
	// ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts. A host that is in none of
	// them is refused: there is no way to switch this off.
	KnownHosts []string
}

type sshRemote struct {
	loc   location
	opts  SSH
	limit int64
}

func (s *sshRemote) open(ctx context.Context, svc service, cred Credential) (session, error) {
	client, err := s.dial(ctx, cred)
	if err != nil {
		return nil, err
	}
	// Closing the connection is what ends every read and write on it.
	stop := context.AfterFunc(ctx, func() { _ = client.Close() })
	end := func() {
		stop()
		_ = client.Close()
	}
	opened, err := s.start(client, svc, end)
	if err != nil {
		end()
		return nil, err
	}
	return opened, nil
}

// start runs the service on the other side and reads its list of refs.
func (s *sshRemote) start(client *ssh.Client, svc service, end func()) (session, error) {
	channel, err := client.NewSession()
	if err != nil {
		return nil, err
	}
	stderr := &head{left: longestDetail}
	channel.Stderr = stderr
	stdin, err := channel.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := channel.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := channel.Start(string(svc) + " " + shellQuote(s.loc.path)); err != nil {
		return nil, err
	}
	adv, err := readRefs(stdout)
	if err != nil {
		if waited := channel.Wait(); waited != nil && stderr.String() != "" {
			return nil, faultOf(ErrNotFound, stderr.String())
		}
		return nil, err
	}
	return &wire{adv: adv, end: end, exchange: func(body []byte) (io.ReadCloser, error) {
		if _, err := io.Copy(stdin, bytes.NewReader(body)); err != nil {
			return nil, err
		}
		if err := stdin.Close(); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		return io.NopCloser(&limitedReader{r: stdout, left: s.limit}), nil
	}}, nil
}

func (s *sshRemote) dial(ctx context.Context, cred Credential) (*ssh.Client, error) {
	hosts, err := newHostKeys(s.opts.KnownHosts, s.loc)
	if err != nil {
		return nil, err
	}
	methods, closeAgent, err := s.methods(ctx, cred)
	if err != nil {
		return nil, err
	}
	defer closeAgent()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", hosts.address)
	if err != nil {
		return nil, faultOf(ErrUnreachable, err.Error())
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	user := s.loc.user
	if user == "" {
		user = "git"
	}
	c, channels, requests, err := ssh.NewClientConn(conn, hosts.address, &ssh.ClientConfig{
		User:              user,
		Auth:              methods,
		HostKeyCallback:   hosts.check,
		HostKeyAlgorithms: hosts.algorithms(),
	})
	if err == nil {
		return ssh.NewClient(c, channels, requests), nil
	}
	_ = conn.Close()
	var network net.Error
	switch {
	case hosts.refused != nil:
		return nil, hosts.refused
	case hosts.accepted && ctx.Err() == nil && !errors.As(err, &network):
		return nil, &fault{kind: ErrAuth, detail: err.Error(), cure: fmt.Sprintf("check that the key may sign in as %q", user)}
	default:
		return nil, faultOf(ErrUnreachable, err.Error())
	}
}

// methods lists the ways to sign in. The function returned closes the agent's
// socket.
func (s *sshRemote) methods(ctx context.Context, cred Credential) ([]ssh.AuthMethod, func(), error) {
	var signers []ssh.Signer
	none := func() {}
	if s.opts.PrivateKey != "" {
		signer, err := parseKey(s.opts.PrivateKey, s.opts.Passphrase)
		if err != nil {
			return nil, none, err
		}
		signers = append(signers, signer)
	}
	var methods []ssh.AuthMethod
	closeAgent := none
	if s.opts.AgentSocket != "" {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", s.opts.AgentSocket)
		if err != nil {
			return nil, none, &fault{kind: ErrAuth, detail: "ssh agent: " + err.Error(), cure: "start the agent or give a key"}
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		closeAgent = func() { stop(); _ = conn.Close() }
		held, err := agent.NewClient(conn).Signers()
		if err != nil {
			closeAgent()
			return nil, none, faultOf(ErrAuth, "ssh agent: "+err.Error())
		}
		signers = append(signers, held...)
	}
	if len(signers) > 0 {
		methods = append(methods, ssh.PublicKeys(signers...))
	}
	if cred.Password != "" {
		methods = append(methods, ssh.Password(string(cred.Password)))
	}
	if len(methods) == 0 {
		closeAgent()
		return nil, none, &fault{kind: ErrAuth, detail: "there is nothing to sign in with", cure: "give a private key or an agent that holds one"}
	}
	return methods, closeAgent, nil
}

func parseKey(key, passphrase Secret) (ssh.Signer, error) {
	var signer ssh.Signer
	var err error
	if passphrase != "" {
		signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(key), []byte(passphrase))
	} else {
		signer, err = ssh.ParsePrivateKey([]byte(key))
	}
	var missing *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &missing):
		return nil, &fault{kind: ErrAuth, detail: "the private key is encrypted", cure: "give its passphrase"}
	case err != nil:
		return nil, &fault{kind: ErrAuth, detail: "the private key cannot be read", cure: "give the whole file, first and last line included, and the right passphrase"}
	}
	return signer, nil
}

// shellQuote makes one word for the shell on the other side, as git does; a
// leading ~ stays outside so that it is expanded.
func shellQuote(path string) string {
	tilde := ""
	if strings.HasPrefix(path, "~") {
		user, rest, _ := strings.Cut(path, "/")
		if !strings.ContainsFunc(user[1:], notPlain) {
			tilde, path = user+"/", rest
		}
	}
	return tilde + "'" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"
}

func notPlain(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' && r != '-' && r != '.'
}

// head keeps the first bytes written to it.
type head struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	left int
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := min(len(p), h.left)
	h.left -= n
	h.buf.Write(p[:n])
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.buf.String()
}
