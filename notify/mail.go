package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/egress"
)

// mailText is the text of a mail. Mail is plain text only.
func mailText(m Message) string {
	return m.Title + "\n\n" + strings.Join(m.Lines, "\n") + "\n"
}

// mailData is a whole mail (RFC 5322): the text as base64, so that its lines
// are short and none of it is taken for something else, and the same Message-ID
// each time that it is sent.
func mailData(c Mail, m Message, now time.Time) []byte {
	_, domain, _ := strings.Cut(c.From, "@")
	var b bytes.Buffer
	for _, h := range [][2]string{
		{"From", c.From},
		{"To", strings.Join(c.To, ", ")},
		{"Subject", mime.QEncoding.Encode("utf-8", "[mlsync] "+mark(m)+" "+short(m.Title, slackHeader))},
		{"Date", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 -0700")},
		{"Message-ID", "<" + m.Key + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, // RFC 3834: nobody answers for being away
		{"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"},
		{"Content-Transfer-Encoding", "base64"},
	} {
		b.WriteString(h[0] + ": " + h[1] + "\r\n")
	}
	b.WriteString("\r\n")
	text := base64.StdEncoding.EncodeToString([]byte(mailText(m)))
	for line := range slices.Chunk([]byte(text), 76) {
		b.Write(line)
		b.WriteString("\r\n")
	}
	return b.Bytes()
}

// mail sends a mail to all addresses of the channel.
func (s *Sender) mail(ctx context.Context, c Mail, m Message, now time.Time) error {
	port := strconv.Itoa(c.Port)
	if c.TLS == "none" && (c.Password.Reveal() != "" || !s.Client.Allows(c.Host, port)) {
		return &SendError{Text: "mail without TLS needs a host that MLSYNC_PRIVATE_HOSTS names, and no password", Final: true}
	}
	conn, err := s.Client.Dial(ctx, net.JoinHostPort(c.Host, port))
	if err != nil {
		return &SendError{Text: err.Error(), Final: errors.Is(err, egress.ErrRefused)}
	}
	defer func() { _ = conn.Close() }() // after QUIT, or after an error that says more
	// net/smtp knows no context, so it ends by the connection.
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	if err := s.speak(conn, c, mailData(c, m, now)); err != nil {
		return mailError(ctx, err)
	}
	return nil
}

// mailError is the error of a server, whose texts are not repeated: only the
// code says whether another attempt makes sense (RFC 5321, 4.2.1).
func mailError(ctx context.Context, err error) error {
	var t *textproto.Error
	switch {
	case errors.As(err, &t):
		return &SendError{Text: fmt.Sprintf("the mail server answers %d", t.Code), Final: t.Code >= 500}
	case ctx.Err() != nil:
		return &SendError{Text: "the mail server does not answer in time"}
	}
	return &SendError{Text: err.Error()}
}

// answerBytes is how much a mail server may say in all.
const answerBytes = 1 << 20

// bounded is a connection that is read up to a bound.
type bounded struct {
	net.Conn
	left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errors.New("the mail server says too much")
	}
	n, err := b.Conn.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}

func (s *Sender) speak(conn net.Conn, c Mail, data []byte) error {
	conn = &bounded{conn, answerBytes}
	config := &tls.Config{ServerName: c.Host, RootCAs: s.Roots, MinVersion: tls.VersionTLS12}
	if c.TLS == "tls" {
		conn = tls.Client(conn, config)
	}
	client, err := smtp.NewClient(conn, c.Host)
	if err != nil {
		return err
	}
	if c.TLS == "starttls" {
		// Refused by the server or cut out on the way: nothing goes without.
		if err := client.StartTLS(config); err != nil {
			return err
		}
	}
	if c.Password.Reveal() != "" {
		if err := client.Auth(auth(client, c)); err != nil {
			return err
		}
	}
	if err := client.Mail(c.From); err != nil {
		return err
	}
	for _, to := range c.To {
		if err := client.Rcpt(to); err != nil {
			return err
		}
	}
	w, err := client.Data()
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_ = client.Quit() // the mail is taken already
	return nil
}

// auth is PLAIN, or LOGIN where that is all there is, as with Microsoft 365.
// Both send the password, and so only after TLS.
func auth(client *smtp.Client, c Mail) smtp.Auth {
	_, offered := client.Extension("AUTH")
	if words := strings.Fields(offered); !slices.Contains(words, "PLAIN") && slices.Contains(words, "LOGIN") {
		return &login{c}
	}
	return smtp.PlainAuth("", c.Username, c.Password.Reveal(), c.Host)
}

// login is the mechanism LOGIN: the server asks for the name, then for the
// password.
type login struct{ c Mail }

// Start begins, if the connection is encrypted.
func (l *login) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS || server.Name != l.c.Host {
		return "", nil, errors.New("the password goes only to the server it is for, over TLS")
	}
	return "LOGIN", nil, nil
}

// Next answers what the server asks for.
func (l *login) Next(asked []byte, more bool) ([]byte, error) {
	question := strings.ToLower(string(asked))
	switch {
	case !more:
		return nil, nil
	case strings.HasPrefix(question, "user"):
		return []byte(l.c.Username), nil
	case strings.HasPrefix(question, "pass"):
		return []byte(l.c.Password.Reveal()), nil
	}
	return nil, errors.New("the mail server asks for something else than name and password")
}
