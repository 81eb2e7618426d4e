package forge

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// azure is the API of Azure DevOps Services and of Azure DevOps Server 2022
// and later: https://learn.microsoft.com/rest/api/azure/devops/git/
type azure struct {
	client *client
	org    string // /ORG, or /tfs/COLLECTION
	at     string // /ORG/PROJECT/_apis/git/repositories/REPO
	web    string // the address of the repository for people
}

// azureVersion is what Server 2022 speaks, and the cloud still does:
// https://learn.microsoft.com/azure/devops/integrate/concepts/rest-api-versioning
const azureVersion = "api-version=7.0"

func azureTongue() tongue {
	return tongue{
		// A personal access token is the password of nobody; tokens of Entra and
		// System.AccessToken of pipelines, which are JWTs, are bearer tokens.
		// https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/authentication-guidance
		authorize: func(h http.Header, token string) {
			if strings.HasPrefix(token, "eyJ") && strings.Count(token, ".") == 2 {
				h.Set("Authorization", "Bearer "+token)
				return
			}
			h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(":"+token)))
		},
		// Without it a bad token is sent on to the sign-in page.
		header: map[string]string{"X-TFS-FedAuthRedirect": "Suppress"},
		// https://learn.microsoft.com/azure/devops/integrate/get-started/authentication/oauth#scopes
		needs: map[need]string{
			readPulls:   "the scope Code (read)",
			writePulls:  "the scopes Code (read & write) and Pull Request Threads (read & write), and the permission Contribute to pull requests",
			writeStatus: "the scope Code (status)",
			readSelf:    "the scope Code (read)",
		},
	}
}

// limits: the service names 400 characters of a title, 4000 of a description
// and 150,000 of a comment in its refusals only; of the description of a status
// it says nothing, and GitHub's bound is kept.
func (a *azure) limits() Limits {
	return Limits{Title: 400, Body: 4000, Comment: 150_000 - markerRoom, Description: 140}
}

func (a *azure) text(s string) string { return s }

// heads stands before the names of branches in this API.
const heads = "refs/heads/"

type azurePull struct {
	ID          int64  `json:"pullRequestId"`
	Status      string `json:"status"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Source      string `json:"sourceRefName"`
	Target      string `json:"targetRefName"`
	Fork        *struct {
		Name string `json:"name"`
	} `json:"forkSource"`
	Last struct {
		Commit string `json:"commitId"`
	} `json:"lastMergeSourceCommit"`
	By struct {
		Unique string `json:"uniqueName"`
	} `json:"createdBy"`
	Repository struct {
		Web string `json:"webUrl"`
	} `json:"repository"`
	Labels []struct {
		Name   string `json:"name"`
		Active bool   `json:"active"`
	} `json:"labels"`
}

func (a *azure) value(p azurePull, k call) (PullRequest, error) {
	if p.ID <= 0 || !strings.HasPrefix(p.Source, heads) || !strings.HasPrefix(p.Target, heads) {
		return PullRequest{}, incomplete(a.client, k)
	}
	web := webPage(p.Repository.Web)
	if web == "" {
		web = a.web
	}
	var labels []string
	for _, l := range p.Labels {
		if l.Active {
			labels = append(labels, l.Name)
		}
	}
	return PullRequest{
		Labels: labels,
		Number: p.ID, Head: strings.TrimPrefix(p.Source, heads), Base: strings.TrimPrefix(p.Target, heads), Title: p.Title, Body: p.Description,
		Commit: p.Last.Commit, Author: p.By.Unique, URL: fmt.Sprintf("%s/pullrequest/%d", web, p.ID), Open: p.Status == "active", Fork: p.Fork != nil,
	}, nil
}

// list: https://learn.microsoft.com/rest/api/azure/devops/git/pull-requests/get-pull-requests
// cuts descriptions at 400 characters, so what matches is read one by one.
func (a *azure) list(ctx context.Context, head, base string) ([]PullRequest, error) {
	q := url.Values{"searchCriteria.status": {"active"}, "searchCriteria.sourceRefName": {heads + head}, "searchCriteria.targetRefName": {heads + base}}
	found, more, err := a.active(ctx, "find pull request", q, azurePage*limit.ForgePages)
	if err != nil {
		return nil, err
	}
	for _, p := range found {
		if p.Fork == nil && p.Source == heads+head && p.Target == heads+base {
			pr, err := a.get(ctx, p.ID)
			return []PullRequest{pr}, err
		}
	}
	if more {
		return nil, a.client.fail("find pull request", ErrTooLarge, "there are too many pull requests")
	}
	return nil, nil
}

const azurePage = 100

// active reads pull requests until there are so many. There is no Link header:
// a page that is not full is the last.
func (a *azure) active(ctx context.Context, op string, q url.Values, most int) (out []azurePull, more bool, err error) {
	left := a.client.answer
	for skip := 0; len(out) < most && left > 0; skip += azurePage {
		q.Set("$top", strconv.Itoa(azurePage))
		q.Set("$skip", strconv.Itoa(skip))
		k := call{op: op, need: readPulls, method: http.MethodGet, path: a.at + "/pullrequests?" + q.Encode() + "&" + azureVersion, most: left}
		var found struct {
			Value []azurePull `json:"value"`
		}
		got, err := a.client.do(ctx, k, &found)
		if err != nil {
			return nil, false, err
		}
		left -= got.bytes
		if out = append(out, found.Value...); len(found.Value) < azurePage {
			return out[:min(len(out), most)], len(out) > most, nil
		}
	}
	return out[:min(len(out), most)], true, nil
}

// open asks for all each time: the service gives no tags.
func (a *azure) open(ctx context.Context, _ string, most int) (Listing, error) {
	const op = "list pull requests"
	found, more, err := a.active(ctx, op, url.Values{"searchCriteria.status": {"active"}}, most)
	out := Listing{More: more, Pulls: make([]PullRequest, len(found))}
	for i, p := range found {
		if err == nil {
			out.Pulls[i], err = a.value(p, call{op: op})
		}
	}
	return out, err
}

// refs: the merge of source into target; heads are branches, of forks in
// repositories of their own.
// https://learn.microsoft.com/azure/devops/pipelines/repos/azure-repos-git#pr-triggers
func (a *azure) refs(number int64) (head, merge string) {
	return "", fmt.Sprintf("refs/pull/%d/merge", number)
}

// may is never: the service does not say who set a label.
func (a *azure) may(context.Context, Label) (bool, error) { return false, nil }

func (a *azure) moved(context.Context, PullRequest) (time.Time, bool, error) {
	return time.Time{}, false, nil
}

func (a *azure) pull(ctx context.Context, k call) (PullRequest, error) {
	var p azurePull
	if _, err := a.client.do(ctx, k, &p); err != nil {
		return PullRequest{}, err
	}
	return a.value(p, k)
}

func (a *azure) get(ctx context.Context, number int64) (PullRequest, error) {
	return a.pull(ctx, call{op: "read pull request", need: readPulls, method: http.MethodGet, path: fmt.Sprintf("%s/pullrequests/%d?%s", a.at, number, azureVersion)})
}

// create answers 409 (TF401179) if there is one already.
// https://learn.microsoft.com/rest/api/azure/devops/git/pull-requests/create
func (a *azure) create(ctx context.Context, pr PullRequest) (PullRequest, error) {
	return a.pull(ctx, call{
		op: "open pull request", need: writePulls, method: http.MethodPost, path: a.at + "/pullrequests?" + azureVersion,
		body: map[string]string{"title": pr.Title, "description": pr.Body, "sourceRefName": heads + pr.Head, "targetRefName": heads + pr.Base},
	})
}

func (a *azure) update(ctx context.Context, pr PullRequest) (PullRequest, error) {
	return a.pull(ctx, call{
		op: "update pull request", need: writePulls, method: http.MethodPatch, path: fmt.Sprintf("%s/pullrequests/%d?%s", a.at, pr.Number, azureVersion),
		body: map[string]string{"title": pr.Title, "description": pr.Body},
	})
}

// self: as the clients of the service find out who they are
// (azure-devops-node-api, WebApi.connect). It has been a preview ever since.
func (a *azure) self(ctx context.Context) (string, error) {
	var data struct {
		User struct {
			ID string `json:"id"`
		} `json:"authenticatedUser"`
	}
	_, err := a.client.do(ctx, call{op: "ask whose the token is", need: readSelf, method: http.MethodGet, path: a.org + "/_apis/connectionData?api-version=7.0-preview"}, &data)
	return data.User.ID, err
}

// comments are the first of each thread; an answer to it is not ours.
// https://learn.microsoft.com/rest/api/azure/devops/git/pull-request-threads/list
func (a *azure) comments(ctx context.Context, number int64) ([]comment, error) {
	var threads struct {
		Value []struct {
			ID       int64 `json:"id"`
			Deleted  bool  `json:"isDeleted"`
			Comments []struct {
				ID      int64  `json:"id"`
				Content string `json:"content"`
				Type    string `json:"commentType"`
				Deleted bool   `json:"isDeleted"`
				Author  struct {
					ID string `json:"id"`
				} `json:"author"`
			} `json:"comments"`
		} `json:"value"`
	}
	k := call{op: "read comments", need: readPulls, method: http.MethodGet, path: fmt.Sprintf("%s/pullRequests/%d/threads?%s", a.at, number, azureVersion)}
	if _, err := a.client.do(ctx, k, &threads); err != nil {
		return nil, err
	}
	var out []comment
	for _, t := range threads.Value {
		if t.Deleted || len(t.Comments) == 0 {
			continue
		}
		if c := t.Comments[0]; !c.Deleted && c.Type != "system" {
			out = append(out, comment{id: fmt.Sprintf("%d/comments/%d", t.ID, c.ID), author: c.Author.ID, body: c.Content})
		}
	}
	return out, nil
}

// say makes a thread that is closed: an active one would keep the pull request
// from being merged where all comments must be resolved.
// https://learn.microsoft.com/azure/devops/repos/git/branch-policies#check-for-comment-resolution
func (a *azure) say(ctx context.Context, number int64, c comment) error {
	path := fmt.Sprintf("%s/pullRequests/%d/threads", a.at, number)
	k := call{op: "comment", need: writePulls, method: http.MethodPost, path: path + "?" + azureVersion, body: map[string]any{
		"status": "closed", "comments": []any{map[string]any{"parentCommentId": 0, "content": c.body, "commentType": "text"}},
	}}
	if c.id != "" {
		k.method, k.path, k.body = http.MethodPatch, path+"/"+c.id+"?"+azureVersion, map[string]string{"content": c.body}
	}
	_, err := a.client.do(ctx, k, nil)
	return err
}

// status: https://learn.microsoft.com/rest/api/azure/devops/git/statuses/create
func (a *azure) status(ctx context.Context, s CommitStatus) error {
	genre, name := "", s.Context
	if at := strings.LastIndexByte(name, '/'); at > 0 && at < len(name)-1 {
		genre, name = name[:at], name[at+1:]
	}
	body := map[string]any{
		"state":       map[State]string{Pending: "pending", Success: "succeeded", Failure: "failed", Broken: "error"}[s.State],
		"description": s.Description, "context": map[string]string{"name": name, "genre": genre},
	}
	if s.URL != "" {
		body["targetUrl"] = s.URL
	}
	path := a.at + "/commits/" + s.Commit + "/statuses?" + azureVersion
	_, err := a.client.do(ctx, call{op: "set status", need: writeStatus, method: http.MethodPost, path: path, body: body, again: true}, nil)
	return err
}

// labels does not say who set them.
// https://learn.microsoft.com/rest/api/azure/devops/git/pull-request-labels/list
func (a *azure) labels(ctx context.Context, number int64) ([]Label, error) {
	var found struct {
		Value []struct {
			Name   string `json:"name"`
			Active bool   `json:"active"`
		} `json:"value"`
	}
	k := call{op: "read labels", need: readPulls, method: http.MethodGet, path: fmt.Sprintf("%s/pullRequests/%d/labels?%s", a.at, number, azureVersion)}
	if _, err := a.client.do(ctx, k, &found); err != nil {
		return nil, err
	}
	var out []Label
	for _, l := range found.Value {
		if l.Active {
			out = append(out, Label{Name: l.Name})
		}
	}
	return out, nil
}
