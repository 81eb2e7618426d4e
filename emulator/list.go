package emulator

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"
)

// A listQuery is what a list request asks for.
type listQuery struct {
	from      uint64 // sequence number after which to go on
	left      int    // items still wanted by $top; 0 means no limit
	page      int
	ascending bool
	view      string // ActiveOnly, ArchivedOnly or All
}

// list serves GET of a collection: a page of full bodies and, when there is more, a nextLink.
func (c *call) list() answer {
	if c.req.Method != http.MethodGet {
		return armError(http.StatusMethodNotAllowed, "MethodNotAllowed", "The HTTP method '"+c.req.Method+"' is not supported at scope.").answer(c)
	}
	q, bad := c.listQuery()
	if bad != nil {
		return bad.answer(c)
	}
	if hash := c.query("hash"); hash != "" && c.codes() {
		return c.listByHash(hash)
	}
	idx := &c.coll.active
	switch q.view {
	case "archivedonly":
		idx = &c.coll.archived
	case "all":
		idx = &c.coll.all
	}
	d := c.def()
	n := q.page
	if q.left > 0 {
		n = min(n, q.left)
	}
	items, more, visited := idx.page(q.from, !q.ascending, n, func(r *resource) bool {
		return visible(r, c.now) && (d.filter == nil || d.filter(c, r))
	})
	c.srv.store.work += int64(visited)
	next := ""
	if more && (q.left == 0 || q.left > n) {
		next = c.nextLink(items[len(items)-1].seq, max(0, q.left-n))
	}
	return c.pageAnswer(items, next)
}

func (c *call) codes() bool {
	return c.coll.def.collection == "codes" || c.coll.parent != nil && c.coll.parent.coll.def.collection == "codes"
}

func (c *call) pageAnswer(items []*resource, next string) answer {
	var b bytes.Buffer
	b.WriteString(`{"value":[`)
	for i, r := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(c.srv.render(c, r))
	}
	b.WriteByte(']')
	if next != "" {
		b.WriteString(`,"nextLink":`)
		b.Write(encode(next))
	}
	b.WriteByte('}')
	return rawAnswer(http.StatusOK, b.Bytes())
}

func (c *call) listQuery() (listQuery, *refusal) {
	q := listQuery{page: c.srv.opt.PageSize, ascending: c.def().oldestFirst, view: strings.ToLower(c.query("listViewType"))}
	invalid := func(name string) *refusal {
		return userError(http.StatusBadRequest, "The request is invalid.", detail{"InvalidQuery", "Query parameter '" + name + "' is not valid."})
	}
	if token := c.query("$skip"); token != "" {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		seq, left, ok := strings.Cut(string(raw), ".")
		if err == nil && ok {
			q.from, err = strconv.ParseUint(seq, 10, 64)
		}
		if err == nil && ok {
			q.left, err = strconv.Atoi(left)
		}
		if err != nil || !ok {
			return q, invalid("$skip")
		}
	} else if top := c.query("$top"); top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 {
			return q, invalid("$top")
		}
		q.left = n
	}
	if count := c.query("count"); count != "" {
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			return q, invalid("count")
		}
		q.page = min(q.page, n)
	}
	order := strings.Fields(strings.ToLower(c.query("$orderBy") + " " + c.query("orderBy")))
	switch {
	case len(order) > 0:
		q.ascending = order[len(order)-1] != "desc" && !strings.HasSuffix(order[len(order)-1], "desc")
	case strings.EqualFold(c.query("orderByAsc"), "true"):
		q.ascending = true
	}
	return q, nil
}

// nextLink repeats the request with an opaque continuation token.
func (c *call) nextLink(after uint64, left int) string {
	return c.linkWith("$skip", base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatUint(after, 10)+"."+strconv.Itoa(left))))
}

// listByHash finds code versions of the whole workspace by content, whatever name was asked for (recorded 2026-03).
func (c *call) listByHash(hash string) answer {
	var found []*resource
	for _, r := range c.scope.codeByHash[hash] {
		doc := c.srv.document(r)
		version := str(sub(sub(doc, "properties"), "properties"), "hash_version")
		if want := c.query("hashVersion"); want != "" && want != version || !visible(r, c.now) || r.archived {
			continue
		}
		found = append(found, r)
	}
	return c.pageAnswer(found, "")
}

// matchPairs says whether the map holds all of "k=v,k2=v2"; a key alone asks for its presence.
func matchPairs(m obj, want string) bool {
	for _, pair := range strings.Split(want, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		k, v, has := strings.Cut(pair, "=")
		got, ok := m[k]
		if !ok || has && got != v {
			return false
		}
	}
	return true
}

// propertyFilter passes resources whose properties (or tags) match query parameters.
func propertyFilter(param map[string]string) func(*call, *resource) bool {
	return func(c *call, r *resource) bool {
		var p obj
		for name, key := range param {
			want := c.query(name)
			if want == "" {
				continue
			}
			if p == nil {
				p = sub(c.srv.document(r), "properties")
			}
			switch v := p[key].(type) {
			case obj:
				if !matchPairs(v, want) {
					return false
				}
			case string:
				if !strings.EqualFold(v, want) {
					return false
				}
			default:
				return false
			}
		}
		return true
	}
}
