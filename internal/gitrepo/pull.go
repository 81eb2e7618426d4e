package gitrepo

import (
	"fmt"
	"regexp"

	"github.com/go-git/go-git/v5/plumbing"
)

// pullRef are the names under which services keep the commits of pull
// requests: GitHub, Gitea and Azure DevOps, and GitLab.
// https://docs.github.com/en/pull-requests/collaborating-with-pull-requests/reviewing-changes-in-pull-requests/checking-out-pull-requests-locally
// https://learn.microsoft.com/azure/devops/repos/git/pull-requests#checkout-the-pull-request
// https://docs.gitlab.com/user/project/merge_requests/reviews/#checkout-merge-requests-locally-through-the-head-ref
var pullRef = regexp.MustCompile(`\Arefs/(pull|merge-requests)/[1-9][0-9]{0,17}/(head|merge)\z`)

// PullRef is the ref under which a service keeps the head or the merge result
// of a pull request. The error wraps ErrInvalid for any other name.
func PullRef(name string) (Ref, error) {
	if !pullRef.MatchString(name) {
		return Ref{}, invalid(fmt.Sprintf("ref %q", clean(name)), "it is no ref of a pull request")
	}
	return Ref{text: name, full: plumbing.ReferenceName(name)}, nil
}
