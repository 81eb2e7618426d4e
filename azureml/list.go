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

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
)

// maxPages bounds a list, against next links that never end.
const maxPages = limit.Pages

// item is one of a list: as the service sends it, and read.
type item struct {
	raw  json.RawMessage
	rest *asset.Value
}

// List yields the items of the collection at path, page after page, each id
// once. It ends after the first error: then nothing is known of what was not
// yielded. A list whose pages loop, or of which one cannot be read, is
// *Unknown and never short. Next links are followed as they are.
func (c *Client) List(ctx context.Context, path, apiVersion string, opts ...Option) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		for it, err := range c.items(ctx, path, apiVersion, opts...) {
			if !yield(it.raw, err) {
				return
			}
		}
	}
}

// items is List with the items read.
func (c *Client) items(ctx context.Context, path, apiVersion string, opts ...Option) iter.Seq2[item, error] {
	return func(yield func(item, error) bool) {
		req := newRequest(http.MethodGet, path, apiVersion, nil, opts)
		links, ids, count := map[string]bool{}, map[string]bool{}, 0
		for n := 1; ; n++ {
			value, next, err := c.page(ctx, req, n > 1)
			if err != nil {
				yield(item{}, err)
				return
			}
			for raw := range asset.Elements(value) {
				if count++; count > c.o.listed {
					yield(item{}, &Unknown{Method: http.MethodGet, Path: path, Err: fmt.Errorf("the list has more than %d items", c.o.listed)})
					return
				}
				it := item{raw, asset.ParseValid(raw)}
				if !seen(ids, it.rest) && !yield(it, nil) {
					return
				}
			}
			if next == "" {
				return
			}
			if links[next] || n == maxPages {
				yield(item{}, &Unknown{Method: http.MethodGet, Path: path, Err: errors.New("next links of the list do not end")})
				return
			}
			links[next] = true
			if err := c.ours(next); err != nil {
				yield(item{}, &Unknown{Method: http.MethodGet, Path: path, Err: fmt.Errorf("next link: %w", err)})
				return
			}
			req = &request{method: http.MethodGet, path: path, url: next}
		}
	}
}

// page reads one page: its items, one after the other, and the next link.
func (c *Client) page(ctx context.Context, req *request, later bool) (value json.RawMessage, next string, err error) {
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
	value, next, ok := cut(body)
	if !ok {
		return nil, "", &Unknown{Method: req.method, Path: req.path, Err: errors.New("answer is no list")}
	}
	return value, next, nil
}

// cut takes the page of a list apart without reading the items, of which there
// are many.
func cut(body json.RawMessage) (value json.RawMessage, next string, ok bool) {
	link := asset.NewNull()
	if len(body) == 0 {
		return nil, "", false
	}
	for key, raw := range asset.Members(body) {
		switch strings.ToLower(key) {
		case "value":
			value = raw
		case "nextlink":
			link = asset.ParseValid(raw)
		}
	}
	if len(value) == 0 || value[0] != '[' {
		return nil, "", false
	}
	return value, link.Str(), link.Type() == asset.String || link.Type() == asset.Null
}

// seen tells whether the id of an item was met before. An item without one,
// such as a schedule, goes by its name.
func seen(ids map[string]bool, rest *asset.Value) bool {
	id, name := rest.Get("id").Str(), rest.Get("name").Str()
	if id == "" && name == "" {
		return false
	}
	key := strings.ToLower(id)
	if key == "" {
		key = "name " + name
	}
	old := ids[key]
	ids[key] = true
	return old
}

func newBytes(b []byte) *bytes.Reader { return bytes.NewReader(b) }
