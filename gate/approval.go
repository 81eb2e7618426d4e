package gate

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const approvalType = "approval"

// Approvals is open when so many people have approved the release.
type Approvals struct {
	Count int
	// NotCommitter leaves out who made the commit.
	NotCommitter bool
}

// Type is the word of mlsync.yaml.
func (Approvals) Type() string { return approvalType }

// asked is how often the journal is looked at for approvals.
const asked = 10 * time.Second

func (a Approvals) look(ctx context.Context, c *Case, seen sight) finding {
	evidence := map[string]string{"wanted": strconv.Itoa(a.Count)}
	given, err := c.Consent.Approvals(ctx, seen.gate)
	if err != nil {
		return shut(seen.now.Add(asked), "the approvals could not be read: "+err.Error(), evidence)
	}
	var people, left []string
	for _, one := range given {
		switch {
		case slices.ContainsFunc(people, func(p string) bool { return strings.EqualFold(p, one.Author) }):
		case a.NotCommitter && Committed(c.Committers, one.Author):
			left = append(left, one.Author)
		default:
			people = append(people, one.Author)
		}
	}
	if len(people) > 0 {
		evidence["approved_by"] = strings.Join(people, ", ")
	}
	why := fmt.Sprintf("%d of %d approvals", len(people), a.Count)
	if len(left) > 0 {
		evidence["left_out"] = strings.Join(left, ", ")
		why += "; that of who made the commit does not count"
	}
	if len(people) >= a.Count {
		return open(why+" by "+evidence["approved_by"], evidence)
	}
	return shut(seen.now.Add(asked), why+": mlsync approve gate:"+seen.gate, evidence)
}

// Committed reports whether a name is one of those of who made a commit: the
// whole name, the address, or what stands before its @.
func Committed(committers []string, author string) bool {
	return slices.ContainsFunc(committers, func(c string) bool {
		local, _, address := strings.Cut(c, "@")
		return strings.EqualFold(c, author) || address && strings.EqualFold(local, author)
	})
}
