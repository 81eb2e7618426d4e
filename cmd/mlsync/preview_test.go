package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/config"
	"mlsync.dev/mlsync/internal/forge"
	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/queue"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
)

// hostile are texts that do something where they are not code.
func hostile() []string {
	return []string{
		"@everyone", "[click](javascript:alert(1))", "<img src=x onerror=alert(1)>", "</code></summary><script>alert(1)</script>", "![x](https://evil.example/x.png)",
		"https://evil.example/phish", "www.evil.example", "`@team`", "``` \n@team", "a\u202egnp.exe", "#1", "/merge", "!everyone", "a|b|@c", "-->@team", "\x1b[31mred", "&lt;b&gt;",
	}
}

// hostilePlan creates an asset for each text, which stands in every place.
func hostilePlan(target string) *plan.Plan {
	p := &plan.Plan{Target: plan.Target{Name: target}}
	for i, text := range hostile() {
		id := asset.ID{Kind: "environment", Name: fmt.Sprintf("e%d-%s", i, text), Version: "1"}
		body := asset.NewMap().Set("description", asset.NewString(text)).Set(text, asset.NewString(text))
		s := plan.Step{Key: plan.Key{ID: id}, Action: plan.Create, Want: &asset.Asset{ID: id, Body: body}, Why: text}
		s.Source.File = text
		p.Steps = append(p.Steps, s)
		p.Steps = append(p.Steps, plan.Step{Key: plan.Key{ID: asset.ID{Kind: "model", Name: text}}, Action: plan.Blocked, Blocked: text})
		p.Drift = append(p.Drift, plan.Drift{ID: id, Paths: []string{text}, By: text, At: text})
		p.Problems.Hintf(s.Source, "x", text, "%s", text)
	}
	return p
}

var (
	fencedCode = regexp.MustCompile("(?ms)^(`{3,})diff\n.*?^`{3,}$")
	ours       = regexp.MustCompile(`</?(details|summary|code)>`)
)

// outside is what of a Markdown text is no code.
func outside(t *testing.T, text string) string {
	t.Helper()
	text = fencedCode.ReplaceAllString(text, "")
	var out strings.Builder
	for len(text) > 0 {
		at := strings.IndexByte(text, '`')
		if at < 0 {
			out.WriteString(text)
			break
		}
		out.WriteString(text[:at])
		text = text[at:]
		n := len(text) - len(strings.TrimLeft(text, "`"))
		rest := text[n:]
		end := -1
		for i := 0; i < len(rest); i++ { // a run of exactly as many closes it
			if rest[i] != '`' {
				continue
			}
			m := i
			for m < len(rest) && rest[m] == '`' {
				m++
			}
			if m-i == n {
				end = i
				break
			}
			i = m - 1
		}
		if end < 0 || strings.Contains(rest[:end], "\n\n") {
			t.Fatalf("code is not closed: %.200q", text)
		}
		text = rest[end+n:]
	}
	return ours.ReplaceAllString(out.String(), "")
}

// Whatever files, services and people say stands in code, where it does nothing.
func TestAttackU70PreviewsOfHostileTexts(t *testing.T) {
	var all []string
	for _, text := range hostile() {
		v := &preview{pr: forge.PullRequest{Number: 7, Base: text, Fork: true}, base: "b", head: "h", config: true}
		v.targets = []previewTarget{{name: "dev", plan: hostilePlan("dev")}, {name: "bad", err: errors.New(text)}}
		all = append(all, v.text(limit.PreviewBytes))
		v.conflicts = []gitrepo.Conflict{{Path: text, Why: "both sides added it, and differently"}}
		all = append(all, v.text(limit.PreviewBytes))
		v.conflicts, v.unmerged = nil, text
		all = append(all, v.text(limit.PreviewBytes))
	}
	for _, text := range all {
		rest := outside(t, text)
		for _, bad := range []string{"@", "](", "<", "://", "www.", "\u202e", "evil", "alert", "script", "\x1b", "!["} {
			if strings.Contains(rest, bad) {
				at := strings.Index(rest, bad)
				t.Fatalf("%q stands outside of code: %q", bad, rest[max(0, at-100):min(len(rest), at+100)])
			}
		}
		if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }); i >= 0 {
			t.Fatalf("a control character: %q", text[i:min(len(text), i+20)])
		}
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "/") {
				t.Fatalf("a line is a command: %q", line)
			}
		}
	}
}

// A comment has at most so many bytes, whatever letters it is of, and says what
// it left out; so many targets are planned, and the further ones said.
func TestAttackL61LongPreviews(t *testing.T) {
	for _, targets := range []int{1, 2, 10, 50} {
		v := &preview{pr: forge.PullRequest{Number: 7, Base: "main"}, base: "b", head: "h", left: 3}
		for i := range targets {
			p := &plan.Plan{Target: plan.Target{Name: fmt.Sprintf("t%d", i)}}
			for n := range 400 {
				id := asset.ID{Kind: "environment", Name: fmt.Sprintf("%s-%d", strings.Repeat("\U0001F600", 20), n), Version: "1"}
				p.Steps = append(p.Steps, plan.Step{Key: plan.Key{ID: id}, Action: plan.Create, Want: &asset.Asset{ID: id, Body: asset.NewMap().Set("description", asset.NewString(strings.Repeat("ü", 100)))}})
			}
			v.targets = append(v.targets, previewTarget{name: p.Target.Name, plan: p})
		}
		for _, most := range []int{limit.PreviewBytes, 20_000, 4_000, 2_000} {
			text := v.text(most)
			if len(text) > most {
				t.Errorf("%d targets: %d bytes, more than %d", targets, len(text), most)
			}
			if !strings.Contains(text, "mlsync preview 7 --dry-run") || !strings.Contains(text, "more, left out") {
				t.Errorf("%d targets, %d bytes: it does not say what it left out: %.300s", targets, most, text)
			}
			if open, shut := strings.Count(text, "<details>"), strings.Count(text, "</details>"); open != shut {
				t.Errorf("%d targets, %d bytes: cut within a section", targets, most)
			}
		}
	}
	cfg := config.Default()
	cfg.Repository.Branch = "main"
	for i := range limit.PreviewTargets + 1 {
		cfg.Targets = append(cfg.Targets, config.Target{Name: fmt.Sprintf("t%d", i)})
	}
	p := &previewer{cfg: cfg}
	if got, left := p.touched(cfg, "main", []string{"a.yml"}); len(got) != limit.PreviewTargets || left != 1 {
		t.Errorf("%d targets, %d left", len(got), left)
	}
	cfg.Targets = cfg.Targets[:limit.PreviewTargets]
	if got, left := p.touched(cfg, "main", []string{"a.yml"}); len(got) != limit.PreviewTargets || left != 0 {
		t.Errorf("%d targets, %d left", len(got), left)
	}
}

func TestTouches(t *testing.T) {
	cfg := config.Default()
	cfg.Repository.Branch = "main"
	cfg.Targets = []config.Target{{Name: "dev", Overlays: []string{"dev"}}, {Name: "prod", Overlays: []string{"common", "prod"}}, {Name: "old", Branch: "old"}, {Name: "tagged", Tag: "v*"}}
	p := &previewer{cfg: cfg}
	for path, want := range map[string][]string{
		"assets/a.yml": {"dev", "prod"}, "dev/a.yml": {"dev"}, "prod/x/a.yml": {"prod"}, "common/a.yml": {"prod"}, "production/a.yml": {"dev", "prod"},
		".github/workflows/x.yml": nil, "src/train.py": {"dev", "prod"},
	} {
		got, _ := p.touched(cfg, "main", []string{path})
		var names []string
		for _, t := range got {
			names = append(names, t.Name)
		}
		if !slices.Equal(names, want) {
			t.Errorf("%s: %v", path, names)
		}
	}
	if got, _ := p.touched(cfg, "old", []string{"a"}); len(got) != 1 || got[0].Name != "old" {
		t.Errorf("%v", got)
	}
	p.cfg.Repository.Path = "ml"
	if paths, changed := p.relative([]string{"ml/mlsync.yaml", "ml/a.yml", "mlsync.yaml", "mlx/b"}); !changed || !slices.Equal(paths, []string{"a.yml"}) {
		t.Errorf("%v %v", paths, changed)
	}
}

func TestVerdictOfPreviews(t *testing.T) {
	good := &plan.Plan{Target: plan.Target{Name: "dev"}}
	broken := &plan.Plan{Target: plan.Target{Name: "dev"}, Observed: plan.Observed{Partial: map[asset.Kind]string{"model": "403"}}}
	bad := hostilePlan("dev")
	for _, c := range []struct {
		v    preview
		want forge.State
	}{
		{preview{targets: []previewTarget{{name: "dev", plan: good}}}, forge.Success},
		{preview{}, forge.Success},
		{preview{targets: []previewTarget{{name: "dev", plan: bad}}}, forge.Failure},
		{preview{targets: []previewTarget{{name: "dev", plan: bad}, {name: "b", err: io.EOF}}}, forge.Failure},
		{preview{targets: []previewTarget{{name: "dev", plan: good}, {name: "b", err: io.EOF}}}, forge.Broken},
		{preview{targets: []previewTarget{{name: "dev", plan: broken}}}, forge.Broken},
		{preview{targets: []previewTarget{{name: "dev", plan: broken}}, pr: forge.PullRequest{Fork: true}}, forge.Success},
		{preview{conflicts: []gitrepo.Conflict{{Path: "a"}}}, forge.Failure},
		{preview{unmerged: "no"}, forge.Failure},
	} {
		if got, line := c.v.verdict(); got != c.want || line == "" {
			t.Errorf("%+v: %s %q", c.v, got, line)
		}
	}
}

// service answers as GitHub does, if up says so.
type service struct {
	status int
	sent   []string
	pull   map[string]any
}

func (s *service) box(t *testing.T, now func() time.Time) *postbox {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		if r.Method != http.MethodGet {
			w.WriteHeader(s.status)
			if s.status < 300 {
				s.sent = append(s.sent, r.URL.Path+" "+string(body))
			}
			_, _ = io.WriteString(w, `{"message":"m"}`)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/comments") {
			_, _ = io.WriteString(w, `[]`)
			return
		}
		_ = json.NewEncoder(w).Encode(s.pull)
	}))
	t.Cleanup(server.Close)
	f, err := forge.Of("https://github.com/a/b", forge.Options{API: server.URL, Token: "x"})
	if err != nil {
		t.Fatal(err)
	}
	store, err := state.Open(t.Context(), ":memory:", state.Options{Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return &postbox{store: store, forge: f, log: slog.New(slog.DiscardHandler), now: now, later: func(context.Context, string) error { return nil }}
}

// What is to be told is told once the service takes it, and given up after a
// day or if it never will. A success is told when it is news, a failure always.
func TestPostsAreTriedAndGivenUp(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sha := strings.Repeat("a", 40)
	s := &service{status: 502, pull: map[string]any{"number": 7, "state": "open", "head": map[string]any{"ref": "x", "sha": sha}, "base": map[string]any{"ref": "main"}}}
	box := s.box(t, func() time.Time { return now })
	ctx := t.Context()
	say := func(state forge.State, text string) {
		t.Helper()
		if err := box.status(ctx, "l", forge.CommitStatus{Commit: sha, Context: "mlsync/dev", State: state, Description: text}); err != nil {
			t.Fatal(err)
		}
	}
	deliver := func(ok bool, sent int) {
		t.Helper()
		if err := box.deliver(ctx, "l"); (err == nil) != ok || len(s.sent) != sent {
			t.Errorf("%v, sent %q", err, s.sent)
		}
	}
	s.status = 401
	say(forge.Success, "one\u202e\n@two "+strings.Repeat("ü", 200))
	deliver(false, 0)
	s.status = 201
	deliver(true, 1)
	if text := s.sent[0]; strings.Contains(text, "\u202e") || len(text) > 400 {
		t.Errorf("%q", text)
	}
	say(forge.Success, "one\u202e\n@two "+strings.Repeat("ü", 200))
	deliver(true, 1)
	say(forge.Failure, "bad")
	deliver(true, 2)
	say(forge.Failure, "bad")
	deliver(true, 3)
	say(forge.Success, "good")
	deliver(true, 4)
	// Refused for good: it is not tried again.
	s.status = 422
	say(forge.Failure, "refused")
	deliver(true, 4)
	s.status = 201
	deliver(true, 4)
	// Too old.
	s.status = 401
	say(forge.Failure, "old")
	now = now.Add(limit.PostAge)
	deliver(false, 4)
	now = now.Add(time.Nanosecond)
	deliver(true, 4)
	// A comment about an older head, or a closed pull request, is not told.
	s.status = 201
	for _, c := range []struct {
		head, state string
		sent        int
	}{{strings.Repeat("b", 40), "open", 4}, {sha, "closed", 4}, {sha, "open", 5}} {
		s.pull["state"] = c.state
		if err := box.comment(ctx, 7, c.head, "m", "text"); err != nil {
			t.Fatal(err)
		}
		if err := box.deliver(ctx, "pull/7"); err != nil || len(s.sent) != c.sent {
			t.Errorf("%+v: %v %q", c, err, s.sent)
		}
	}
	if err := box.sweep(ctx); err != nil {
		t.Error(err)
	}
}

// So many previews are made at a time, each within its time; others come later
// and keep no worker.
func TestAttackL62PreviewsAtATime(t *testing.T) {
	ctx := t.Context()
	store, err := state.Open(ctx, t.TempDir()+"/journal.db", state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	q, err := queue.OpenSQLite(ctx, store.DB(), queue.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	if err := q.Register(taskPreview, func(context.Context, []byte) error { return nil }, previewTask()); err != nil {
		t.Fatal(err)
	}
	if previewTask().Timeout != limit.PreviewTime {
		t.Error("a preview is not bounded")
	}
	w := &pullWatch{d: &daemon{queue: q}, places: make(chan struct{}, limit.PreviewsAtOnce)}
	for range limit.PreviewsAtOnce {
		w.places <- struct{}{}
	}
	if err := w.preview(ctx, "7"); err != nil { // it would ask the service, of which there is none
		t.Error(err)
	}
	<-w.places
	func() {
		defer func() {
			if recover() == nil {
				t.Error("there was a place, and it was not made")
			}
		}()
		_ = w.preview(ctx, "7")
	}()
}

// An older head's preview ends when a newer one is seen.
func TestNewestHeadWins(t *testing.T) {
	w := &pullWatch{running: map[int64]running{}}
	ctx, end := w.begin(t.Context(), forge.PullRequest{Number: 7, Commit: "old"})
	w.supersede(forge.PullRequest{Number: 7, Commit: "old"})
	w.supersede(forge.PullRequest{Number: 8, Commit: "new"})
	if ctx.Err() != nil {
		t.Error("ended for nothing")
	}
	w.supersede(forge.PullRequest{Number: 7, Commit: "new"})
	if !errors.Is(context.Cause(ctx), errSuperseded) {
		t.Error("it goes on")
	}
	end()
	if len(w.running) != 0 {
		t.Error("not forgotten")
	}
}

// The authors of all commits since the last one count, as far as history is
// known, and no more than so many commits are looked at.
func TestAuthorsOfCommits(t *testing.T) {
	history := map[gitrepo.Hash]gitrepo.Commit{}
	commit := func(name, who string, parents ...gitrepo.Hash) {
		s := gitrepo.Signature{Name: who, Email: who + "@contoso.com"}
		history[gitrepo.Hash(name)] = gitrepo.Commit{Hash: gitrepo.Hash(name), Author: s, Committer: s, Parents: parents}
	}
	commit("1", "old")
	commit("2", "ann", "1")
	commit("3", "bob", "1")
	commit("4", "cid", "2", "3")
	read := func(h gitrepo.Hash) (gitrepo.Commit, error) {
		c, ok := history[h]
		if !ok {
			return c, gitrepo.ErrNotFound
		}
		return c, nil
	}
	if got := authorsOf(read, "1", "4", 10); !slices.Equal(got, []string{"ann", "ann@contoso.com", "bob", "bob@contoso.com", "cid", "cid@contoso.com"}) {
		t.Errorf("%v", got)
	}
	delete(history, "2")
	if got := authorsOf(read, "1", "4", 10); slices.Contains(got, "ann") || !slices.Contains(got, "bob") {
		t.Errorf("%v", got)
	}
	previous := ""
	for i := range limit.ApprovalCommits + 1 {
		name := fmt.Sprintf("n%d", i)
		commit(name, name, gitrepo.Hash(previous))
		previous = name
	}
	got := authorsOf(read, "", gitrepo.Hash(previous), limit.ApprovalCommits)
	if slices.Contains(got, "n0") || !slices.Contains(got, "n1") {
		t.Error("not as many commits as there may be")
	}
}

// Approvals of who made a commit count for nothing, and are told.
func TestAttackZ22ApprovalsByTheAuthor(t *testing.T) {
	ctx := t.Context()
	store, err := state.Open(ctx, ":memory:", state.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	target, err := store.Target(ctx, "prod", "/subscriptions/s")
	if err != nil {
		t.Fatal(err)
	}
	j := &journal{Target: target, store: store}
	for _, who := range []string{"Ann Author", "ann@contoso.com", "ANN", "bob", "ann2"} {
		if _, err := j.Approve(ctx, state.Approval{Digest: "d", Allow: []string{"delete:x"}, Author: who, Expires: time.Now().Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	// Whom an API knows by a number is known to git by what a token says.
	if _, err := j.Approve(ctx, state.Approval{Digest: "d", Allow: []string{"delete:x"}, Author: "user:entra/7f3", Names: []string{"ann@contoso.com"}, Expires: time.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	var left []string
	f := &fourEyes{journal: j, authors: []string{"Ann Author", "ann@contoso.com"}, left: func(a state.Approval) { left = append(left, a.Author) }}
	got, err := f.Approvals(ctx, "d")
	if err != nil || len(got) != 2 || !slices.Equal(left, []string{"Ann Author", "ann@contoso.com", "ANN", "user:entra/7f3"}) {
		t.Errorf("%v, left %v, %v", got, left, err)
	}
	if got, err := f.Approvals(ctx, "another"); err != nil || len(got) != 0 {
		t.Errorf("%v %v", got, err)
	}
	if err := notAuthor("bob", f.authors, "c"); err != nil {
		t.Error(err)
	}
	if err := notAuthor("ann", f.authors, "c"); err == nil || !strings.Contains(err.Error(), "somebody else has to") {
		t.Error(err)
	}
}
