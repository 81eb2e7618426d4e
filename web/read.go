package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// usual is how many items a page has if nothing else is asked for.
const usual = 100

// span is which part of a list is asked for, and in which project it begins.
func (c *call) span() (at position, n int, err error) {
	n = usual
	if v := c.query["limit"]; v != "" {
		n, _ = strconv.Atoi(v) // it was checked
	}
	if v := c.query["cursor"]; v != "" {
		var ok bool
		if at, ok = readMark(c.r.URL.Path, c.r.URL.Query(), v); !ok {
			return at, n, badRequest("the query has mistakes", FieldError{"cursor", "it is not of this list with these filters: begin again without it"})
		}
	}
	return at, n, nil
}

// page is what a list gave, cut to n items.
func page[T any](c *call, items []T, marks []position, n int) Page[T] {
	out := Page[T]{Items: items}
	if len(items) > n {
		out.Items = items[:n]
		out.Next = mark(c.r.URL.Path, c.r.URL.Query(), marks[n-1])
	}
	if out.Items == nil {
		out.Items = []T{}
	}
	return out
}

// single is a page of a list that knows no projects.
func single[T any](c *call, list func(span Span) ([]T, []string, error)) (any, error) {
	at, n, err := c.span()
	if err != nil {
		return nil, err
	}
	items, after, err := list(Span{After: at.After, Limit: n + 1})
	if err != nil {
		return nil, err
	}
	return page(c, items, positions("", after), n), nil
}

func positions(project string, after []string) []position {
	out := make([]position, len(after))
	for i, a := range after {
		out[i] = position{project, a}
	}
	return out
}

// walk is a page of a list over the projects, one after the other.
func walk[T any](c *call, list func(p Project, targets []string, span Span) ([]T, []string, error)) (any, error) {
	at, n, err := c.span()
	if err != nil {
		return nil, err
	}
	projects, err := c.chosen()
	if err != nil {
		return nil, err
	}
	var items []T
	var marks []position
	for _, p := range projects {
		if p.Name < at.Project || len(items) > n {
			continue
		}
		targets := p.Targets
		if t := c.query["target"]; t != "" {
			if _, ok := slices.BinarySearch(targets, t); !ok {
				continue
			}
			targets = []string{t}
		}
		span := Span{Limit: n + 1 - len(items)}
		if p.Name == at.Project {
			span.After = at.After
		}
		more, after, err := list(p, targets, span)
		if err != nil {
			return nil, err
		}
		items, marks = append(items, more...), append(marks, positions(p.Name, after)...)
	}
	return page(c, items, marks, n), nil
}

// chosen are the projects of the call, or the one that the query names.
func (c *call) chosen() ([]Project, error) {
	name := c.query["project"]
	if name == "" {
		return c.projects, nil
	}
	i := slices.IndexFunc(c.projects, func(p Project) bool { return p.Name == name })
	if i < 0 {
		return nil, hidden()
	}
	return c.projects[i : i+1], nil
}

func (s *Server) document(*call) (any, error) { return Document(s.o.Version), nil }

func (s *Server) version(*call) (any, error) { return Version{Version: s.o.Version, API: "v1"}, nil }

func (s *Server) whoami(c *call) (any, error) {
	out := Identity{Subject: c.who.Subject, Name: c.who.Name, Kind: string(c.who.Kind), Grants: []Grant{}, Expires: when(c.who.Expires)}
	for _, g := range c.who.Grants {
		out.Grants = append(out.Grants, Grant{string(g.Role), g.Project})
	}
	return out, nil
}

func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (s *Server) projects(c *call) (any, error) {
	at, n, err := c.span()
	if err != nil {
		return nil, err
	}
	var items []ProjectInfo
	var marks []position
	for _, p := range c.projects {
		if at.Project != "" && p.Name <= at.Project {
			continue
		}
		roles := []string{}
		for _, r := range c.who.Roles(p.Name) {
			roles = append(roles, string(r))
		}
		items = append(items, ProjectInfo{Name: p.Name, Targets: len(p.Targets), Roles: roles})
		marks = append(marks, position{Project: p.Name})
	}
	return page(c, items, marks, n), nil
}

func (s *Server) targets(c *call) (any, error) {
	glob := c.query["name"]
	if _, err := path.Match(glob, ""); err != nil {
		return nil, badRequest("the query has mistakes", FieldError{"name", "it is no glob"})
	}
	return walk(c, func(p Project, names []string, span Span) ([]Target, []string, error) {
		var chosen []string
		for _, name := range names {
			if name <= span.After && span.After != "" {
				continue
			}
			if ok, _ := path.Match(glob, name); ok || glob == "" {
				chosen = append(chosen, name)
			}
		}
		return healthy(c.ctx, p, chosen, c.query["health"], span.Limit)
	})
}

// healthy are targets of a health, "" for any, as many as are asked for.
func healthy(ctx context.Context, p Project, names []string, health string, n int) ([]Target, []string, error) {
	var out []Target
	var marks []string
	for size := n; len(names) > 0 && len(out) < n; size *= 2 {
		part := names[:min(len(names), size, limit.APIPage)]
		names = names[len(part):]
		got, err := p.Book.Targets(ctx, part)
		if err != nil {
			return nil, nil, err
		}
		for _, t := range got {
			if (health == "" || t.Health == health) && len(out) < n {
				t.Project = p.Name
				out, marks = append(out, t), append(marks, t.Name)
			}
		}
	}
	return out, marks, nil
}

func (s *Server) target(c *call) (any, error) {
	t, err := c.project.Book.Target(c.ctx, c.target)
	t.Project = c.project.Name
	if t.LastRun != nil {
		t.LastRun.Project = c.project.Name
	}
	return t, err
}

func (s *Server) plan(c *call) (any, error) {
	k, err := c.project.Book.Plan(c.ctx, c.target)
	if err != nil {
		return nil, err
	}
	out, err := kept(c, k.Digest, k.JSON, map[string]string{"text": k.Text, "markdown": k.Markdown})
	out.run = k.Run
	out.etag += "-" + strings.ReplaceAll(k.Run, " ", "-") // it is told of as well
	out.exits = strconv.Itoa(k.Exits[0]) + " " + strconv.Itoa(k.Exits[1])
	return out, err
}

func (s *Server) targetDrift(c *call) (any, error) {
	k, err := c.project.Book.Plan(c.ctx, c.target)
	if err != nil {
		return nil, err
	}
	return kept(c, k.Digest, k.Drift, map[string]string{"text": k.DriftFor})
}

// kept answers with one form of the plan that was kept.
func kept(c *call, digest string, json []byte, texts map[string]string) (form, error) {
	if len(json) == 0 {
		return form{}, Refuse(http.StatusNotFound, "not_kept", "the plan has more bytes than are kept: make it with mlsync plan in a clone of the repository")
	}
	name := c.format()
	text, ok := texts[name]
	out := form{media: "application/json", body: json}
	switch {
	case ok && name == "markdown":
		out = form{media: markdown, body: []byte(text)}
	case ok:
		out = form{media: textPlain, body: []byte(text)}
	}
	sum := sha256.Sum256([]byte(digest + "\x00" + c.route.name + "\x00" + out.media))
	out.etag = hex.EncodeToString(sum[:12])
	return out, nil
}

func (s *Server) gates(c *call) (any, error) {
	g, err := c.project.Book.Gates(c.ctx, c.target)
	if g.Gates == nil {
		g.Gates = []Gate{}
	}
	return g, err
}

func (s *Server) releases(c *call) (any, error) {
	all, err := c.project.Book.Releases(c.ctx, c.target)
	return page(c, all, nil, len(all)), err
}

func (s *Server) history(c *call) (any, error) {
	return single(c, func(span Span) ([]Past, []string, error) {
		items, marks, err := c.project.Book.History(c.ctx, c.target, c.query["asset"], span)
		for i := range items {
			items[i].Project = c.project.Name
		}
		return items, marks, err
	})
}

func (s *Server) run(c *call) (any, error) {
	r, err := c.project.Book.Run(c.ctx, c.r.PathValue("run"))
	if err != nil {
		return nil, err
	}
	if _, ok := slices.BinarySearch(c.project.Targets, r.Target); !ok {
		return nil, hidden()
	}
	r.Project = c.project.Name
	if r.Outcomes == nil {
		r.Outcomes = []Outcome{}
	}
	return r, nil
}

func (s *Server) runs(c *call) (any, error) {
	q := RunQuery{State: c.query["state"], Trigger: c.query["trigger"], Commit: c.query["commit"]}
	return walk(c, func(p Project, targets []string, span Span) ([]Run, []string, error) {
		items, marks, err := p.Book.Runs(c.ctx, targets, q, span)
		for i := range items {
			items[i].Project = p.Name
		}
		return items, marks, err
	})
}

func (s *Server) assets(c *call) (any, error) {
	q, err := assetQuery(c)
	if err != nil {
		return nil, err
	}
	return walk(c, func(p Project, targets []string, span Span) ([]Asset, []string, error) {
		items, marks, err := p.Book.Assets(c.ctx, targets, q, span)
		for i := range items {
			items[i].Project = p.Name
		}
		return items, marks, err
	})
}

func assetQuery(c *call) (AssetQuery, error) {
	q := AssetQuery{Kind: c.query["kind"], Name: c.query["name"]}
	if _, err := path.Match(q.Name, ""); err != nil {
		return q, badRequest("the query has mistakes", FieldError{"name", "it is no glob"})
	}
	return q, nil
}

func (s *Server) drift(c *call) (any, error) {
	q, err := assetQuery(c)
	if err != nil {
		return nil, err
	}
	return walk(c, func(p Project, targets []string, span Span) ([]Drift, []string, error) {
		items, marks, err := p.Book.Drift(c.ctx, targets, q, span)
		for i := range items {
			items[i].Project = p.Name
			if items[i].Paths == nil {
				items[i].Paths = []string{}
			}
		}
		return items, marks, err
	})
}

func (s *Server) inbox(c *call) (any, error) {
	q, err := assetQuery(c)
	if err != nil {
		return nil, err
	}
	states := []string{"open", "accepted"}
	switch of := c.query["state"]; of {
	case "":
	case "all":
		states = strings.Split(founds, ",")
	default:
		states = []string{of}
	}
	return walk(c, func(p Project, targets []string, span Span) ([]Found, []string, error) {
		items, marks, err := p.Book.Inbox(c.ctx, targets, states, q, span)
		for i := range items {
			items[i].Project = p.Name
			if items[i].Paths == nil {
				items[i].Paths = []string{}
			}
		}
		return items, marks, err
	})
}

func (s *Server) approvals(c *call) (any, error) {
	return walk(c, func(p Project, targets []string, span Span) ([]Approval, []string, error) {
		items, marks, err := p.Book.Approvals(c.ctx, targets, span)
		for i := range items {
			items[i].Project = p.Name
			if items[i].Allow == nil {
				items[i].Allow = []string{}
			}
		}
		return items, marks, err
	})
}

func (s *Server) events(c *call) (any, error) {
	return walk(c, func(p Project, targets []string, span Span) ([]Event, []string, error) {
		before, _ := strconv.ParseInt(span.After, 10, 64) // "" is 0, and a cursor has what was given
		items, err := p.Book.Before(c.ctx, targets, before, span.Limit)
		marks := make([]string, len(items))
		for i := range items {
			items[i].Project = p.Name
			marks[i] = strconv.FormatInt(items[i].ID, 10)
		}
		return items, marks, err
	})
}

func (s *Server) audit(c *call) (any, error) {
	q := EntryQuery{Target: c.query["target"], Actor: c.query["actor"], Action: c.query["action"]}
	q.Since, _ = time.Parse(time.RFC3339, c.query["since"]) // they were checked
	q.Until, _ = time.Parse(time.RFC3339, c.query["until"])
	return walk(c, func(p Project, _ []string, span Span) ([]Entry, []string, error) {
		return p.Book.Entries(c.ctx, q, span)
	})
}

func (s *Server) tokens(c *call) (any, error) {
	return walk(c, func(p Project, _ []string, span Span) ([]Token, []string, error) {
		items, marks, err := p.Book.Tokens(c.ctx, c.who, span)
		for i := range items {
			items[i].Project = p.Name
		}
		return items, marks, err
	})
}
