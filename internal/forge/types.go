package forge

import "time"

// Provider is a kind of service.
type Provider string

// The providers. Gitea stands for Forgejo too, whose API is the same as far as
// this package uses it. Bitbucket is bitbucket.org and BitbucketServer one's own
// server or Data Center: only their addresses are known here, not their pull
// requests, and none of Other is.
const (
	GitHub Provider = "github"
	GitLab Provider = "gitlab"
	Azure  Provider = "azure"
	Gitea  Provider = "gitea"
	Other  Provider = ""

	Bitbucket       Provider = "bitbucket"
	BitbucketServer Provider = "bitbucket-server"
)

// Providers are those with pull requests.
func Providers() []Provider { return []Provider{GitHub, GitLab, Azure, Gitea} }

// PullRequest is a pull request, called merge request on GitLab. What is given
// to Open and Update is Head, Base, Title and Body, and to Update Number.
type PullRequest struct {
	// Number is how people call it: #12, !12.
	Number int64
	// Head is the branch with the changes and Base the one they go to, by
	// short name. Fork says that Head is in another repository.
	Head, Base string
	Fork       bool
	// Title is one line; Body is Markdown.
	Title, Body string
	// Commit is the head's, Author who opened the pull request, URL the page
	// for people.
	Commit, Author, URL string
	// Open says that it is neither merged nor closed.
	Open bool
	// Labels are the names of its labels, as far as lists say them.
	Labels []string
}

// Listing is what a look at the open pull requests found.
type Listing struct {
	Pulls []PullRequest
	// More says that there are more than were asked for.
	More bool
	// Same says that nothing changed since Tag was given; Pulls is empty then.
	Same bool
	// Tag is what to ask with the next time; "" if the service gives none.
	Tag string
	// At is when it was so, by the clock of the service.
	At time.Time
}

// Label is a label of a pull request. By is the account that set it last and
// At when; both are zero where the service does not say, as Azure DevOps does
// not. Who decides by labels must take that for "nobody".
type Label struct {
	Name, By string
	At       time.Time
	// account is the number of who set it, where the service asks with it.
	account int64
}

// Consent is what is known of a label that lets something be done with the head
// of a pull request.
type Consent struct {
	Label
	// There says that the pull request has the label, and May that who set it
	// may write to the repository.
	There, May bool
	// Moved is when the head was moved last, as far as the service tells: zero
	// if never. Tells says that it tells all of it, for the head that was asked
	// about; otherwise only of some moves.
	Moved time.Time
	Tells bool
}

// State is how a commit does.
type State string

// The states. Failure is the commit's, Broken that of the check itself.
const (
	Pending State = "pending"
	Success State = "success"
	Failure State = "failure"
	Broken  State = "error"
)

// CommitStatus is one check of a commit. The last of a Context counts.
type CommitStatus struct {
	// Commit is the full hash; Context names the check, such as "ci/plan".
	Commit, Context string
	State           State
	// Description is one line, URL where to read more, http or https; both may
	// be empty.
	Description, URL string
}

// Limits are the bytes that a service takes. Services count characters, of
// which there are never more. What is longer is refused, never cut: only who
// wrote a text knows where it may end.
type Limits struct {
	// Comment leaves room for the marker.
	Title, Body, Comment, Description int
}
