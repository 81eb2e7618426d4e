package forge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"mlsync.dev/mlsync/internal/gitrepo"
	"mlsync.dev/mlsync/internal/limit"
)

// Options say how a service is reached.
type Options struct {
	// Provider says what a host is that is in nobody's cloud. One that is in
	// one keeps its own.
	Provider Provider
	// API replaces the address of the REST API, which is made of the remote's
	// host otherwise: https://HOST/api/v3 on GitHub Enterprise, https://HOST/api/v4
	// on GitLab, https://HOST/api/v1 on Gitea and Forgejo; what stands before
	// the collection on Azure DevOps Server, such as https://HOST/tfs.
	API string
	// Token goes to the API, over https or to this machine; without one only
	// what is public can be read.
	Token gitrepo.Secret
	// Transport is http.DefaultTransport's like if nil.
	Transport http.RoundTripper
	// UserAgent names the program; GitHub refuses requests without one.
	UserAgent string
	// Answer bounds the bytes of an answer, and of all pages of a list
	// together; Timeout one attempt of a request. Zeros mean
	// limit.ForgeAnswer and limit.ForgeRequest, which are also the most.
	Answer  int64
	Timeout time.Duration
}

// Forge is one repository on its service. It may be used from several
// goroutines.
type Forge struct {
	repo   Repo
	api    api
	client *client
}

// api is what one sort of service does for one repository. Its errors are the
// client's.
type api interface {
	limits() Limits
	// text makes a text harmless and as the service keeps it.
	text(s string) string
	// list gives at least the open pull requests from head to base.
	list(ctx context.Context, head, base string) ([]PullRequest, error)
	get(ctx context.Context, number int64) (PullRequest, error)
	create(ctx context.Context, pr PullRequest) (PullRequest, error)
	update(ctx context.Context, pr PullRequest) (PullRequest, error)
	// self is who the token belongs to, as comment.author has it.
	self(ctx context.Context) (string, error)
	comments(ctx context.Context, number int64) ([]comment, error)
	// say writes a comment: anew if its id is "".
	say(ctx context.Context, number int64, c comment) error
	status(ctx context.Context, s CommitStatus) error
	// open gives at most so many open pull requests, those that changed last.
	open(ctx context.Context, tag string, most int) (Listing, error)
	// refs are the refs of the head and of its merge into the base, "" if the
	// service keeps none.
	refs(number int64) (head, merge string)
	// may reports whether who set a label may write to the repository.
	may(ctx context.Context, by Label) (bool, error)
	// moved is when the head was moved last, and whether that is all there is to
	// know of the head that is given.
	moved(ctx context.Context, pr PullRequest) (last time.Time, tells bool, err error)
	labels(ctx context.Context, number int64) ([]Label, error)
}

// Of finds the service and the repository of a remote's URL. It sends nothing.
// The error is ErrUnknown for a host that no service is known by and no
// Provider given for, else ErrInvalid; it never quotes the URL's credential.
func Of(remote string, o Options) (*Forge, error) {
	repo, err := Parse(remote, o.Provider)
	if err != nil {
		return nil, err
	}
	if repo.Provider == Other {
		return nil, fmt.Errorf("%s: %w: say whether it is github, gitlab, azure or gitea", repo.Host, ErrUnknown)
	}
	base, path, err := endpoint(repo, o.API)
	if err != nil {
		return nil, err
	}
	c, err := newClient(base, o)
	if err != nil {
		return nil, err
	}
	c.repo = repo.Key()
	f := &Forge{repo: repo, client: c}
	hub := github{client: c, at: "/repos/" + escape(path...)}
	switch repo.Provider {
	case GitHub:
		f.api, c.speaks = &hub, githubTongue()
	case Gitea:
		f.api, c.speaks = &gitea{hub}, giteaTongue()
	case GitLab:
		f.api, c.speaks = &gitlab{client: c, at: "/projects/" + escape(strings.Join(path, "/"))}, gitlabTongue()
	case Azure:
		at := len(path) - 1
		f.api = &azure{
			client: c, org: "/" + escape(path[:at-1]...), at: "/" + escape(path[:at]...) + "/_apis/git/repositories/" + escape(path[at]),
			web: cmp.Or(repo.web, "https://"+repo.Host) + "/" + escape(path[:at]...) + "/_git/" + escape(path[at]),
		}
		c.speaks = azureTongue()
	default:
		return nil, fmt.Errorf("%s: %w: %q is none of github, gitlab, azure, gitea", repo.Host, ErrUnknown, clean(string(repo.Provider), ""))
	}
	return f, nil
}

// endpoint is the address of the API and the names of the repository's path
// below it: a service that is not at the root of its host has its folder in
// the path of https addresses.
func endpoint(r Repo, given string) (string, []string, error) {
	path := strings.Split(r.Path, "/")
	suffix := map[Provider]string{GitHub: "/api/v3", GitLab: "/api/v4", Gitea: "/api/v1"}[r.Provider]
	base := cmp.Or(given, cmp.Or(r.web, "https://"+r.Host)+suffix)
	switch {
	case given != "":
	case r.Host == "github.com":
		base = "https://api.github.com"
	case r.Provider == GitHub && strings.HasSuffix(r.Host, ".ghe.com"):
		base = "https://api." + r.Host
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", nil, fmt.Errorf("api: %w: want an address such as https://git.example%s, without password and query", ErrInvalid, suffix)
	}
	folder := strings.Split(strings.Trim(strings.TrimSuffix(strings.TrimRight(u.Path, "/"), suffix), "/"), "/")
	if below := len(folder); given != "" && folder[0] != "" && len(path) > below+1 && strings.EqualFold(strings.Join(path[:below], "/"), strings.Join(folder, "/")) {
		path = path[below:]
	}
	if r.Provider == Gitea && len(path) != 2 {
		return "", nil, fmt.Errorf("repository url: %w: want OWNER/REPOSITORY on Gitea; if it is served from a folder, give the address of its api", ErrInvalid)
	}
	return strings.TrimRight(base, "/"), path, nil
}

// escape makes a path of names, whatever they hold.
func escape(names ...string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = url.PathEscape(n)
	}
	return strings.Join(out, "/")
}

// Repo is the repository.
func (f *Forge) Repo() Repo { return f.repo }

// Host is where the token goes, with the port if it is written.
func (f *Forge) Host() string {
	u, _ := url.Parse(f.client.base) // was parsed before
	return strings.ToLower(u.Host)
}

// Limits are the lengths that the service takes.
func (f *Forge) Limits() Limits { return f.api.limits() }

// Get reads a pull request, open or not.
func (f *Forge) Get(ctx context.Context, number int64) (PullRequest, error) {
	return f.api.get(ctx, number)
}

// Find gives the open pull request from head to base, branches of this
// repository, and nil if there is none. Pull requests of forks are not meant.
func (f *Forge) Find(ctx context.Context, head, base string) (*PullRequest, error) {
	found, err := f.api.list(ctx, head, base)
	if err != nil {
		return nil, err
	}
	for i := range found {
		if p := &found[i]; p.Open && !p.Fork && p.Head == head && p.Base == base {
			return p, nil
		}
	}
	return nil, nil //nolint:nilnil // none is no failure: said above
}

// Open opens a pull request from Head to Base. If one is open already its
// title and body become the given ones: there is never a second one, also if
// the answer of an earlier attempt was lost.
func (f *Forge) Open(ctx context.Context, pr PullRequest) (PullRequest, error) {
	const op = "open pull request"
	pr.Body = f.api.text(pr.Body)
	if err := f.check(op, pr); err != nil {
		return PullRequest{}, err
	}
	if bad := badBranch(pr.Head) + badBranch(pr.Base); bad != "" || pr.Head == pr.Base {
		return PullRequest{}, f.refuse(op, cmp.Or(bad, "head and base are the same branch"))
	}
	for try := 1; ; try++ {
		found, err := f.Find(ctx, pr.Head, pr.Base)
		if err != nil {
			return PullRequest{}, err
		}
		if found != nil {
			return f.become(ctx, *found, pr)
		}
		made, err := f.api.create(ctx, pr)
		if err == nil {
			return made, nil
		}
		// A refusal may say that there is one; only looking tells.
		if errors.Is(err, ErrRefused) {
			if found, ferr := f.Find(ctx, pr.Head, pr.Base); ferr == nil && found != nil {
				return f.become(ctx, *found, pr)
			}
			return PullRequest{}, err
		}
		if !errors.Is(err, ErrConflict) && !worthwhile(err) || try == limit.ForgeTries {
			return PullRequest{}, err
		}
		if werr := pause(ctx, try, err); werr != nil {
			return PullRequest{}, err
		}
	}
}

func (f *Forge) become(ctx context.Context, found, want PullRequest) (PullRequest, error) {
	if found.Title == want.Title && same(found.Body, want.Body) {
		return found, nil
	}
	want.Number = found.Number
	return f.Update(ctx, want)
}

// same compares as services keep texts: some change the ends of lines or take
// blanks off the end.
func same(a, b string) bool {
	plain := func(s string) string { return strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), " \n\t") }
	return plain(a) == plain(b)
}

// Update replaces the title and body of pull request Number.
func (f *Forge) Update(ctx context.Context, pr PullRequest) (PullRequest, error) {
	pr.Body = f.api.text(pr.Body)
	if err := f.check("update pull request", pr); err != nil {
		return PullRequest{}, err
	}
	return f.api.update(ctx, pr)
}

func (f *Forge) check(op string, pr PullRequest) error {
	l := f.Limits()
	switch {
	case strings.TrimSpace(pr.Title) == "" || strings.ContainsFunc(pr.Title, unicode.IsControl):
		return f.refuse(op, "the title is empty or has more than one line")
	case len(pr.Title) > l.Title:
		return f.refuse(op, fmt.Sprintf("the title has %d bytes, more than %d", len(pr.Title), l.Title))
	case len(pr.Body) > l.Body:
		return f.refuse(op, fmt.Sprintf("the body has %d bytes, more than %d", len(pr.Body), l.Body))
	}
	return nil
}

func badBranch(name string) string {
	if name == "" || strings.HasPrefix(name, "-") || strings.HasPrefix(name, "refs/") || strings.ContainsAny(name, " :~^?*[\\") || strings.ContainsFunc(name, unicode.IsControl) {
		return "a branch is given by its short name, such as main; "
	}
	return ""
}

// Labels are the labels of a pull request and who set them.
func (f *Forge) Labels(ctx context.Context, number int64) ([]Label, error) {
	return f.api.labels(ctx, number)
}

// Pulls lists at most so many open pull requests, those that changed last, of
// forks too. tag is that of the last listing, "" for the first: services that
// know such tags say that nothing changed without listing anything.
func (f *Forge) Pulls(ctx context.Context, tag string, most int) (Listing, error) {
	out, err := f.api.open(ctx, tag, most)
	if err != nil {
		return Listing{}, err
	}
	out.Pulls = slices.DeleteFunc(out.Pulls, func(p PullRequest) bool { return !p.Open })
	return out, nil
}

// Refs are the refs under which the service keeps the head of a pull request
// and the result of merging it into its base; "" for those that it does not
// keep. The result may be of an older head or base.
func (f *Forge) Refs(number int64) (head, merge string) { return f.api.refs(number) }

// Consent is what is known of a label of a pull request, and of whether the head
// was moved since it was set.
func (f *Forge) Consent(ctx context.Context, pr PullRequest, name string) (Consent, error) {
	labels, err := f.api.labels(ctx, pr.Number)
	if err != nil {
		return Consent{}, err
	}
	i := slices.IndexFunc(labels, func(l Label) bool { return l.Name == name })
	if i < 0 {
		return Consent{Label: Label{Name: name}}, nil
	}
	out := Consent{Label: labels[i], There: true}
	if out.By == "" || out.At.IsZero() {
		return out, nil
	}
	if out.May, err = f.api.may(ctx, out.Label); err != nil || !out.May {
		return out, err
	}
	out.Moved, out.Tells, err = f.api.moved(ctx, pr)
	return out, err
}

// Status sets the status of a commit. The last of a context counts.
func (f *Forge) Status(ctx context.Context, s CommitStatus) error {
	const op = "set status"
	l := f.Limits()
	u, err := url.Parse(s.URL)
	switch {
	case !isHash(s.Commit):
		return f.refuse(op, "the commit is not a full hash")
	case s.Context == "" || len(s.Context) > 255 || strings.ContainsFunc(s.Context, unicode.IsControl):
		return f.refuse(op, "the context is empty, longer than 255 bytes or has more than one line")
	case s.State != Pending && s.State != Success && s.State != Failure && s.State != Broken:
		return f.refuse(op, "the state is none of pending, success, failure, error")
	case len(s.Description) > l.Description:
		return f.refuse(op, fmt.Sprintf("the description has %d bytes, more than %d", len(s.Description), l.Description))
	case err != nil || s.URL != "" && u.Scheme != "https" && u.Scheme != "http" || len(s.URL) > limit.ForgeLink:
		return f.refuse(op, fmt.Sprintf("the url is not https or http, or longer than %d bytes", limit.ForgeLink))
	}
	return f.api.status(ctx, s)
}

func isHash(s string) bool {
	return (len(s) == 40 || len(s) == 64) && strings.Trim(s, "0123456789abcdef") == ""
}
