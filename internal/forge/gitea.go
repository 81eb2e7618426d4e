package forge

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// gitea is the API of Gitea and Forgejo: https://docs.gitea.com/api/ and
// https://codeberg.org/api/swagger. Most of it is a likeness of GitHub's.
type gitea struct{ github }

func giteaTongue() tongue {
	return tongue{
		// https://docs.gitea.com/development/api-usage#authentication
		authorize: func(h http.Header, token string) { h.Set("Authorization", "token "+token) },
		needs: map[need]string{
			readPulls:   "the scopes read:repository and read:issue",
			writePulls:  "the scopes write:repository and write:issue",
			writeStatus: "the scope write:repository",
			readSelf:    "the scope read:user, to know its own comments",
			readMembers: "the scope read:repository, and to be of an admin of the repository",
		},
	}
}

// limits: none are documented but that of titles; those of GitHub are kept.
func (g *gitea) limits() Limits {
	return Limits{Title: 255, Body: 65536, Comment: 65536 - markerRoom, Description: 140}
}

// list: the branch of the head cannot be asked for, and base_branch only since
// 1.24 (routers/api/v1/repo/pull.go of go-gitea/gitea); older ones leave it
// unread.
func (g *gitea) list(ctx context.Context, _, base string) ([]PullRequest, error) {
	q := url.Values{"state": {"open"}, "base_branch": {base}, "limit": {"50"}}
	return allPulls[githubPull](ctx, g.client, call{op: "find pull request", need: readPulls, path: g.at + "/pulls?" + q.Encode()})
}

// open: a page has 50 at most.
func (g *gitea) open(ctx context.Context, tag string, most int) (Listing, error) {
	const q = "/pulls?state=open&sort=recentupdate&limit=50"
	return openPulls[githubPull](ctx, g.client, call{op: "list pull requests", need: readPulls, path: g.at + q}, tag, most)
}

// refs: the service keeps the head only (GetGitHeadRefName in
// models/issues/pull.go of go-gitea/gitea).
func (g *gitea) refs(number int64) (head, merge string) {
	return fmt.Sprintf("refs/pull/%d/head", number), ""
}

// moved tells of pushes, but not before the service has dealt with them: the
// entry of the timeline comes later than the head.
// (pull_push in models/issues/comment.go of go-gitea/gitea)
func (g *gitea) moved(ctx context.Context, pr PullRequest) (time.Time, bool, error) {
	entries, err := g.timeline(ctx, pr.Number)
	var last time.Time
	for _, e := range entries {
		if e.Type == "pull_push" && e.Created.After(last) {
			last = e.Created
		}
	}
	return last, false, err
}

// self has no form for apps, of which Gitea knows none.
func (g *gitea) self(ctx context.Context) (string, error) {
	var user struct {
		Login string `json:"login"`
	}
	_, err := g.client.do(ctx, call{op: "ask whose the token is", need: readSelf, method: http.MethodGet, path: "/user"}, &user)
	return user.Login, err
}

// labels: a label set or taken away is an entry of the timeline, of the type
// label, with the body "1" if it was set.
func (g *gitea) labels(ctx context.Context, number int64) ([]Label, error) {
	return g.labelled(ctx, fmt.Sprintf("%s/issues/%d/labels?limit=50", g.at, number), func() ([]labelEvent, error) {
		entries, err := g.timeline(ctx, number)
		var out []labelEvent
		for _, e := range entries {
			if e.Type == "label" {
				out = append(out, labelEvent{Label{Name: e.Label.Name, By: e.User.Login, At: e.Created}, e.Body == "1"})
			}
		}
		return out, err
	})
}

// giteaEntry is an entry of a timeline.
type giteaEntry struct {
	Type    string    `json:"type"`
	Body    string    `json:"body"`
	Created time.Time `json:"created_at"`
	User    struct {
		Login string `json:"login"`
	} `json:"user"`
	Label struct {
		Name string `json:"name"`
	} `json:"label"`
}

// timeline has no Link header, and a page may be shorter than asked for, so it
// ends with an empty page. (models/issues/comment.go and
// routers/api/v1/repo/issue_comment.go of go-gitea/gitea)
func (g *gitea) timeline(ctx context.Context, number int64) ([]giteaEntry, error) {
	var out []giteaEntry
	left := g.client.answer
	for n := 1; n <= limit.ForgePages && left > 0; n++ {
		var page []giteaEntry
		k := call{op: "read labels", need: readPulls, method: http.MethodGet, path: fmt.Sprintf("%s/issues/%d/timeline?limit=50&page=%d", g.at, number, n), most: left}
		got, err := g.client.do(ctx, k, &page)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return out, nil
		}
		left -= got.bytes
		out = append(out, page...)
	}
	return nil, g.client.fail("read labels", ErrTooLarge, "the timeline is too long")
}
