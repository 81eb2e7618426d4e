package forge

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"mlsync.dev/mlsync/internal/limit"
)

// comment is one of a pull request. id is the service's, author as api.self.
type comment struct{ id, author, body string }

// markerOK keeps a marker inside the comment of HTML that hides it.
var markerOK = regexp.MustCompile(`\A[A-Za-z0-9][A-Za-z0-9._/:]{0,127}\z`)

// markerRoom is what the longest marker takes of the length of a comment.
const markerRoom = 160

// Comment keeps one comment on a pull request: the first that the token's own
// account wrote with the marker gets the body, and if there is none it is
// written. The marker is letters, digits and ._/: and is not seen by readers.
// A comment of somebody else with the same marker is left alone, else we would
// put our words into another's mouth, who could change them.
func (f *Forge) Comment(ctx context.Context, number int64, marker, body string) error {
	const op = "comment"
	body = f.api.text(body)
	switch l := f.Limits().Comment; {
	case !markerOK.MatchString(marker):
		return f.refuse(op, "the marker is not letters, digits and ._/:, or longer than 128")
	case len(body) > l:
		return f.refuse(op, fmt.Sprintf("the comment has %d bytes, more than %d", len(body), l))
	}
	tag := "<!-- " + marker + " -->\n"
	want := comment{body: tag + body}
	for try := 1; ; try++ {
		found, err := f.own(ctx, number, tag)
		if err != nil {
			return err
		}
		if found.id != "" && same(found.body, want.body) {
			return nil
		}
		want.id = found.id
		if err = f.api.say(ctx, number, want); err == nil {
			return nil
		}
		// Gone in between, or its answer lost: look again.
		gone := want.id != "" && errors.Is(err, ErrNotFound)
		if !gone && !worthwhile(err) || try == limit.ForgeTries {
			return err
		}
		if werr := pause(ctx, try, err); werr != nil {
			return err
		}
	}
}

// own finds our first comment with the marker.
func (f *Forge) own(ctx context.Context, number int64, tag string) (comment, error) {
	all, err := f.api.comments(ctx, number)
	if err != nil {
		return comment{}, err
	}
	self := ""
	for _, c := range all {
		if !strings.HasPrefix(strings.ReplaceAll(c.body, "\r\n", "\n"), tag) && c.body+"\n" != tag {
			continue
		}
		if self == "" {
			if self, err = f.client.whoami(ctx, f.api.self); err != nil {
				return comment{}, err
			}
		}
		if c.author == self {
			return c, nil
		}
	}
	return comment{}, nil
}
