package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"mlsync.dev/mlsync/internal/limit"
)

// page is a part of a list that knows its size.
type page[T any] struct {
	items []T
	bytes int
}

func (p *page[T]) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &p.items) }
func (p *page[T]) took(n int)                      { p.bytes = n }

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
		var p page[T]
		k.most = left
		header, err := c.do(ctx, k, &p)
		if err != nil {
			return nil, err
		}
		all = append(all, p.items...)
		query := nextQuery(header)
		if query == "" {
			return all, nil
		}
		if left -= int64(p.bytes); left <= 0 {
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
