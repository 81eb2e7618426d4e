package notify

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/egress"
	"mlsync.dev/mlsync/internal/limit"
)

// The sorts of channels.
const (
	Slack   = "slack"
	Teams   = "teams"
	Webhook = "webhook"
	SMTP    = "smtp"
)

// Channel is where messages go. URL is that of Slack, Teams or a webhook, whose
// Key signs; Mail is for SMTP.
type Channel struct {
	Name, Type string
	URL, Key   asset.Secret
	Mail       Mail
}

// Mail is how mail is sent. TLS is starttls, tls (from the first byte) or none,
// which only a host within a network that the operator allows may have, and no
// password.
type Mail struct {
	Host     string
	Port     int
	TLS      string
	Username string
	Password asset.Secret
	From     string
	To       []string
}

// Sender sends messages.
type Sender struct {
	// Client says what may be reached. It must not follow redirects: what is
	// sent is for the channel alone.
	Client *egress.Client
	// Roots are the authorities that mail servers are trusted by; nil are
	// those of the machine.
	Roots *x509.CertPool
}

// SendError is why a message was not taken. It names no address and no secret.
type SendError struct {
	Text string
	// Wait is how long the channel asks to be left alone; 0 if it does not say.
	Wait time.Duration
	// Final says that the channel refuses this message or address, and not
	// that it cannot be reached: another message may fare better.
	Final bool
}

func (e *SendError) Error() string { return e.Text }

// Send sends a message once. A message that was sent before under its key may
// be sent again. The error is a *SendError, or one of ctx.
func (s *Sender) Send(ctx context.Context, c Channel, m Message, now time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, limit.NotifyTime)
	defer cancel()
	if c.Type == SMTP {
		return s.mail(ctx, c.Mail, m, now)
	}
	body, err := Body(c, m)
	if err != nil {
		return err
	}
	r := egress.Request{Method: http.MethodPost, URL: c.URL.Reveal(), Body: body, Timeout: limit.NotifyTime}
	if c.Type == Webhook {
		stamp := strconv.FormatInt(now.Unix(), 10)
		r.Header = map[string]string{
			HeaderTimestamp: stamp, HeaderSignature: Sign(c.Key, stamp, body), HeaderKey: m.Key,
		}
	}
	got, err := s.Client.Do(ctx, r)
	if err != nil {
		return &SendError{Text: err.Error(), Final: errors.Is(err, egress.ErrRefused)}
	}
	return answer(c.Type, got, now)
}

// Body is what is sent to the channel; for mail, the text of it.
func Body(c Channel, m Message) ([]byte, error) {
	switch c.Type {
	case Slack:
		return encode(slackBody(m))
	case Teams:
		return encode(teamsBody(m))
	case Webhook:
		return encode(webhookBody(m))
	case SMTP:
		return []byte(mailText(m)), nil
	}
	return nil, fmt.Errorf("a channel of type %q is not known", c.Type)
}

// encode writes JSON without the escapes for HTML, which no channel reads.
func encode(v any) ([]byte, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return []byte(strings.TrimSuffix(b.String(), "\n")), err
}

// answer is the error of an answer, nil if the message was taken. Slack says
// 200, Teams and Power Automate 202, receivers of a webhook anything from 200 to
// 299. Slack and Teams ask for a delay with 429 and Retry-After.
func answer(sort string, a egress.Answer, now time.Time) error {
	if a.Status >= 200 && a.Status < 300 {
		return nil
	}
	e := &SendError{Text: "it answers " + strconv.Itoa(a.Status), Wait: wait(a.RetryAfter, now)}
	e.Final = a.Status >= 400 && a.Status < 500 && a.Status != http.StatusTooManyRequests && a.Status != http.StatusRequestTimeout
	// Words such as invalid_payload and no_service; nothing else is repeated,
	// as an answer may hold the address, which is a secret.
	if word := string(a.Body); sort == Slack && slackWord(word) {
		e.Text += " " + word
	}
	return e
}

func slackWord(s string) bool {
	return len(s) > 0 && len(s) <= 40 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") == ""
}

// wait reads a Retry-After, within bounds.
func wait(header string, now time.Time) time.Duration {
	var d time.Duration
	if n, err := strconv.ParseInt(header, 10, 32); err == nil {
		d = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, 0), limit.NotifyWait)
}
