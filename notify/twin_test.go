package notify_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/egress"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/notify"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// A twin takes what a service documents that it takes, and says what it has
// against the rest.
type twin struct {
	url    string
	status int // in place of the usual one, 0 for that
	header http.Header
	got    []map[string]any
	bodies []string
	req    *http.Request
}

func serve(t *testing.T, ok int, check func(body map[string]any, size int) string) *twin {
	t.Helper()
	w := &twin{header: http.Header{}}
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		data, _ := io.ReadAll(r.Body)
		w.req = r
		for k, v := range w.header {
			rw.Header()[k] = v
		}
		var body map[string]any
		switch {
		case w.status != 0:
			rw.WriteHeader(w.status)
			_, _ = io.WriteString(rw, "no_service")
			return
		case r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" || !utf8.Valid(data) || json.Unmarshal(data, &body) != nil:
			rw.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(rw, "invalid_payload")
			return
		}
		if bad := check(body, len(data)); bad != "" {
			t.Error(bad)
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		w.got, w.bodies = append(w.got, body), append(w.bodies, string(data))
		rw.WriteHeader(ok)
	}))
	t.Cleanup(s.Close)
	w.url = s.URL + "/services/T0/B0/canary"
	return w
}

// slack checks what docs.slack.dev says of messages, blocks and texts.
func slack(t *testing.T) *twin {
	return serve(t, http.StatusOK, func(body map[string]any, _ int) string {
		blocks, _ := body["blocks"].([]any)
		if text, _ := body["text"].(string); text == "" || len(blocks) == 0 || len(blocks) > 50 {
			return "text and 1 to 50 blocks are needed"
		}
		for _, b := range blocks {
			most := map[any]int{"header": 150, "section": 3000}[b.(map[string]any)["type"]]
			text := b.(map[string]any)["text"].(map[string]any)
			n := utf8.RuneCountInString(text["text"].(string))
			if text["type"] != "plain_text" || n == 0 || n > most {
				return "a text of " + text["text"].(string)
			}
		}
		return ""
	})
}

// teams checks what learn.microsoft.com says of messages to workflows.
func teams(t *testing.T) *twin {
	return serve(t, http.StatusAccepted, func(body map[string]any, size int) string {
		list, _ := body["attachments"].([]any)
		if body["type"] != "message" || len(list) != 1 || size > 28<<10 {
			return "no message with one attachment of at most 28 KB"
		}
		a := list[0].(map[string]any)
		card, _ := a["content"].(map[string]any)
		if a["contentType"] != "application/vnd.microsoft.card.adaptive" || card["type"] != "AdaptiveCard" || card["version"] != "1.4" {
			return "no adaptive card"
		}
		for _, b := range card["body"].([]any) {
			// A TextBlock would read Markdown.
			if b.(map[string]any)["type"] != "RichTextBlock" {
				return "a block that reads markup"
			}
		}
		return ""
	})
}

func hook(t *testing.T) *twin {
	return serve(t, http.StatusNoContent, func(map[string]any, int) string { return "" })
}

func (w *twin) channel(sort string) notify.Channel {
	return notify.Channel{Name: "ops", Type: sort, URL: asset.NewSecret(w.url), Key: asset.NewSecret("canary-key")}
}

// sender may reach this machine.
func sender() *notify.Sender {
	return &notify.Sender{Client: egress.New(egress.Options{Allowed: []string{"127.0.0.1"}, Still: true})}
}

func notice(target, name string) notify.Notice {
	return notify.Notice{Target: target, At: at, Condition: notify.Condition{
		What: notify.Drift, Asset: asset.ID{Kind: "environment", Name: name, Version: "1"}, Severity: notify.Warning, Text: "changed in tags.team", Since: at,
	}}
}

func send(t *testing.T, w *twin, sort string, m notify.Message) string {
	t.Helper()
	n := len(w.bodies)
	if err := sender().Send(t.Context(), w.channel(sort), m, at); err != nil {
		t.Fatal(err)
	}
	return strings.Join(w.bodies[n:], "\n")
}

func TestSlackAndTeams(t *testing.T) {
	s, m := slack(t), teams(t)
	message := notify.Write("k1", []notify.Notice{notice("dev", "train")}, 3)
	got := send(t, s, notify.Slack, message)
	for _, want := range []string{"[warning] Drift in dev: environment/train:1", "dev environment/train:1: changed in tags.team", "3 earlier changes were dropped"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in %s", want, got)
		}
		if card := send(t, m, notify.Teams, message); !strings.Contains(strings.ReplaceAll(card, `] "`, `]`), strings.TrimPrefix(want, "[warning] ")) {
			t.Errorf("%q is not in %s", want, card)
		}
	}
	over := notice("dev", "train")
	over.Over = true
	if got := send(t, s, notify.Slack, notify.Write("k2", []notify.Notice{over}, 0)); !strings.Contains(got, "[ok] Drift is gone in dev: environment/train:1") {
		t.Error(got)
	}
}

// What is sent can be checked as the how-to says, and is the same when it is
// sent again.
func TestWebhook(t *testing.T) {
	w := hook(t)
	m := notify.Write("k1", []notify.Notice{notice("dev", "train")}, 0)
	first := send(t, w, notify.Webhook, m)
	stamp := w.req.Header.Get("Mlsync-Timestamp")
	if got, want := w.req.Header.Get("Mlsync-Signature"), notify.Sign(asset.NewSecret("canary-key"), stamp, []byte(first)); got != want || stamp != "1772366400" {
		t.Errorf("signature %s at %s, want %s", got, stamp, want)
	}
	// HMAC-SHA256 by another tool: printf '1.{}' | openssl dgst -sha256 -hmac k
	if got := notify.Sign(asset.NewSecret("k"), "1", []byte("{}")); got != "v1="+opensslOf1 {
		t.Error(got)
	}
	if send(t, w, notify.Webhook, m) != first || w.req.Header.Get("Idempotency-Key") != "k1" {
		t.Error("sent again, it is another message")
	}
	e := w.got[0]["events"].([]any)[0].(map[string]any)
	if e["target"] != "dev" || e["what"] != "drift" || e["state"] != "began" || e["asset"] != "environment/train:1" || e["since"] != "2026-03-01T12:00:00Z" {
		t.Errorf("event %v", e)
	}
}

// What a channel has against a message is told with what can be done, and
// without its address.
func TestAnswers(t *testing.T) {
	w := slack(t)
	m := notify.Write("k", []notify.Notice{notice("dev", "a")}, 0)
	for _, tt := range []struct {
		status int
		after  string
		text   string
		wait   time.Duration
		final  bool
	}{
		{http.StatusNotFound, "", "it answers 404 no_service", 0, true},
		{http.StatusInternalServerError, "", "it answers 500 no_service", 0, false},
		{http.StatusTooManyRequests, "30", "it answers 429 no_service", 30 * time.Second, false},
		{http.StatusTooManyRequests, at.Add(time.Minute).Format(http.TimeFormat), "it answers 429 no_service", time.Minute, false},
		{http.StatusServiceUnavailable, "999999", "it answers 503 no_service", limit.NotifyWait, false},
		{http.StatusTooManyRequests, "-5", "it answers 429 no_service", 0, false},
		{http.StatusTooManyRequests, "soon", "it answers 429 no_service", 0, false},
	} {
		w.status = tt.status
		w.header.Set("Retry-After", tt.after)
		err := sender().Send(t.Context(), w.channel(notify.Slack), m, at)
		var e *notify.SendError
		if !errors.As(err, &e) || *e != (notify.SendError{Text: tt.text, Wait: tt.wait, Final: tt.final}) {
			t.Errorf("%d %q: %+v", tt.status, tt.after, err)
		}
	}
}

const opensslOf1 = "3dd49b2593d0f9a349e9e71c4bde3e2b862c2be4003fe9b4ba81332029310158"
