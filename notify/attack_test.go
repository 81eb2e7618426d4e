package notify_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/egress"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/notify"
)

// Texts of assets and of the service are no markup, no link and no mention in
// any channel, and nothing of them is unseen.
func TestAttackU21TextsInChannels(t *testing.T) {
	s, m := slack(t), teams(t)
	for _, text := range []string{
		"<!channel> <https://evil.example|click> <@U012AB3CD> &lt;!here&gt;", "[click](https://evil.example) **bold** <b>x</b> <script>",
		"abc\u202egnp.exe", "a\u200bb\u00adc\ufeff", "a\r\nBcc: x@evil.example\r\n\r\nbody", "\x1b[31mred\x07", "x\x00y\xff", "\u2066isolate\u2069",
	} {
		n := notice("dev", "a")
		n.Text = text
		n.Asset.Name = "n" + text
		message := notify.Write("k", []notify.Notice{n}, 0)
		for _, line := range append(message.Lines, message.Title) {
			for _, r := range line {
				if !unicode.IsPrint(r) {
					t.Errorf("%q has what cannot be seen", line)
				}
			}
		}
		got := send(t, s, notify.Slack, message)
		body := s.got[len(s.got)-1]
		texts := body["text"].(string)
		for _, b := range body["blocks"].([]any) {
			texts += b.(map[string]any)["text"].(map[string]any)["text"].(string)
		}
		if strings.ContainsAny(texts, "<>") || strings.Contains(got, `"mrkdwn"`) {
			t.Errorf("Slack reads markup in %s", got)
		}
		send(t, m, notify.Teams, message)
	}
	if got, want := notify.Plain("a\u202eb\nc\x1b"), `a\u{202e}b c\u{001b}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// However much there is to say, each channel takes it, and what is left out is
// counted.
func TestAttackL50LongMessages(t *testing.T) {
	for _, text := range []string{strings.Repeat(`"`, 10_000), strings.Repeat("&", 10_000), strings.Repeat("\u202e", 10_000), strings.Repeat("😀", 10_000), strings.Repeat("x", limit.NotifyText)} {
		if got := notify.Plain(text); len(got) > limit.NotifyText {
			t.Errorf("%d bytes of text", len(got))
		}
		var all []notify.Notice
		for i := range limit.NotifyEvents + 1 {
			n := notice("dev", fmt.Sprint(i, text))
			n.Text, n.Code = text, text
			all = append(all, n)
		}
		for _, tt := range []struct {
			n, lines, events, more int
		}{{limit.NotifyLines, limit.NotifyLines, limit.NotifyLines, 0}, {limit.NotifyLines + 1, limit.NotifyLines + 1, limit.NotifyLines + 1, 0}, {len(all), limit.NotifyLines + 1, limit.NotifyEvents, 1}} {
			m := notify.Write("k", all[:tt.n], 0)
			if len(m.Lines) != tt.lines {
				t.Errorf("%d lines of %d", len(m.Lines), tt.n)
			}
			send(t, slack(t), notify.Slack, m)
			send(t, teams(t), notify.Teams, m)
			w := hook(t)
			send(t, w, notify.Webhook, m)
			if got := len(w.got[0]["events"].([]any)); got != tt.events || w.got[0]["more"] != float64(tt.more) {
				t.Errorf("%d events and %v more of %d", got, w.got[0]["more"], tt.n)
			}
		}
	}
	edge := strings.Repeat("x", limit.NotifyText-len("…"))
	if notify.Plain(edge) != edge || !strings.HasSuffix(notify.Plain(edge+"yy"), "…") {
		t.Error("the edge of a text")
	}
}

// Nothing within a network is reached that the operator does not allow, nor by a
// redirect: a message goes to its channel alone.
func TestAttackN20ChannelsWithinANetwork(t *testing.T) {
	var reached atomic.Int32
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer inside.Close()
	m := notify.Write("k", []notify.Notice{notice("dev", "a")}, 0)
	strict := &notify.Sender{Client: egress.New(egress.Options{Still: true})}
	for _, address := range []string{inside.URL, strings.Replace(inside.URL, "http:", "https:", 1), "https://169.254.169.254/x", "https://[::1]/", "https://10.0.0.1/", "file:///etc/passwd"} {
		for _, sort := range []string{notify.Slack, notify.Teams, notify.Webhook} {
			err := strict.Send(t.Context(), notify.Channel{Type: sort, URL: asset.NewSecret(address)}, m, at)
			if err == nil {
				t.Errorf("%s to %s went", sort, address)
			}
		}
	}
	for _, host := range []string{"127.0.0.1", "localhost", "169.254.169.254", "10.0.0.1"} {
		var e *notify.SendError
		err := strict.Send(t.Context(), notify.Channel{Type: notify.SMTP, Mail: notify.Mail{Host: host, Port: 25, TLS: "starttls", From: "a@b.example", To: []string{"c@d.example"}}}, m, at)
		if !errors.As(err, &e) || !e.Final {
			t.Errorf("mail to %s: %v", host, err)
		}
	}
	outside := httptest.NewServer(http.RedirectHandler(inside.URL, http.StatusTemporaryRedirect))
	defer outside.Close()
	err := sender().Send(t.Context(), notify.Channel{Type: notify.Webhook, URL: asset.NewSecret(outside.URL)}, m, at)
	var e *notify.SendError
	if !errors.As(err, &e) || !e.Final || !strings.Contains(err.Error(), "it redirects") {
		t.Errorf("a redirect: %v", err)
	}
	if reached.Load() != 0 {
		t.Error("it reached what is inside")
	}
}

// No error and no text shows an address, a key or a password.
func TestAttackK20SecretsOfChannels(t *testing.T) {
	const canary = "canary-5f1c"
	m := notify.Write("k", []notify.Notice{notice("dev", "a")}, 0)
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(r.URL.String()))
	}))
	defer echo.Close()
	for _, address := range []string{
		echo.URL + "/" + canary, "https://user:" + canary + "@example.com/", "https://127.0.0.2/" + canary, "http://example.com/" + canary,
		"://" + canary, canary, "https://localhost:1/" + canary, "https://exa mple/" + canary,
	} {
		for _, sort := range []string{notify.Slack, notify.Teams, notify.Webhook} {
			c := notify.Channel{Type: sort, URL: asset.NewSecret(address), Key: asset.NewSecret(canary)}
			err := sender().Send(t.Context(), c, m, at)
			if err == nil || strings.Contains(err.Error(), canary) {
				t.Errorf("%s: %v", address, err)
			}
			if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, canary) {
				t.Errorf("printed: %s", text)
			}
		}
	}
}
