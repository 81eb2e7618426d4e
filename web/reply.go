package web

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// reply answers with what a handler gave.
func (c *call) reply(got any) error {
	if c.route.answer == nil {
		c.w.WriteHeader(c.route.ok())
		return nil
	}
	out, ok := got.(form)
	if !ok {
		// Letters that HTML could take for its own are written as escapes.
		body, err := json.Marshal(got)
		if err != nil {
			return err
		}
		out = form{media: "application/json", body: append(body, '\n')}
	}
	h := c.w.Header()
	if c.route.method == http.MethodGet {
		if out.etag == "" {
			sum := sha256.Sum256(out.body)
			out.etag = hex.EncodeToString(sum[:12])
		}
		tag := `"` + out.etag + `"`
		h.Set("ETag", tag)
		if sameTag(c.r.Header.Get("If-None-Match"), tag) {
			c.w.WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	if out.exits != "" {
		h.Set(ExitHeader, out.exits)
		h.Set(RunHeader, out.run)
	}
	media := out.media
	if strings.HasPrefix(media, "text/") {
		media += "; charset=utf-8"
	}
	h.Set("Content-Type", media)
	h.Set("Content-Length", strconv.Itoa(len(out.body)))
	c.w.WriteHeader(c.route.ok())
	if c.r.Method != http.MethodHead {
		_, _ = c.w.Write(out.body) // a client that has gone is none to tell
	}
	return nil
}

// ExitHeader tells of a plan which exit codes mlsync plan ends with: without
// --exit-code, and with it.
const ExitHeader = "Mlsync-Exit-Codes"

// RunHeader tells of a plan which run made it, and how that ended.
const RunHeader = "Mlsync-Run"

// sameTag reports whether the client has what would be sent.
func sameTag(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		if one = strings.TrimPrefix(strings.TrimSpace(one), "W/"); one == tag || one == "*" {
			return true
		}
	}
	return false
}

// format is the form that is asked for: by the query, or by the header Accept,
// which is looked at from the left. JSON is what is answered otherwise.
func (c *call) format() string {
	if f := c.query["format"]; f != "" {
		return f
	}
	for one := range strings.SplitSeq(c.r.Header.Get("Accept"), ",") {
		media, _, _ := mime.ParseMediaType(one)
		switch media {
		case "application/json", "*/*", "application/*":
			return "json"
		case markdown:
			return "markdown"
		case textPlain, "text/*":
			return "text"
		}
	}
	return "json"
}

func isStream(c *call) bool {
	if c.route.method != http.MethodGet || c.route.name != "listEvents" || c.r.Method == http.MethodHead {
		return false
	}
	for one := range strings.SplitSeq(c.r.Header.Get("Accept"), ",") {
		if media, _, _ := mime.ParseMediaType(one); media == stream {
			return true
		}
	}
	return false
}
