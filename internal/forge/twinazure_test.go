package forge

import (
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

func devopsPull(s *state, p *pull, most int) obj {
	status := "abandoned"
	if p.open {
		status = "active"
	}
	out := obj{
		"pullRequestId": p.number, "status": status, "title": p.title, "description": cut(p.body, most), "sourceRefName": "refs/heads/" + p.head, "targetRefName": "refs/heads/" + p.base,
		"lastMergeSourceCommit": obj{"commitId": p.commit()}, "createdBy": obj{"uniqueName": p.author}, "repository": obj{"webUrl": "https://dev.azure.com/team/My%20Project/_git/repo"},
	}
	labels := []obj{}
	for _, n := range s.labelNames(p.number) {
		labels = append(labels, obj{"id": "1", "name": n, "active": true})
	}
	out["labels"] = labels
	if p.fork {
		out["forkSource"] = obj{"name": "refs/heads/" + p.head}
	}
	return out
}

func azureTwin(s *state) http.Handler {
	s.longest = 400
	mux := http.NewServeMux()
	const at = "/team/{project}/_apis/git/repositories/repo"
	refused := func(w http.ResponseWriter, status int, message string) {
		answer(w, status, obj{"$id": "1", "innerException": nil, "message": message, "typeKey": "GitException", "errorCode": 0, "eventId": 3000})
	}
	gone := func(w http.ResponseWriter) {
		refused(w, 404, "TF401180: The requested pull request was not found.")
	}
	mux.HandleFunc("GET "+at+"/pullrequests", func(w http.ResponseWriter, r *http.Request) {
		all := []obj{}
		for _, p := range s.pulls {
			head, base := r.FormValue("searchCriteria.sourceRefName"), r.FormValue("searchCriteria.targetRefName")
			if p.open && r.FormValue("searchCriteria.status") == "active" && (head == "" || head == "refs/heads/"+p.head) && (base == "" || base == "refs/heads/"+p.base) {
				all = append(all, devopsPull(s, p, s.longest))
			}
		}
		skip, _ := strconv.Atoi(r.FormValue("$skip"))
		top, _ := strconv.Atoi(r.FormValue("$top"))
		from := min(skip, len(all))
		out := all[from:min(len(all), from+top)]
		answer(w, 200, obj{"value": out, "count": len(out)})
	})
	mux.HandleFunc("POST "+at+"/pullrequests", func(w http.ResponseWriter, r *http.Request) {
		b := body(r)
		head, ok1 := strings.CutPrefix(str(b["sourceRefName"]), "refs/heads/")
		base, ok2 := strings.CutPrefix(str(b["targetRefName"]), "refs/heads/")
		switch {
		case !ok1 || !ok2 || base == "absent":
			refused(w, 400, "TF401398: The pull request cannot be activated because the source and/or the target branch no longer exists, or the requested refs are not branches.")
			return
		case s.find(head, base) != nil:
			refused(w, 409, "TF401179: An active pull request for the source and target branch already exists.")
			return
		}
		p := &pull{number: s.next(), head: head, base: base, title: str(b["title"]), body: str(b["description"]), author: s.whose, open: true}
		s.pulls = append(s.pulls, p)
		answer(w, 201, devopsPull(s, p, 4000))
	})
	mux.HandleFunc("GET "+at+"/pullrequests/{number}", func(w http.ResponseWriter, r *http.Request) {
		if p := s.pull(r); p != nil {
			answer(w, 200, devopsPull(s, p, 4000))
			return
		}
		gone(w)
	})
	mux.HandleFunc("PATCH "+at+"/pullrequests/{number}", func(w http.ResponseWriter, r *http.Request) {
		p, b := s.pull(r), body(r)
		if p == nil {
			gone(w)
			return
		}
		p.title, p.body = str(b["title"]), str(b["description"])
		answer(w, 200, devopsPull(s, p, 4000))
	})
	devopsThreads(s, mux, at, refused)
	mux.HandleFunc("POST "+at+"/commits/{sha}/statuses", func(w http.ResponseWriter, r *http.Request) {
		b := body(r)
		c, _ := b["context"].(obj)
		s.statuses = append(s.statuses, posted{r.PathValue("sha"), str(c["genre"]) + "/" + str(c["name"]), str(b["state"]), str(b["description"]), str(b["targetUrl"])})
		answer(w, 201, b)
	})
	mux.HandleFunc("GET "+at+"/pullRequests/{number}/labels", func(w http.ResponseWriter, r *http.Request) {
		out := []obj{{"id": "1", "name": "gone", "active": false}}
		for _, n := range s.labelNames(s.pull(r).number) {
			out = append(out, obj{"id": "1", "name": n, "active": true})
		}
		answer(w, 200, obj{"value": out, "count": len(out)})
	})
	mux.HandleFunc("GET /team/_apis/connectionData", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, obj{"authenticatedUser": obj{"id": s.whose}})
	})
	versioned := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-TFS-ProcessId", "1")
		if !strings.HasPrefix(r.FormValue("api-version"), "7.0") {
			refused(w, 400, "No api-version was supplied for the request.")
			return
		}
		mux.ServeHTTP(w, r)
	})
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(":"+token))
	return guard(s, "Authorization", basic, func(w http.ResponseWriter) {
		w.Header().Set("X-TFS-ProcessId", "1")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.WriteHeader(203)
		_, _ = w.Write([]byte("<html>Azure DevOps Services | Sign In</html>"))
	}, versioned)
}

func devopsThreads(s *state, mux *http.ServeMux, at string, refused func(http.ResponseWriter, int, string)) {
	mux.HandleFunc("GET "+at+"/pullRequests/{number}/threads", func(w http.ResponseWriter, r *http.Request) {
		out := []obj{
			{"id": 1, "comments": []obj{{"id": 1, "commentType": "system", "content": "<!-- m -->\njoined", "author": obj{"id": s.whose}}}},
			{"id": 2, "isDeleted": true, "comments": []obj{{"id": 1, "commentType": "text", "content": "<!-- m -->\n", "isDeleted": true, "author": obj{"id": s.whose}}}},
		}
		for _, c := range s.notes {
			out = append(out, obj{"id": c.id, "status": "closed", "comments": []obj{{"id": 1, "parentCommentId": 0, "commentType": "text", "content": c.body, "author": obj{"id": c.author}}}})
		}
		answer(w, 200, obj{"value": out, "count": len(out)})
	})
	mux.HandleFunc("POST "+at+"/pullRequests/{number}/threads", func(w http.ResponseWriter, r *http.Request) {
		b := body(r)
		list, _ := b["comments"].([]any)
		if len(list) != 1 || b["status"] != "closed" {
			refused(w, 400, "a thread needs a comment, and one that is open blocks the merge")
			return
		}
		c := &note{id: s.next(), pull: s.pull(r).number, author: s.whose, body: str(list[0].(obj)["content"])}
		s.notes = append(s.notes, c)
		answer(w, 200, obj{"id": c.id})
	})
	mux.HandleFunc("PATCH "+at+"/pullRequests/{number}/threads/{id}/comments/1", func(w http.ResponseWriter, r *http.Request) {
		c := s.note(r)
		switch {
		case c == nil:
			refused(w, 404, "the thread does not exist")
		case c.author != s.whose:
			refused(w, 403, "only who wrote a comment may change it")
		default:
			c.body = str(body(r)["content"])
			answer(w, 200, obj{"id": 1})
		}
	})
}
