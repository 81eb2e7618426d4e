package gitrepo

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
)

// sshServer is a real sshd on the loopback that lets one key in.
type sshServer struct {
	address string
	user    string
	hostKey ssh.PublicKey
	// otherKey is of another kind; the server has both.
	otherKey ssh.PublicKey
	key      ed25519.PrivateKey
}

func ecdsaKeyFile(t *testing.T, path string) ssh.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(key, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func keyFile(t *testing.T, path string) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(pemKey(t, key, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return key
}

func pemKey(t *testing.T, key ed25519.PrivateKey, passphrase string) Secret {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return Secret(pem.EncodeToMemory(block))
}

func public(t *testing.T, key ed25519.PrivateKey) ssh.PublicKey {
	t.Helper()
	out, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func startSSHD(t *testing.T) *sshServer {
	t.Helper()
	const program = "/usr/sbin/sshd"
	if _, err := os.Stat(program); err != nil {
		t.Fatalf("these tests need a real ssh server: install the package openssh-server (%v)", err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		// sshd run by root wants its empty folder for separated privileges.
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	s := &sshServer{user: me.Username}
	s.hostKey = public(t, keyFile(t, filepath.Join(dir, "host")))
	s.otherKey = ecdsaKeyFile(t, filepath.Join(dir, "host-ecdsa"))
	s.key = keyFile(t, filepath.Join(dir, "client"))
	authorized := filepath.Join(dir, "authorized")
	if err := os.WriteFile(authorized, ssh.MarshalAuthorizedKey(public(t, s.key)), 0o600); err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = free.Addr().String()
	_, port, _ := net.SplitHostPort(s.address)
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "-D", "-e", "-f", "/dev/null", "-h", filepath.Join(dir, "host"), "-h", filepath.Join(dir, "host-ecdsa"), "-p", port,
		"-o", "ListenAddress=127.0.0.1", "-o", "AuthorizedKeysFile="+authorized, "-o", "StrictModes=no", "-o", "UsePAM=no",
		"-o", "PidFile=none", "-o", "PasswordAuthentication=no", "-o", "PermitRootLogin=prohibit-password", "-o", "MaxStartups=100")
	cmd.Stderr = t.Output()
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	awaitListener(t, s.address)
	return s
}

// awaitListener returns when somebody answers.
func awaitListener(t *testing.T, address string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("sshd does not listen: %v", err)
		}
	}
}

func (s *sshServer) knownHosts(t *testing.T, lines ...string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{path}
}

func (s *sshServer) options(t *testing.T, u *upstream) Options {
	return Options{
		URL: fmt.Sprintf("ssh://%s@%s%s", s.user, s.address, u.bare), Dir: t.TempDir(), Timeout: 20 * time.Second,
		SSH: SSH{
			PrivateKey: pemKey(t, s.key, ""),
			KnownHosts: s.knownHosts(t, knownhosts.Line([]string{s.address}, s.hostKey)),
		},
	}
}

func TestSSH(t *testing.T) {
	server := startSSHD(t)
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	t.Run("fetch, follow and push", func(t *testing.T) {
		u := newUpstream(t)
		one := u.commit("one", "a", "1")
		for _, depth := range []int{0, 1} {
			opts := server.options(t, u)
			opts.Depth = depth
			r := open(t, opts)
			fetch(t, r, "main")
			wantFile(t, r, one, "a", "1")
		}
		r := open(t, server.options(t, u))
		fetch(t, r, "main")
		two := u.commit("two", "a", "2")
		if c := fetch(t, r, "main"); c.Hash != two {
			t.Errorf("got %s, want %s", c.Hash, two)
		}
		three := push(t, r, Change{Branch: "main", Base: two, Files: map[string][]byte{"a": []byte("3")}})
		if got := u.run(u.bare, "rev-parse", "main"); got != string(three.Hash) {
			t.Errorf("the branch is at %s, want %s", got, three.Hash)
		}
		opts := server.options(t, u)
		opts.Depth = 1
		r = open(t, opts)
		fetch(t, r, "main")
		four := push(t, r, Change{Branch: "promote/r1", Base: three.Hash, Files: map[string][]byte{"b": []byte("4")}})
		if got := u.run(u.bare, "rev-parse", "main", "promote/r1"); got != string(three.Hash)+"\n"+string(four.Hash) {
			t.Errorf("the branches are at %s", got)
		}
	})
	t.Run("encrypted key and agent", func(t *testing.T) {
		u := newUpstream(t)
		u.commit("one", "a", "1")
		opts := server.options(t, u)
		opts.SSH.PrivateKey, opts.SSH.Passphrase = pemKey(t, server.key, testPass), testPass
		fetch(t, open(t, opts), "main")
		opts = server.options(t, u)
		opts.SSH.PrivateKey, opts.SSH.AgentSocket = "", serveAgent(t, server.key)
		fetch(t, open(t, opts), "main")
	})
	t.Run("only one of the host's keys is known", func(t *testing.T) {
		u := newUpstream(t)
		u.commit("one", "a", "1")
		for _, key := range []ssh.PublicKey{server.hostKey, server.otherKey} {
			opts := server.options(t, u)
			opts.SSH.KnownHosts = server.knownHosts(t, knownhosts.Line([]string{server.address}, key))
			fetch(t, open(t, opts), "main")
		}
	})
	t.Run("empty", func(t *testing.T) {
		_, err := open(t, server.options(t, newUpstream(t))).Fetch(t.Context(), Ref{})
		if !errors.Is(err, ErrEmpty) {
			t.Errorf("got %v", err)
		}
	})
	for _, tc := range []struct {
		name   string
		change func(t *testing.T, o *Options)
		want   error
		text   string
	}{
		{"no such repository", func(_ *testing.T, o *Options) { o.URL += "-none" }, ErrNotFound, "does not appear to be a git repository"},
		{"key that may not sign in", func(t *testing.T, o *Options) { o.SSH.PrivateKey = pemKey(t, stranger, "") }, ErrAuth, "check that the key may sign in"},
		{"encrypted key without passphrase", func(t *testing.T, o *Options) { o.SSH.PrivateKey = pemKey(t, stranger, testPass) }, ErrAuth, "passphrase"},
		{"wrong passphrase", func(t *testing.T, o *Options) {
			o.SSH.PrivateKey, o.SSH.Passphrase = pemKey(t, stranger, "right"), testPass
		}, ErrAuth, "cannot be read"},
		{"nothing to sign in with", func(_ *testing.T, o *Options) { o.SSH.PrivateKey = "" }, ErrAuth, "give a private key"},
		{"no agent there", func(_ *testing.T, o *Options) { o.SSH.AgentSocket = "/nonexistent" }, ErrAuth, "ssh agent"},
		{"unknown host", func(t *testing.T, o *Options) { o.SSH.KnownHosts = server.knownHosts(t) }, ErrHostKey, "then add the line"},
		{"no known_hosts file", func(_ *testing.T, o *Options) { o.SSH.KnownHosts = []string{"/nonexistent/known"} }, ErrHostKey, "/nonexistent/known"},
		{"another key than the known", func(t *testing.T, o *Options) {
			o.SSH.KnownHosts = server.knownHosts(t, knownhosts.Line([]string{server.address}, public(t, stranger)))
		}, ErrHostKey, "somebody may be listening in"},
		{"revoked key", func(t *testing.T, o *Options) {
			o.SSH.KnownHosts = server.knownHosts(t, "@revoked * "+string(ssh.MarshalAuthorizedKey(server.hostKey))+"@revoked * "+string(ssh.MarshalAuthorizedKey(server.otherKey)))
		}, ErrHostKey, "revoked"},
		{"broken known_hosts", func(t *testing.T, o *Options) { o.SSH.KnownHosts = server.knownHosts(t, "what is this") }, ErrHostKey, "mend the file"},
		{"nobody listens", func(_ *testing.T, o *Options) { o.URL = "ssh://git@127.0.0.1:1/r" }, ErrUnreachable, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			opts := server.options(t, newUpstream(t))
			tc.change(t, &opts)
			_, err := open(t, opts).Fetch(t.Context(), Ref{})
			if !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %v, want %v with %q", err, tc.want, tc.text)
			}
			noSecret(t, fmt.Sprint(err))
		})
	}
}

// The line that the error tells to add must be the cure.
func TestSSHCureOfAnUnknownHostWorks(t *testing.T) {
	server := startSSHD(t)
	u := newUpstream(t)
	u.commit("one", "a", "1")
	opts := server.options(t, u)
	opts.SSH.KnownHosts = server.knownHosts(t)
	_, err := open(t, opts).Fetch(t.Context(), Ref{})
	if !errors.Is(err, ErrHostKey) || (!strings.Contains(err.Error(), ssh.FingerprintSHA256(server.hostKey)) && !strings.Contains(err.Error(), ssh.FingerprintSHA256(server.otherKey))) {
		t.Fatalf("got %v", err)
	}
	_, line, _ := strings.Cut(err.Error(), `then add the line "`)
	line, _, _ = strings.Cut(line, `"`)
	opts.SSH.KnownHosts = server.knownHosts(t, line)
	fetch(t, open(t, opts), "main")
}

func TestSSHSilentServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := open(t, Options{
		URL: "ssh://git@" + silent.Addr().String() + "/r", Dir: t.TempDir(), Timeout: 50 * time.Millisecond,
		SSH: SSH{PrivateKey: pemKey(t, key, ""), KnownHosts: []string{os.DevNull}},
	})
	if _, err := r.Fetch(t.Context(), Ref{}); !errors.Is(err, ErrUnreachable) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// serveAgent offers the key as ssh-agent does.
func serveAgent(t *testing.T, key ed25519.PrivateKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(t.TempDir(), "agent")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = agent.ServeAgent(ring, conn) // ends with the connection
		}
	}()
	return socket
}

func TestShellQuote(t *testing.T) {
	for in, want := range map[string]string{
		"/srv/r.git":    `'/srv/r.git'`,
		"~ann/r":        `~ann/'r'`,
		"~/r":           `~/'r'`,
		"~$(x)/r":       `'~$(x)/r'`,
		"a'; touch x;'": `'a'\''; touch x;'\'''`,
		"a!b":           `'a'\!'b'`,
	} {
		if got := shellQuote(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}
