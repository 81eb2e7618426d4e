package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// gitlab is the API of GitLab: https://docs.gitlab.com/api/rest/
type gitlab struct {
	client *client
	at     string // /projects/GROUP%2FPROJECT, https://docs.gitlab.com/api/rest/#namespaced-paths
}

func gitlabTongue() tongue {
	return tongue{
		// Takes tokens of persons, projects, groups and OAuth:
		// https://docs.gitlab.com/api/rest/authentication/
		authorize: func(h http.Header, token string) { h.Set("Authorization", "Bearer "+token) },
		needs: map[need]string{
			readPulls:   "the scope read_api and the role reporter",
			writePulls:  "the scope api and the role developer",
			writeStatus: "the scope api and the role developer",
			readSelf:    "the scope read_api",
			readMembers: "the scope read_api",
		},
	}
}

// limits: https://docs.gitlab.com/administration/instance_limits/#size-of-comments-and-descriptions-of-issues-merge-requests-and-epics
func (g *gitlab) limits() Limits {
	return Limits{Title: 255, Body: 1_000_000, Comment: 1_000_000 - markerRoom, Description: 255}
}

// text keeps a line of a text from being a command. A description or
// comment is searched for quick actions (/merge, /approve, /label …), which
// are carried out with the token's rights, and texts hold names and values
// that others wrote. A command begins with the slash at the beginning of a
// line, after carriage returns are taken out (lib/gitlab/quick_actions/extractor.rb
// of gitlabhq/gitlabhq); a blank in front changes nothing that is seen.
// https://docs.gitlab.com/user/project/quick_actions/
func (g *gitlab) text(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\r", ""), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "/") {
			lines[i] = " " + line
		}
	}
	return strings.Join(lines, "\n")
}

type gitlabMerge struct {
	IID         int64  `json:"iid"`
	State       string `json:"state"`
	Title       string `json:"title"`
	Description string `json:"description"`
	WebURL      string `json:"web_url"`
	SHA         string `json:"sha"`
	Source      string `json:"source_branch"`
	Target      string `json:"target_branch"`
	From        int64  `json:"source_project_id"`
	To          int64  `json:"target_project_id"`
	Author      struct {
		Username string `json:"username"`
	} `json:"author"`
	Labels []string `json:"labels"`
}

func (m gitlabMerge) value(c *client, k call) (PullRequest, error) {
	if m.IID <= 0 || m.Source == "" || m.Target == "" {
		return PullRequest{}, incomplete(c, k)
	}
	return PullRequest{
		Number: m.IID, Head: m.Source, Base: m.Target, Title: m.Title, Body: m.Description, Commit: m.SHA,
		Author: m.Author.Username, URL: webPage(m.WebURL), Open: m.State == "opened", Fork: m.From != m.To, Labels: m.Labels,
	}, nil
}

// list: https://docs.gitlab.com/api/merge_requests/#list-project-merge-requests
func (g *gitlab) list(ctx context.Context, head, base string) ([]PullRequest, error) {
	q := url.Values{"state": {"opened"}, "source_branch": {head}, "target_branch": {base}, "per_page": {"100"}}
	return allPulls[gitlabMerge](ctx, g.client, call{op: "find merge request", need: readPulls, path: g.at + "/merge_requests?" + q.Encode()})
}

// open: https://docs.gitlab.com/api/merge_requests/#list-project-merge-requests
func (g *gitlab) open(ctx context.Context, tag string, most int) (Listing, error) {
	const q = "/merge_requests?state=opened&order_by=updated_at&sort=desc&per_page=100"
	return openPulls[gitlabMerge](ctx, g.client, call{op: "list merge requests", need: readPulls, path: g.at + q}, tag, most)
}

// refs: https://docs.gitlab.com/user/project/merge_requests/reviews/#checkout-merge-requests-locally-through-the-head-ref
// The merge is made when somebody asks whether it can be, so it may be old.
// https://docs.gitlab.com/api/merge_requests/#merge-to-default-merge-ref-path
func (g *gitlab) refs(number int64) (head, merge string) {
	return fmt.Sprintf("refs/merge-requests/%d/head", number), fmt.Sprintf("refs/merge-requests/%d/merge", number)
}

// mayWrite is the access level of developers, the least with which one pushes.
// https://docs.gitlab.com/api/members/#roles
const mayWrite = 30

// may: https://docs.gitlab.com/api/members/#get-a-member-of-a-group-or-project-including-inherited-and-invited-members
func (g *gitlab) may(ctx context.Context, by Label) (bool, error) {
	if by.account <= 0 {
		return false, nil
	}
	var got struct {
		Level int    `json:"access_level"`
		State string `json:"state"`
	}
	k := call{op: "ask what somebody may do", need: readMembers, method: http.MethodGet, path: fmt.Sprintf("%s/members/all/%d", g.at, by.account)}
	_, err := g.client.do(ctx, k, &got)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return got.Level >= mayWrite && got.State == "active", err
}

// moved: each push makes a version, the newest first; the head of the merge
// request is that of its newest version.
// https://docs.gitlab.com/api/merge_requests/#get-merge-request-diff-versions
func (g *gitlab) moved(ctx context.Context, pr PullRequest) (time.Time, bool, error) {
	type version struct {
		Head    string    `json:"head_commit_sha"`
		Created time.Time `json:"created_at"`
	}
	all, err := list[version](ctx, g.client, call{op: "read versions", need: readPulls, path: fmt.Sprintf("%s/merge_requests/%d/versions?per_page=100", g.at, pr.Number)})
	var last version
	for _, v := range all {
		if v.Created.After(last.Created) {
			last = v
		}
	}
	return last.Created, last.Head != "" && last.Head == pr.Commit, err
}

func (g *gitlab) get(ctx context.Context, number int64) (PullRequest, error) {
	return onePull[gitlabMerge](ctx, g.client, call{op: "read merge request", need: readPulls, method: http.MethodGet, path: fmt.Sprintf("%s/merge_requests/%d", g.at, number)})
}

// create answers 409 if there is one already.
// https://docs.gitlab.com/api/merge_requests/#create-mr
func (g *gitlab) create(ctx context.Context, pr PullRequest) (PullRequest, error) {
	return onePull[gitlabMerge](ctx, g.client, call{
		op: "open merge request", need: writePulls, method: http.MethodPost, path: g.at + "/merge_requests",
		body: map[string]string{"title": pr.Title, "description": pr.Body, "source_branch": pr.Head, "target_branch": pr.Base},
	})
}

func (g *gitlab) update(ctx context.Context, pr PullRequest) (PullRequest, error) {
	return onePull[gitlabMerge](ctx, g.client, call{
		op: "update merge request", need: writePulls, method: http.MethodPut, path: fmt.Sprintf("%s/merge_requests/%d", g.at, pr.Number),
		body: map[string]string{"title": pr.Title, "description": pr.Body},
	})
}

// self: tokens of projects and groups belong to users of their own.
// https://docs.gitlab.com/api/users/#get-the-current-user
func (g *gitlab) self(ctx context.Context) (string, error) {
	var user struct {
		Username string `json:"username"`
	}
	_, err := g.client.do(ctx, call{op: "ask whose the token is", need: readSelf, method: http.MethodGet, path: "/user"}, &user)
	return user.Username, err
}

// comments: https://docs.gitlab.com/api/notes/#merge-requests
func (g *gitlab) comments(ctx context.Context, number int64) ([]comment, error) {
	type note struct {
		ID     int64  `json:"id"`
		Body   string `json:"body"`
		System bool   `json:"system"`
		Author struct {
			Username string `json:"username"`
		} `json:"author"`
	}
	k := call{op: "read comments", need: readPulls, path: fmt.Sprintf("%s/merge_requests/%d/notes?sort=asc&order_by=created_at&per_page=100", g.at, number)}
	notes, err := list[note](ctx, g.client, k)
	var out []comment
	for _, n := range notes {
		if !n.System {
			out = append(out, comment{id: strconv.FormatInt(n.ID, 10), author: n.Author.Username, body: n.Body})
		}
	}
	return out, err
}

func (g *gitlab) say(ctx context.Context, number int64, c comment) error {
	k := call{op: "comment", need: writePulls, method: http.MethodPost, path: fmt.Sprintf("%s/merge_requests/%d/notes", g.at, number), body: map[string]string{"body": c.body}}
	if c.id != "" {
		k.method, k.path = http.MethodPut, k.path+"/"+escape(c.id)
	}
	_, err := g.client.do(ctx, k, nil)
	return err
}

// status: https://docs.gitlab.com/api/commits/#set-commit-pipeline-status
func (g *gitlab) status(ctx context.Context, s CommitStatus) error {
	state := map[State]string{Pending: "running", Success: "success", Failure: "failed", Broken: "failed"}[s.State]
	body := map[string]string{"state": state, "name": s.Context, "description": s.Description}
	if s.URL != "" {
		body["target_url"] = s.URL
	}
	_, err := g.client.do(ctx, call{op: "set status", need: writeStatus, method: http.MethodPost, path: g.at + "/statuses/" + s.Commit, body: body, again: true}, nil)
	// A status that is running cannot begin to run: the service answers 400,
	// "Cannot transition status via :run from :running", and it is as it should be.
	var e *Error
	if errors.As(err, &e) && e.Status == http.StatusBadRequest && strings.Contains(e.Detail, "from :"+state) {
		return nil
	}
	return err
}

// labels: https://docs.gitlab.com/api/resource_label_events/
func (g *gitlab) labels(ctx context.Context, number int64) ([]Label, error) {
	var now struct {
		Labels []string `json:"labels"`
	}
	k := call{op: "read labels", need: readPulls, method: http.MethodGet, path: fmt.Sprintf("%s/merge_requests/%d", g.at, number)}
	if _, err := g.client.do(ctx, k, &now); err != nil || len(now.Labels) == 0 {
		return nil, err
	}
	type event struct {
		Action  string    `json:"action"`
		Created time.Time `json:"created_at"`
		User    struct {
			ID       int64  `json:"id"`
			Username string `json:"username"`
		} `json:"user"`
		Label *struct {
			Name string `json:"name"`
		} `json:"label"`
	}
	k.path += "/resource_label_events?per_page=100"
	events, err := list[event](ctx, g.client, k)
	if err != nil {
		return nil, err
	}
	var done []labelEvent
	for _, e := range events {
		if e.Label != nil { // nil if the label was deleted
			done = append(done, labelEvent{Label{Name: e.Label.Name, By: e.User.Username, At: e.Created, account: e.User.ID}, e.Action == "add"})
		}
	}
	return attribute(now.Labels, done), nil
}
