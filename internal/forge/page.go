package forge

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

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
	k.method = http.MethodGet
	var all []T
	left := c.answer
	seen := map[string]bool{k.path: true}
	for range limit.ForgePages {
		var page []T
		k.most = left
		got, err := c.do(ctx, k, &page)
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		query := nextQuery(got.header)
		if query == "" {
			return all, nil
		}
		if left -= got.bytes; left <= 0 {
			break
		}
		path, _, _ := strings.Cut(k.path, "?")
		if k.path = path + "?" + query; seen[k.path] {
			return nil, &Error{Op: k.op, Repo: c.repo, Kind: ErrUnreachable, Detail: "the list leads back to a page that was read"}
		}
		seen[k.path] = true
	}
	return nil, &Error{Op: k.op, Repo: c.repo, Kind: ErrTooLarge, Detail: fmt.Sprintf("the list has more than %d pages or %d bytes", limit.ForgePages, c.answer)}
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
