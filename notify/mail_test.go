package notify_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"testing"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/egress"
	"mlsync.dev/mlsync/notify"
)

// A mailServer speaks SMTP (RFC 5321) with STARTTLS (RFC 3207) or TLS from the
// first byte, and takes mail only from who has signed in after TLS (RFC 4954).
type mailServer struct {
	port     int
	roots    *x509.CertPool
	config   *tls.Config
	implicit bool
	plain    bool   // takes mail without TLS
	auth     string // what it offers
	refuse   string // what it answers to MAIL
	silent   bool   // says nothing at all
	chatty   bool   // does not stop to speak
	mails    chan string
}

func (s *mailServer) start(t *testing.T) *mailServer {
	t.Helper()
	web := httptest.NewTLSServer(nil) // for its certificate, which is for 127.0.0.1
	web.Close()
	s.roots = x509.NewCertPool()
	s.roots.AddCert(web.Certificate())
	s.config = &tls.Config{Certificates: web.TLS.Certificates}
	s.mails = make(chan string, 10)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s.port = listener.Addr().(*net.TCPAddr).Port
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.speak(conn)
		}
	}()
	return s
}

func (s *mailServer) speak(conn net.Conn) {
	defer conn.Close()
	secure := s.implicit
	if s.implicit {
		conn = tls.Server(conn, s.config)
	}
	if s.silent {
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	for s.chatty {
		if _, err := io.WriteString(conn, "220-"+strings.Repeat("x", 1000)+"\r\n"); err != nil {
			return
		}
	}
	in := bufio.NewReader(conn)
	say := func(text string) { _, _ = io.WriteString(conn, text+"\r\n") }
	ask := func(text string) string {
		say("334 " + base64.StdEncoding.EncodeToString([]byte(text)))
		line, _ := in.ReadString('\n')
		out, _ := base64.StdEncoding.DecodeString(strings.TrimSpace(line))
		return string(out)
	}
	say("220 twin")
	signed, from := false, ""
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		verb, rest, _ := strings.Cut(line, " ")
		switch {
		case verb == "EHLO" && secure:
			say("250-twin\r\n250 AUTH " + s.auth)
		case verb == "EHLO" && s.plain:
			say("250 twin")
		case verb == "EHLO":
			say("250-twin\r\n250 STARTTLS")
		case verb == "STARTTLS" && !secure && !s.plain:
			say("220 go")
			conn = tls.Server(conn, s.config)
			in, secure = bufio.NewReader(conn), true
		case verb == "AUTH" && !secure:
			say("538 encrypt first")
		case verb == "AUTH" && strings.HasPrefix(rest, "PLAIN ") && strings.Contains(s.auth, "PLAIN"):
			got, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			signed = string(got) == "\x00bot\x00canary-mail"
			say(map[bool]string{true: "235 welcome", false: "535 canary-mail is wrong"}[signed])
		case verb == "AUTH" && rest == "LOGIN" && strings.Contains(s.auth, "LOGIN"):
			name, password := ask("Username:"), ask("Password:")
			signed = name == "bot" && password == "canary-mail"
			say(map[bool]string{true: "235 welcome", false: "535 no"}[signed])
		case verb == "MAIL" && s.refuse != "":
			say(s.refuse)
		case verb == "MAIL" && (signed || s.plain):
			from = rest
			say("250 ok")
		case verb == "RCPT" && from != "":
			from += " " + rest
			say("250 ok")
		case verb == "DATA" && strings.Contains(from, " TO:"):
			say("354 go")
			var b strings.Builder
			for {
				line, err := in.ReadString('\n')
				if err != nil {
					return
				}
				if line == ".\r\n" {
					break
				}
				b.WriteString(strings.TrimPrefix(line, "."))
			}
			s.mails <- from + "\r\n" + b.String()
			say("250 taken")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("503 not now")
		}
	}
}

func (s *mailServer) channel(security string) notify.Channel {
	return notify.Channel{Name: "mail", Type: notify.SMTP, Mail: notify.Mail{
		Host: "127.0.0.1", Port: s.port, TLS: security, Username: "bot", Password: asset.NewSecret("canary-mail"), From: "mlsync@contoso.com", To: []string{"a@contoso.com", "b@contoso.com"},
	}}
}

func (s *mailServer) send(ctx context.Context, c notify.Channel, m notify.Message) error {
	return (&notify.Sender{Client: egress.New(egress.Options{Allowed: []string{"127.0.0.1"}, Still: true}), Roots: s.roots}).Send(ctx, c, m, at)
}

func TestMail(t *testing.T) {
	n := notice("dev", "train")
	n.Text = "größer\n.\r\nBcc: x@evil.example"
	m := notify.Write("k1", []notify.Notice{n}, 0)
	for _, s := range []*mailServer{{auth: "PLAIN LOGIN"}, {auth: "LOGIN"}, {auth: "PLAIN", implicit: true}} {
		s.start(t)
		security := map[bool]string{true: "tls", false: "starttls"}[s.implicit]
		if err := s.send(t.Context(), s.channel(security), m); err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		envelope, data, _ := strings.Cut(<-s.mails, "\r\n")
		if !strings.HasPrefix(envelope, "FROM:<mlsync@contoso.com>") || !strings.HasSuffix(envelope, "TO:<a@contoso.com> TO:<b@contoso.com>") {
			t.Errorf("envelope %s", envelope)
		}
		msg, err := mail.ReadMessage(strings.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		subject, _ := new(mime.WordDecoder).DecodeHeader(msg.Header.Get("Subject"))
		if subject != "[mlsync] [warning] Drift in dev: environment/train:1" || msg.Header.Get("Message-ID") != "<k1@contoso.com>" || msg.Header.Get("Bcc") != "" {
			t.Errorf("headers %v", msg.Header)
		}
		text, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, msg.Body))
		if want := "Drift in dev: environment/train:1\n\ndev environment/train:1: größer .  Bcc: x@evil.example\n"; err != nil || string(text) != want {
			t.Errorf("%v: %q, want %q", err, text, want)
		}
		for line := range strings.SplitSeq(data, "\r\n") {
			if len(line) > 998 { // RFC 5322, 2.1.1
				t.Errorf("a line of %d bytes", len(line))
			}
		}
	}
}

// Without TLS mail goes only within a network that the operator allows, and
// never with a password.
func TestMailWithoutTLS(t *testing.T) {
	s := (&mailServer{plain: true}).start(t)
	m := notify.Write("k1", []notify.Notice{notice("dev", "train")}, 0)
	c := s.channel("none")
	c.Mail.Username, c.Mail.Password = "", asset.Secret{}
	if err := s.send(t.Context(), c, m); err != nil {
		t.Fatal(err)
	}
	<-s.mails
	strict := &notify.Sender{Client: egress.New(egress.Options{})}
	for _, err := range []error{s.send(t.Context(), s.channel("none"), m), strict.Send(t.Context(), c, m, at)} {
		if err == nil || !strings.Contains(err.Error(), "mail without TLS needs") {
			t.Error(err)
		}
	}
}

// A password goes to no server that is not the one it is for, and no answer of a
// server is repeated.
func TestAttackK21MailServers(t *testing.T) {
	m := notify.Write("k1", []notify.Notice{notice("dev", "train")}, 0)
	for what, tt := range map[string]struct {
		server *mailServer
		bend   func(s *mailServer, c *notify.Channel)
		text   string
		final  bool
	}{
		"STARTTLS cut out":        {&mailServer{plain: true}, nil, "the mail server answers 503", true},
		"a certificate of others": {&mailServer{auth: "PLAIN"}, func(s *mailServer, _ *notify.Channel) { s.roots = x509.NewCertPool() }, "certificate", false},
		"a wrong password":        {&mailServer{auth: "PLAIN"}, func(_ *mailServer, c *notify.Channel) { c.Mail.Password = asset.NewSecret("canary-wrong") }, "the mail server answers 535", true},
		"greylisting":             {&mailServer{auth: "PLAIN", refuse: "451 later, canary-text"}, nil, "the mail server answers 451", false},
		"refused":                 {&mailServer{auth: "PLAIN", refuse: "550 canary-text"}, nil, "the mail server answers 550", true},
		"no AUTH that is known":   {&mailServer{auth: "XOAUTH2"}, nil, "the mail server answers 503", true},
		"a server without end":    {&mailServer{chatty: true}, nil, "the mail server", false},
	} {
		s := tt.server.start(t)
		c := s.channel("starttls")
		if tt.bend != nil {
			tt.bend(s, &c)
		}
		err := s.send(t.Context(), c, m)
		var e *notify.SendError
		if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.text) || e.Final != tt.final || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", what, err)
		}
		if len(s.mails) > 0 {
			t.Errorf("%s: a mail went", what)
		}
	}
	s := (&mailServer{silent: true}).start(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.send(ctx, s.channel("starttls"), m); err == nil || !strings.Contains(err.Error(), "in time") {
		t.Errorf("a silent server: %v", err)
	}
	if text := fmt.Sprintf("%+v", s.channel("tls")); strings.Contains(text, "canary") {
		t.Error(text)
	}
}
