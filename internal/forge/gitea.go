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
	k := call{op: "find pull request", need: readPulls, path: g.at + "/pulls?" + q.Encode()}
	pulls, err := list[githubPull](ctx, g.client, k)
	if err != nil {
		return nil, err
	}
	return values(g.client, k, pulls)
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
// label, with the body "1" if it was set. The timeline has no Link header, and
// a page may be shorter than asked for, so it ends with an empty page.
// (models/issues/comment.go and routers/api/v1/repo/issue_comment.go of
// go-gitea/gitea)
func (g *gitea) labels(ctx context.Context, number int64) ([]Label, error) {
	return g.labelled(ctx, fmt.Sprintf("%s/issues/%d/labels?limit=50", g.at, number), func() ([]labelEvent, error) {
		type entry struct {
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
		var out []labelEvent
		left := g.client.answer
		for n := 1; n <= limit.ForgePages && left > 0; n++ {
			var page []entry
			k := call{op: "read labels", need: readPulls, method: http.MethodGet, path: fmt.Sprintf("%s/issues/%d/timeline?limit=50&page=%d", g.at, number, n), most: left}
			got, err := g.client.do(ctx, k, &page)
			if err != nil {
				return nil, err
			}
			if len(page) == 0 {
				return out, nil
			}
			left -= got.bytes
			for _, e := range page {
				if e.Type == "label" {
					out = append(out, labelEvent{Label{Name: e.Label.Name, By: e.User.Login, At: e.Created}, e.Body == "1"})
				}
			}
		}
		return nil, &Error{Op: "read labels", Repo: g.client.repo, Kind: ErrTooLarge, Detail: "the timeline is too long"}
	})
}
