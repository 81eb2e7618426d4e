package forge

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// list reads all pages of a list. The Link header leads from one to the next:
// https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
// https://docs.gitlab.com/api/rest/#pagination-link-header
// https://docs.gitea.com/development/api-usage#pagination
// Only the query of the link is taken, so that no link leads elsewhere; the
// address that a service believes to have is not always the one it is reached
// by.
func list[T any](ctx context.Context, c *client, k call) ([]T, error) {
	all, _, more, err := pages[T](ctx, c, k, 0)
	if err == nil && more {
		err = c.fail(k.op, ErrTooLarge, fmt.Sprintf("the list has more than %d pages or %d bytes", limit.ForgePages, c.answer))
	}
	if err != nil {
		return nil, err
	}
	return all, nil
}

// pages reads the pages of a list until there are so many items, and all with
// 0; first is about the first page, and more says that there are more than are
// read.
func pages[T any](ctx context.Context, c *client, k call, most int) (all []T, first reply, more bool, err error) {
	k.method = http.MethodGet
	left := c.answer
	seen := map[string]bool{k.path: true}
	for n := range limit.ForgePages {
		var page []T
		k.most = left
		got, err := c.do(ctx, k, &page)
		if n == 0 {
			first, k.tag = got, ""
		}
		if err != nil || got.same {
			return nil, first, false, err
		}
		all = append(all, page...)
		query := nextQuery(got.header)
		switch {
		case most > 0 && len(all) > most, most > 0 && len(all) == most && query != "":
			return all[:most], first, true, nil
		case query == "":
			return all, first, false, nil
		}
		if left -= got.bytes; left <= 0 {
			break
		}
		path, _, _ := strings.Cut(k.path, "?")
		if k.path = path + "?" + query; seen[k.path] {
			return nil, first, false, c.fail(k.op, ErrUnreachable, "the list leads back to a page that was read")
		}
		seen[k.path] = true
	}
	return all, first, true, nil
}

// pullJSON is a pull request as a service writes it.
type pullJSON interface {
	value(c *client, k call) (PullRequest, error)
}

// onePull is the pull request that a call answers with.
func onePull[T pullJSON](ctx context.Context, c *client, k call) (PullRequest, error) {
	var p T
	if _, err := c.do(ctx, k, &p); err != nil {
		return PullRequest{}, err
	}
	return p.value(c, k)
}

// allPulls are the pull requests of a list.
func allPulls[T pullJSON](ctx context.Context, c *client, k call) ([]PullRequest, error) {
	found, err := list[T](ctx, c, k)
	if err != nil {
		return nil, err
	}
	return pullsOf(c, k, found)
}

func pullsOf[T pullJSON](c *client, k call, found []T) ([]PullRequest, error) {
	out := make([]PullRequest, len(found))
	for i, p := range found {
		var err error
		if out[i], err = p.value(c, k); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// openPulls are the open pull requests of a list, the ones that changed last
// first, so that the tag of its first page changes with any of them.
func openPulls[T pullJSON](ctx context.Context, c *client, k call, tag string, most int) (Listing, error) {
	k.tag = tag
	found, first, more, err := pages[T](ctx, c, k, most)
	if err != nil {
		return Listing{}, err
	}
	out := Listing{More: more, Same: first.same, Tag: first.header.Get("ETag"), At: dateOf(first.header)}
	if out.Same && out.Tag == "" {
		out.Tag = tag
	}
	out.Pulls, err = pullsOf(c, k, found)
	return out, err
}

// dateOf is when an answer was given; zero if it does not say.
func dateOf(h http.Header) time.Time {
	at, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return at
}

// nextQuery is the query of the link to the next page: <URL>; rel="next".
func nextQuery(h http.Header) string {
	for _, line := range h.Values("Link") {
		for link := range strings.SplitSeq(line, ",") {
			target, params, _ := strings.Cut(strings.TrimSpace(link), ";")
			if !strings.Contains(params, `rel="next"`) && !strings.Contains(params, "rel=next") {
				continue
			}
			u, err := url.Parse(strings.Trim(target, "<> "))
			if err == nil {
				return u.Query().Encode()
			}
		}
	}
	return ""
}
