package forge

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// github is the API of GitHub and GitHub Enterprise, of which Gitea's is a
// likeness. https://docs.github.com/en/rest
type github struct {
	client *client
	at     string // /repos/OWNER/REPOSITORY
}

func githubTongue() tongue {
	return tongue{
		authorize: func(h http.Header, token string) { h.Set("Authorization", "Bearer "+token) },
		// https://docs.github.com/en/rest/about-the-rest-api/api-versions
		header: map[string]string{"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
		needs: map[need]string{
			readPulls:   "pull requests: read (classic: repo)",
			writePulls:  "pull requests: write (classic: repo)",
			writeStatus: "commit statuses: write (classic: repo:status)",
			readSelf:    "no leave of its own",
			readMembers: "metadata: read, and write access to the repository (classic: repo)",
		},
	}
}

// limits: the service names them in its refusals only ("title is too long
// (maximum is 256 characters)", "body is too long (maximum is 65536
// characters)", "description is too long (maximum is 140 characters)").
func (g *github) limits() Limits {
	return Limits{Title: 256, Body: 65536, Comment: 65536 - markerRoom, Description: 140}
}

func (g *github) text(s string) string { return s }

type githubPull struct {
	Number  int64  `json:"number"`
	State   string `json:"state"`
	Title   string `json:"title"`
	Body    string `json:"body"`
	HTMLURL string `json:"html_url"`
	User    struct {
		Login string `json:"login"`
	} `json:"user"`
	Head   githubEnd `json:"head"`
	Base   githubEnd `json:"base"`
	Labels []struct {
		Name string `json:"name"`
	} `json:"labels"`
}

// githubEnd has no repository if that was deleted.
type githubEnd struct {
	Ref  string `json:"ref"`
	SHA  string `json:"sha"`
	Repo *struct {
		ID int64 `json:"id"`
	} `json:"repo"`
}

func (p githubPull) value(c *client, k call) (PullRequest, error) {
	if p.Number <= 0 || p.Head.Ref == "" || p.Base.Ref == "" {
		return PullRequest{}, incomplete(c, k)
	}
	var labels []string
	for _, l := range p.Labels {
		labels = append(labels, l.Name)
	}
	return PullRequest{
		Labels: labels,
		Number: p.Number, Head: p.Head.Ref, Base: p.Base.Ref, Title: p.Title, Body: p.Body, Commit: p.Head.SHA,
		Author: p.User.Login, URL: webPage(p.HTMLURL), Open: p.State == "open",
		Fork: p.Head.Repo == nil || p.Base.Repo == nil || p.Head.Repo.ID != p.Base.Repo.ID,
	}, nil
}

// incomplete is the error of an answer that lacks what it must have.
func incomplete(c *client, k call) error {
	return c.fail(k.op, ErrUnreachable, errAnswer.Error()+": it lacks a number or a branch")
}

// webPage is an address that may be shown and opened.
func webPage(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || len(s) > 4096 {
		return ""
	}
	return u.String()
}

// list: https://docs.github.com/en/rest/pulls/pulls#list-pull-requests; head
// is OWNER:BRANCH.
func (g *github) list(ctx context.Context, head, base string) ([]PullRequest, error) {
	owner, _, _ := strings.Cut(strings.TrimPrefix(g.at, "/repos/"), "/")
	if name, err := url.PathUnescape(owner); err == nil {
		owner = name
	}
	q := url.Values{"state": {"open"}, "head": {owner + ":" + head}, "base": {base}, "per_page": {"100"}}
	return allPulls[githubPull](ctx, g.client, call{op: "find pull request", need: readPulls, path: g.at + "/pulls?" + q.Encode()})
}

// open: an answer 304 costs nothing of the quota.
// https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate
func (g *github) open(ctx context.Context, tag string, most int) (Listing, error) {
	const q = "/pulls?state=open&sort=updated&direction=desc&per_page=100"
	return openPulls[githubPull](ctx, g.client, call{op: "list pull requests", need: readPulls, path: g.at + q}, tag, most)
}

// refs: https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/reviewing-changes-in-pull-requests/checking-out-pull-requests-locally
// The merge is made when somebody asks whether it can be, so it may be old.
func (g *github) refs(number int64) (head, merge string) {
	return fmt.Sprintf("refs/pull/%d/head", number), fmt.Sprintf("refs/pull/%d/merge", number)
}

// may: https://docs.github.com/en/rest/collaborators/collaborators#get-repository-permissions-for-a-user
// maintain is written as write there, triage as read.
func (g *github) may(ctx context.Context, by Label) (bool, error) {
	var got struct {
		Permission string `json:"permission"`
	}
	k := call{op: "ask what somebody may do", need: readMembers, method: http.MethodGet, path: g.at + "/collaborators/" + escape(by.By) + "/permission"}
	_, err := g.client.do(ctx, k, &got)
	if errors.Is(err, ErrNotFound) { // nobody who has anything to do with the repository
		return false, nil
	}
	return got.Permission == "admin" || got.Permission == "write" || got.Permission == "owner", err
}

// moved tells of forced pushes only: others are in no list with the time at
// which the service took them.
// https://docs.github.com/en/rest/using-the-rest-api/issue-event-types#head_ref_force_pushed
func (g *github) moved(ctx context.Context, pr PullRequest) (time.Time, bool, error) {
	type event struct {
		Event   string    `json:"event"`
		Created time.Time `json:"created_at"`
	}
	events, err := list[event](ctx, g.client, call{op: "read labels", need: readPulls, path: fmt.Sprintf("%s/issues/%d/events?per_page=100", g.at, pr.Number)})
	var last time.Time
	for _, e := range events {
		if (e.Event == "head_ref_force_pushed" || e.Event == "head_ref_restored") && e.Created.After(last) {
			last = e.Created
		}
	}
	return last, false, err
}

func (g *github) get(ctx context.Context, number int64) (PullRequest, error) {
	return onePull[githubPull](ctx, g.client, call{op: "read pull request", need: readPulls, method: http.MethodGet, path: fmt.Sprintf("%s/pulls/%d", g.at, number)})
}

// create answers 422 if there is one already.
// https://docs.github.com/en/rest/pulls/pulls#create-a-pull-request
func (g *github) create(ctx context.Context, pr PullRequest) (PullRequest, error) {
	return onePull[githubPull](ctx, g.client, call{
		op: "open pull request", need: writePulls, method: http.MethodPost, path: g.at + "/pulls",
		body: map[string]string{"title": pr.Title, "body": pr.Body, "head": pr.Head, "base": pr.Base},
	})
}

func (g *github) update(ctx context.Context, pr PullRequest) (PullRequest, error) {
	return onePull[githubPull](ctx, g.client, call{
		op: "update pull request", need: writePulls, method: http.MethodPatch, path: fmt.Sprintf("%s/pulls/%d", g.at, pr.Number),
		body: map[string]string{"title": pr.Title, "body": pr.Body},
	})
}

// bot is the author of comments of apps, whose tokens may not ask who they
// are. People are no bots, and an app needs leave to write here.
const bot = "(an app)"

// self: https://docs.github.com/en/rest/users/users#get-the-authenticated-user
// answers 403 to tokens of apps, GITHUB_TOKEN of Actions among them.
func (g *github) self(ctx context.Context) (string, error) {
	var user struct{ Login, Type string }
	_, err := g.client.do(ctx, call{op: "ask whose the token is", need: readSelf, method: http.MethodGet, path: "/user"}, &user)
	var e *Error
	if errors.Is(err, ErrAuth) && errors.As(err, &e) && e.Status == http.StatusForbidden {
		return bot, nil
	}
	if user.Type == "Bot" {
		return bot, err
	}
	return user.Login, err
}

type githubComment struct {
	ID   int64  `json:"id"`
	Body string `json:"body"`
	User struct {
		Login string `json:"login"`
		Type  string `json:"type"`
	} `json:"user"`
}

// comments: https://docs.github.com/en/rest/issues/comments; a pull request is
// an issue there.
func (g *github) comments(ctx context.Context, number int64) ([]comment, error) {
	k := call{op: "read comments", need: readPulls, path: fmt.Sprintf("%s/issues/%d/comments?per_page=100", g.at, number)}
	all, err := list[githubComment](ctx, g.client, k)
	out := make([]comment, len(all))
	for i, c := range all {
		out[i] = comment{id: strconv.FormatInt(c.ID, 10), author: c.User.Login, body: c.Body}
		if c.User.Type == "Bot" {
			out[i].author = bot
		}
	}
	return out, err
}

func (g *github) say(ctx context.Context, number int64, c comment) error {
	k := call{op: "comment", need: writePulls, method: http.MethodPost, path: fmt.Sprintf("%s/issues/%d/comments", g.at, number), body: map[string]string{"body": c.body}}
	if c.id != "" {
		k.method, k.path = http.MethodPatch, g.at+"/issues/comments/"+escape(c.id)
	}
	_, err := g.client.do(ctx, k, nil)
	return err
}

// status: https://docs.github.com/en/rest/commits/statuses#create-a-commit-status
func (g *github) status(ctx context.Context, s CommitStatus) error {
	body := map[string]string{"state": string(s.State), "context": s.Context, "description": s.Description}
	if s.URL != "" {
		body["target_url"] = s.URL
	}
	_, err := g.client.do(ctx, call{op: "set status", need: writeStatus, method: http.MethodPost, path: g.at + "/statuses/" + s.Commit, body: body, again: true}, nil)
	return err
}

// labels: the labels are one list, who set them another.
// https://docs.github.com/en/rest/issues/labels#list-labels-for-an-issue
// https://docs.github.com/en/rest/issues/events#list-issue-events
func (g *github) labels(ctx context.Context, number int64) ([]Label, error) {
	return g.labelled(ctx, fmt.Sprintf("%s/issues/%d/labels?per_page=100", g.at, number), func() ([]labelEvent, error) {
		type event struct {
			Event   string    `json:"event"`
			Created time.Time `json:"created_at"`
			Actor   struct {
				Login string `json:"login"`
			} `json:"actor"`
			Label struct {
				Name string `json:"name"`
			} `json:"label"`
		}
		k := call{op: "read labels", need: readPulls, path: fmt.Sprintf("%s/issues/%d/events?per_page=100", g.at, number)}
		events, err := list[event](ctx, g.client, k)
		var out []labelEvent
		for _, e := range events {
			if e.Event == "labeled" || e.Event == "unlabeled" {
				out = append(out, labelEvent{Label{Name: e.Label.Name, By: e.Actor.Login, At: e.Created}, e.Event == "labeled"})
			}
		}
		return out, err
	})
}

// labelEvent is that a label was set or taken away.
type labelEvent struct {
	Label
	set bool
}

// labelled reads the names of the labels and, if there are any, who set them.
func (g *github) labelled(ctx context.Context, path string, events func() ([]labelEvent, error)) ([]Label, error) {
	type named struct {
		Name string `json:"name"`
	}
	now, err := list[named](ctx, g.client, call{op: "read labels", need: readPulls, path: path})
	if err != nil || len(now) == 0 {
		return nil, err
	}
	done, err := events()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, n := range now {
		names = append(names, n.Name)
	}
	return attribute(names, done), nil
}

// attribute gives each label to who set it last. One whose last event took it
// away is not believed: it was set since, by we do not know whom.
func attribute(names []string, events []labelEvent) []Label {
	slices.SortStableFunc(events, func(a, b labelEvent) int { return a.At.Compare(b.At) })
	var out []Label
	for _, name := range names {
		label := Label{Name: name}
		for _, e := range events {
			if e.Name != name {
				continue
			}
			if label = (Label{Name: name}); e.set {
				label = e.Label
			}
		}
		out = append(out, label)
	}
	return out
}
