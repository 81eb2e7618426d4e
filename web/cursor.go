package web

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// A cursor is a position in a list: the project and what its Book calls the
// position of the last item. It says nothing of what may be read, which is
// decided anew with each page, so it needs no secret: the sum at its end tells a
// cursor of this list and these filters from any other text. Positions are of
// items, so that what is added meanwhile shifts nothing.
type position struct{ Project, After string }

const sumLength = 9

// mark writes a cursor for the list with the filters.
func mark(list string, filters url.Values, p position) string {
	body, err := json.Marshal([]string{p.Project, p.After})
	if err != nil {
		panic("web: " + err.Error()) // texts can be printed
	}
	return base64.RawURLEncoding.EncodeToString(append(cursorSum(list, filters, body), body...))
}

// readMark reads what mark wrote.
func readMark(list string, filters url.Values, text string) (p position, ok bool) {
	data, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(data) < sumLength || string(data[:sumLength]) != string(cursorSum(list, filters, data[sumLength:])) {
		return p, false
	}
	var parts []string
	if json.Unmarshal(data[sumLength:], &parts) != nil || len(parts) != 2 {
		return p, false
	}
	return position{parts[0], parts[1]}, true
}

func cursorSum(list string, filters url.Values, body []byte) []byte {
	h := sha256.New()
	put := func(s string) {
		_ = binary.Write(h, binary.BigEndian, uint32(len(s))) // a hash takes all
		_, _ = h.Write([]byte(s))
	}
	put("cursor/1")
	put(list)
	names := make([]string, 0, len(filters))
	for name := range filters {
		if name != "cursor" && name != "limit" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		put(name)
		put(strings.Join(filters[name], "\x00"))
	}
	put(string(body))
	return h.Sum(nil)[:sumLength]
}
