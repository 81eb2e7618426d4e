package azureml

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"strings"
)

// maxPages bounds a list, against next links that never end.
const maxPages = 10_000

// List yields the items of the collection at path, page after page, each id
// once. It ends after the first error: then nothing is known of what was not
// yielded. A list whose pages loop, or of which one cannot be read, is
// *Unknown and never short. Next links are followed as they are.
func (c *Client) List(ctx context.Context, path, apiVersion string, opts ...Option) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		req := newRequest(http.MethodGet, path, apiVersion, nil, opts)
		links, ids := map[string]bool{}, map[string]bool{}
		for n := 1; ; n++ {
			items, next, err := c.page(ctx, req, n > 1)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range items {
				if seen(ids, item) {
					continue
				}
				if !yield(item, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			if links[next] || n == maxPages {
				yield(nil, &Unknown{Method: http.MethodGet, Path: path, Err: errors.New("next links of the list do not end")})
				return
			}
			links[next] = true
			if err := c.ours(next); err != nil {
				yield(nil, &Unknown{Method: http.MethodGet, Path: path, Err: fmt.Errorf("next link: %w", err)})
				return
			}
			req = &request{method: http.MethodGet, path: path, url: next}
		}
	}
}

// page reads one page.
func (c *Client) page(ctx context.Context, req *request, later bool) ([]json.RawMessage, string, error) {
	_, body, err := c.send(ctx, req)
	var e *Error
	if later && errors.As(err, &e) && e.Status == http.StatusNotFound {
		// The rest of a list that has begun is not absent. The error must not
		// be taken for ErrNotFound, so it is not wrapped.
		return nil, "", &Unknown{Method: req.method, Path: req.path, Err: errors.New("next page: " + e.Error())}
	}
	if err != nil {
		return nil, "", err
	}
	var page struct {
		Value    *[]json.RawMessage `json:"value"`
		NextLink *string            `json:"nextLink"`
	}
	if err := json.Unmarshal(body, &page); err != nil || page.Value == nil {
		return nil, "", &Unknown{Method: req.method, Path: req.path, Err: errors.New("answer is no list")}
	}
	next := ""
	if page.NextLink != nil {
		next = *page.NextLink
	}
	return *page.Value, next, nil
}

// seen tells whether the id of item was met before. An item without one,
// such as a schedule, goes by its name.
func seen(ids map[string]bool, item json.RawMessage) bool {
	var k struct{ ID, Name string }
	if json.Unmarshal(item, &k) != nil {
		return false
	}
	key := strings.ToLower(k.ID)
	if key == "" {
		key = "name " + k.Name
	}
	if k.ID == "" && k.Name == "" {
		return false
	}
	old := ids[key]
	ids[key] = true
	return old
}

func newBytes(b []byte) *bytes.Reader { return bytes.NewReader(b) }
