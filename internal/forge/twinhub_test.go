package forge

import (
	"net/http"
	"strings"
	"time"
)

func ends(repo, ref, sha string, id int64) obj {
	return obj{"ref": ref, "sha": sha, "repo": obj{"id": id, "full_name": repo}}
}

// hubPull is a pull request as GitHub and Gitea write it.
func (s *state) hubPull(p *pull) obj {
	state, from := "closed", int64(1)
	if p.open {
		state = "open"
	}
	if p.fork {
		from = 2
	}
	return obj{
		"id": 900 + p.number, "number": p.number, "state": state, "title": p.title, "body": p.body, "user": obj{"login": p.author},
		"html_url": "https://github.com/team/repo/pull/1", "head": ends("x/repo", p.head, p.commit(), from), "base": ends("team/repo", p.base, hash, 1),
		"labels": labelObjects(s.labelNames(p.number)),
	}
}

func hubNote(c *note) obj {
	kind := "User"
	if c.bot {
		kind = "Bot"
	}
	return obj{"id": c.id, "body": c.body, "user": obj{"login": c.author, "type": kind}}
}

// hub are the routes that GitHub and Gitea have in common. said is the answer
// to a second pull request.
func hub(s *state, prefix string, said func(w http.ResponseWriter)) *http.ServeMux {
	mux := http.NewServeMux()
	at := prefix + "/repos/team/repo"
	gone := func(w http.ResponseWriter) { answer(w, 404, obj{"message": "Not Found"}) }
	mux.HandleFunc("GET "+at+"/pulls/{number}", func(w http.ResponseWriter, r *http.Request) {
		if p := s.pull(r); p != nil {
			answer(w, 200, s.hubPull(p))
			return
		}
		gone(w)
	})
	mux.HandleFunc("POST "+at+"/pulls", func(w http.ResponseWriter, r *http.Request) {
		b := body(r)
		if s.find(str(b["head"]), str(b["base"])) != nil {
			said(w)
			return
		}
		if b["base"] == "absent" {
			answer(w, 422, obj{"message": "Validation Failed", "errors": []obj{{"resource": "PullRequest", "field": "base", "code": "invalid"}}})
			return
		}
		p := &pull{number: s.next(), head: str(b["head"]), base: str(b["base"]), title: str(b["title"]), body: str(b["body"]), author: s.whose, open: true}
		s.pulls = append(s.pulls, p)
		answer(w, 201, s.hubPull(p))
	})
	mux.HandleFunc("PATCH "+at+"/pulls/{number}", func(w http.ResponseWriter, r *http.Request) {
		p, b := s.pull(r), body(r)
		if p == nil {
			gone(w)
			return
		}
		p.title, p.body = str(b["title"]), str(b["body"])
		answer(w, 201, s.hubPull(p)) // GitHub says 200
	})
	mux.HandleFunc("POST "+at+"/issues/{number}/comments", func(w http.ResponseWriter, r *http.Request) {
		p := s.pull(r)
		if p == nil {
			gone(w)
			return
		}
		c := &note{id: s.next(), pull: p.number, author: s.whose, body: str(body(r)["body"]), bot: s.app}
		s.notes = append(s.notes, c)
		answer(w, 201, hubNote(c))
	})
	mux.HandleFunc("PATCH "+at+"/issues/comments/{id}", func(w http.ResponseWriter, r *http.Request) {
		c := s.note(r)
		if c == nil {
			gone(w)
			return
		}
		c.body = str(body(r)["body"])
		answer(w, 200, hubNote(c))
	})
	mux.HandleFunc("POST "+at+"/statuses/{sha}", func(w http.ResponseWriter, r *http.Request) {
		b := body(r)
		s.statuses = append(s.statuses, posted{r.PathValue("sha"), str(b["context"]), str(b["state"]), str(b["description"]), str(b["target_url"])})
		answer(w, 201, b)
	})
	// maintain is written as write, and triage as read, by GitHub.
	mux.HandleFunc("GET "+at+"/collaborators/{name}/permission", func(w http.ResponseWriter, r *http.Request) {
		may := s.may[r.PathValue("name")]
		if may == "" {
			gone(w)
			return
		}
		answer(w, 200, obj{"permission": may, "role_name": may, "user": obj{"login": r.PathValue("name")}})
	})
	mux.HandleFunc("GET "+prefix+"/user", func(w http.ResponseWriter, _ *http.Request) {
		if s.app {
			answer(w, 403, obj{"message": "Resource not accessible by integration"})
			return
		}
		answer(w, 200, obj{"login": s.whose, "type": "User"})
	})
	return mux
}

func labelObjects(names []string) []obj {
	out := []obj{}
	for _, n := range names {
		out = append(out, obj{"id": 1, "name": n})
	}
	return out
}

func (s *state) notesOf(p *pull) []obj {
	out := []obj{}
	for _, c := range s.notes {
		if p != nil && c.pull == p.number {
			out = append(out, hubNote(c))
		}
	}
	return out
}

// guard holds the token against the header that the service documents.
func guard(s *state, name, value string, refuse func(http.ResponseWriter), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if r.Header.Get(name) != value || r.Header.Get("User-Agent") != "test" {
			refuse(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func githubTwin(s *state) http.Handler {
	mux := hub(s, "", func(w http.ResponseWriter) {
		answer(w, 422, obj{"message": "Validation Failed", "errors": []obj{{"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for team:topic."}}})
	})
	// head and base filter; a fork whose owner is another has another head.
	mux.HandleFunc("GET /repos/team/repo/pulls", func(w http.ResponseWriter, r *http.Request) {
		out := []obj{}
		for _, p := range s.pulls {
			head, base := r.FormValue("head"), r.FormValue("base")
			if p.open && r.FormValue("state") == "open" && (head == "" || head == "team:"+p.head) && (base == "" || base == p.base) {
				out = append(out, s.hubPull(p))
			}
		}
		tagged(w, r, "per_page", 100, out)
	})
	mux.HandleFunc("GET /repos/team/repo/issues/{number}/comments", func(w http.ResponseWriter, r *http.Request) {
		paged(w, r, "per_page", 100, s.notesOf(s.pull(r)))
	})
	mux.HandleFunc("GET /repos/team/repo/issues/{number}/labels", func(w http.ResponseWriter, r *http.Request) {
		paged(w, r, "per_page", 100, labelObjects(s.labelNames(s.pull(r).number)))
	})
	mux.HandleFunc("GET /repos/team/repo/issues/{number}/events", func(w http.ResponseWriter, r *http.Request) {
		out := []obj{}
		for _, e := range s.events {
			kind := map[bool]string{true: "labeled", false: "unlabeled"}[e.set]
			out = append(out, obj{"event": "mentioned", "actor": nil, "created_at": e.at}, obj{"event": kind, "actor": obj{"login": e.by}, "created_at": e.at, "label": obj{"name": e.name}})
		}
		for _, p := range s.pushes {
			if p.forced { // of other pushes nothing is said here
				out = append(out, obj{"event": "head_ref_force_pushed", "actor": nil, "created_at": p.at})
			}
		}
		paged(w, r, "per_page", 100, out)
	})
	return guard(s, "Authorization", "Bearer "+token, func(w http.ResponseWriter) { answer(w, 401, obj{"message": "Bad credentials"}) }, mux)
}

func giteaTwin(s *state) http.Handler {
	mux := hub(s, "/api/v1", func(w http.ResponseWriter) {
		answer(w, 409, obj{"message": "pull request already exists for these targets [id: 1]", "url": "https://codeberg.org/api/swagger"})
	})
	// The head cannot be asked for; a page has 50 at most.
	mux.HandleFunc("GET /api/v1/repos/team/repo/pulls", func(w http.ResponseWriter, r *http.Request) {
		out := []obj{}
		for _, p := range s.pulls {
			if p.open {
				out = append(out, s.hubPull(p))
			}
		}
		paged(w, r, "limit", 50, out)
	})
	// Not paged, whatever is asked.
	mux.HandleFunc("GET /api/v1/repos/team/repo/issues/{number}/comments", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, s.notesOf(s.pull(r)))
	})
	mux.HandleFunc("GET /api/v1/repos/team/repo/issues/{number}/labels", func(w http.ResponseWriter, r *http.Request) {
		answer(w, 200, labelObjects(s.labelNames(s.pull(r).number)))
	})
	// Without Link; an empty page is null.
	mux.HandleFunc("GET /api/v1/repos/team/repo/issues/{number}/timeline", func(w http.ResponseWriter, r *http.Request) {
		out := []obj{}
		for _, e := range s.events {
			text := map[bool]string{true: "1", false: ""}[e.set]
			out = append(out, obj{"type": "comment", "body": "1", "created_at": e.at}, obj{"type": "label", "body": text, "user": obj{"login": e.by}, "created_at": e.at, "label": obj{"name": e.name}})
		}
		for _, p := range s.pushes {
			out = append(out, obj{"type": "pull_push", "body": `{"is_force_push":false,"commit_ids":["` + p.sha + `"]}`, "created_at": p.at})
		}
		rest := out
		if page := r.FormValue("page"); page != "1" {
			rest = nil
		}
		if rest == nil {
			answer(w, 200, nil)
			return
		}
		answer(w, 200, rest)
	})
	mux.HandleFunc("GET /api/v1/version", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, obj{"version": "1.24.0"}) })
	return guard(s, "Authorization", "token "+token, func(w http.ResponseWriter) { answer(w, 401, obj{"message": "token is required"}) }, mux)
}

func when(minute int) time.Time { return time.Date(2026, 1, 2, 3, minute, 0, 0, time.UTC) }

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return strings.Clone(s)
}
