package forge

import (
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

func labMerge(s *state, p *pull) obj {
	state, from := "closed", int64(1)
	if p.open {
		state = "opened"
	}
	if p.fork {
		from = 2
	}
	return obj{
		"id": 900 + p.number, "iid": p.number, "state": state, "title": p.title, "description": p.body, "web_url": "https://gitlab.com/team/sub/repo/-/merge_requests/1",
		"sha": p.commit(), "source_branch": p.head, "target_branch": p.base, "source_project_id": from, "target_project_id": 1,
		"author": obj{"username": p.author}, "labels": append([]string{}, s.labelNames(p.number)...),
	}
}

// quick are the actions that the service carries out: as a stand-in for what
// they may do, the text is left with a trace of it.
var quick = regexp.MustCompile(`(?im)^/(merge|approve|label|close)( [^\n]*)?(\s*\n|$)`)

func labText(text string) string {
	return quick.ReplaceAllString(strings.ReplaceAll(text, "\r", ""), "CARRIED OUT\n")
}

func gitlabTwin(s *state) http.Handler {
	mux := http.NewServeMux()
	const at = "/api/v4/projects/{project}"
	gone := func(w http.ResponseWriter) { answer(w, 404, obj{"message": "404 Not found"}) }
	mux.HandleFunc("GET "+at+"/merge_requests", func(w http.ResponseWriter, r *http.Request) {
		out := []obj{}
		for _, p := range s.pulls {
			head, base := r.FormValue("source_branch"), r.FormValue("target_branch")
			if p.open && r.FormValue("state") == "opened" && (head == "" || head == p.head) && (base == "" || base == p.base) {
				out = append(out, labMerge(s, p))
			}
		}
		tagged(w, r, "per_page", 100, out)
	})
	mux.HandleFunc("POST "+at+"/merge_requests", func(w http.ResponseWriter, r *http.Request) {
		b := body(r)
		if s.find(str(b["source_branch"]), str(b["target_branch"])) != nil {
			answer(w, 409, obj{"message": []string{"Another open merge request already exists for this source branch: !1"}})
			return
		}
		if b["target_branch"] == "absent" {
			answer(w, 400, obj{"message": obj{"target_branch": []string{"does not exist"}}})
			return
		}
		p := &pull{number: s.next(), head: str(b["source_branch"]), base: str(b["target_branch"]), title: str(b["title"]), body: labText(str(b["description"])), author: s.whose, open: true}
		s.pulls = append(s.pulls, p)
		answer(w, 201, labMerge(s, p))
	})
	mux.HandleFunc("GET "+at+"/merge_requests/{number}", func(w http.ResponseWriter, r *http.Request) {
		if p := s.pull(r); p != nil {
			answer(w, 200, labMerge(s, p))
			return
		}
		gone(w)
	})
	mux.HandleFunc("PUT "+at+"/merge_requests/{number}", func(w http.ResponseWriter, r *http.Request) {
		p, b := s.pull(r), body(r)
		if p == nil {
			gone(w)
			return
		}
		p.title, p.body = str(b["title"]), labText(str(b["description"]))
		answer(w, 200, labMerge(s, p))
	})
	labNotes(s, mux, at, gone)
	mux.HandleFunc("POST "+at+"/statuses/{sha}", func(w http.ResponseWriter, r *http.Request) {
		b := body(r)
		next := posted{r.PathValue("sha"), str(b["name"]), str(b["state"]), str(b["description"]), str(b["target_url"])}
		at := slices.IndexFunc(s.statuses, func(p posted) bool { return p.sha == next.sha && p.context == next.context && p.state == "running" })
		if at >= 0 && next.state == "running" {
			answer(w, 400, obj{"message": "Cannot transition status via :run from :running (Reason(s): Status cannot transition via \"run\")"})
			return
		}
		s.statuses = append(s.statuses, next)
		answer(w, 201, b)
	})
	// Invited and inherited members too; those who are none are not found.
	mux.HandleFunc("GET "+at+"/members/all/{account}", func(w http.ResponseWriter, r *http.Request) {
		for name, may := range s.may {
			if strconv.FormatInt(account(name), 10) == r.PathValue("account") {
				level := map[string]int{"read": 20, "write": 30, "admin": 40, "blocked": 40}[may]
				state := map[bool]string{true: "blocked", false: "active"}[may == "blocked"]
				answer(w, 200, obj{"id": account(name), "username": name, "access_level": level, "state": state})
				return
			}
		}
		gone(w)
	})
	// Each push makes one, the newest first.
	mux.HandleFunc("GET "+at+"/merge_requests/{number}/versions", func(w http.ResponseWriter, r *http.Request) {
		out := []obj{{"id": 1, "head_commit_sha": strings.Repeat("0", 40), "created_at": when(0)}}
		for _, p := range s.pushes {
			out = append([]obj{{"id": 2, "head_commit_sha": p.sha, "created_at": p.at}}, out...)
		}
		paged(w, r, "per_page", 100, out)
	})
	mux.HandleFunc("GET /api/v4/user", func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, obj{"username": s.whose}) })
	mux.HandleFunc("GET "+at+"/merge_requests/{number}/resource_label_events", func(w http.ResponseWriter, r *http.Request) {
		out := []obj{{"action": "add", "label": nil, "user": obj{"username": "x"}, "created_at": when(0)}}
		for _, e := range s.events {
			act := map[bool]string{true: "add", false: "remove"}[e.set]
			out = append(out, obj{"action": act, "user": obj{"username": e.by, "id": account(e.by)}, "created_at": e.at, "label": obj{"name": e.name}})
		}
		paged(w, r, "per_page", 100, out)
	})
	whole := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Gitlab-Meta", "{}")
		if rest, ok := strings.CutPrefix(r.URL.EscapedPath(), "/api/v4/projects/"); ok && !strings.HasPrefix(rest, "team%2Fsub%2Frepo/") {
			gone(w)
			return
		}
		mux.ServeHTTP(w, r)
	})
	return guard(s, "Authorization", "Bearer "+token, func(w http.ResponseWriter) {
		w.Header().Set("X-Gitlab-Meta", "{}")
		answer(w, 401, obj{"message": "401 Unauthorized"})
	}, whole)
}

func labNotes(s *state, mux *http.ServeMux, at string, gone func(http.ResponseWriter)) {
	mux.HandleFunc("GET "+at+"/merge_requests/{number}/notes", func(w http.ResponseWriter, r *http.Request) {
		out := []obj{{"id": 1, "body": "<!-- m -->\nassigned", "system": true, "author": obj{"username": s.whose}}}
		for _, c := range s.notes {
			out = append(out, obj{"id": c.id, "body": c.body, "system": false, "author": obj{"username": c.author}})
		}
		paged(w, r, "per_page", 100, out)
	})
	mux.HandleFunc("POST "+at+"/merge_requests/{number}/notes", func(w http.ResponseWriter, r *http.Request) {
		c := &note{id: s.next(), pull: s.pull(r).number, author: s.whose, body: labText(str(body(r)["body"]))}
		s.notes = append(s.notes, c)
		answer(w, 201, obj{"id": c.id})
	})
	mux.HandleFunc("PUT "+at+"/merge_requests/{number}/notes/{id}", func(w http.ResponseWriter, r *http.Request) {
		c := s.note(r)
		if c == nil {
			gone(w)
			return
		}
		c.body = labText(str(body(r)["body"]))
		answer(w, 200, obj{"id": c.id})
	})
}
