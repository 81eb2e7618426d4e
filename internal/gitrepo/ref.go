package gitrepo

import (
	"fmt"
	"path"
	"strings"
	"unicode"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"mlsync.dev/mlsync/internal/limit"
)

// Ref names one commit of a remote, now and in future: a branch, a tag, the
// highest tag of a range of versions or of a glob, or a fixed commit. The zero value is the
// remote's default branch. Make one with ParseRef.
type Ref struct {
	text   string
	full   plumbing.ReferenceName // refs/heads/x or refs/tags/x
	short  string                 // x: a branch if there is one, else a tag
	commit Hash
	semver *versionRange
	tags   string // a glob
}

// ParseRef reads a ref:
//
//	""  HEAD              the default branch
//	main                  the branch, or the tag if there is no such branch
//	refs/heads/main       only the branch
//	refs/tags/v1.2        only the tag
//	semver:>=1.2 <2       the tag of the highest version in the range
//	tags:v*               the highest tag whose name matches the glob
//	40 hexadecimal digits the commit
//
// The error wraps ErrInvalid.
func ParseRef(s string) (Ref, error) {
	ref := Ref{text: s}
	switch {
	case s == "" || s == "HEAD":
		return Ref{}, nil
	case strings.HasPrefix(s, "semver:"):
		r, err := parseRange(strings.TrimPrefix(s, "semver:"))
		if err != nil {
			return Ref{}, fmt.Errorf("ref %q: %w", clean(s), err)
		}
		ref.semver = &r
	case strings.HasPrefix(s, "tags:"):
		ref.tags = strings.TrimPrefix(s, "tags:")
		return ref, checkTagGlob(ref.tags)
	case plumbing.IsHash(s) && strings.ToLower(s) == s:
		ref.commit = Hash(s)
	case strings.HasPrefix(s, "refs/heads/") || strings.HasPrefix(s, "refs/tags/"):
		ref.full = plumbing.ReferenceName(s)
		return ref, checkRefName(strings.SplitN(s, "/", 3)[2])
	case strings.HasPrefix(s, "refs/"):
		return Ref{}, invalid("ref", "only refs/heads/… and refs/tags/… can be fetched")
	default:
		ref.short = s
		return ref, checkRefName(s)
	}
	return ref, nil
}

// String gives the text that ParseRef reads; "HEAD" for the default branch.
func (r Ref) String() string {
	if r.text == "" {
		return "HEAD"
	}
	return r.text
}

// Touches reports whether the ref may mean another commit once the remote's
// ref of the full name has moved. The default branch may be any branch.
func (r Ref) Touches(name string) bool {
	_, isTag := strings.CutPrefix(name, "refs/tags/")
	branch, isBranch := strings.CutPrefix(name, "refs/heads/")
	switch {
	case r.commit != "":
		return false
	case r.semver != nil:
		return isTag
	case r.tags != "":
		ok, _ := path.Match(r.tags, strings.TrimPrefix(name, "refs/tags/"))
		return isTag && ok
	case r.full != "":
		return string(r.full) == name
	case r.short != "":
		return isBranch && branch == r.short || name == "refs/tags/"+r.short
	}
	return isBranch
}

// checkTagGlob accepts globs that can match the name of a tag.
func checkTagGlob(glob string) error {
	if _, err := path.Match(glob, ""); err != nil {
		return invalid(fmt.Sprintf("glob %q", clean(glob)), "a [ has no ]")
	}
	return checkRefName(strings.NewReplacer("*", "x", "?", "x", "[", "", "]", "", "^", "").Replace(glob))
}

// checkRefName follows git check-ref-format and adds that no part may begin
// with '-'.
func checkRefName(name string) error {
	bad := func(why string) error { return invalid(fmt.Sprintf("ref %q", clean(name)), why) }
	switch {
	case name == "" || name == "@":
		return bad("it names nothing")
	case len(name) > limit.RefName:
		return bad("it is longer than 1024 bytes")
	case strings.Contains(name, "..") || strings.Contains(name, "@{") || strings.Contains(name, "//"):
		return bad("'..', '@{' and '//' are not allowed")
	case strings.ContainsAny(name, " ~^:?*[\\"):
		return bad("spaces and ~ ^ : ? * [ \\ are not allowed")
	case strings.HasPrefix(name, "/") || strings.HasSuffix(name, "/") || strings.HasSuffix(name, "."):
		return bad("it may not begin or end with '/', nor end with '.'")
	case strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return bad("it holds a control character or is not UTF-8")
	}
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case strings.HasPrefix(part, "-"):
			return bad("a part that begins with '-' would be read as an option")
		case strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock"):
			return bad("no part may begin with '.' or end with '.lock'")
		}
	}
	return nil
}

// resolve finds the ref among those the remote lists. name is "" for a fixed
// commit, which need not be listed.
func (r Ref) resolve(adv *packp.AdvRefs) (name plumbing.ReferenceName, hash plumbing.Hash, err error) {
	switch {
	case r.commit != "":
		return "", plumbing.NewHash(string(r.commit)), nil
	case r.semver != nil:
		return r.semver.highest(adv)
	case r.tags != "":
		return highestTag(r.tags, adv)
	case r.full != "":
		name = r.full
	case r.short != "":
		name = plumbing.NewBranchReferenceName(r.short)
		if _, ok := adv.References[name.String()]; !ok {
			name = plumbing.NewTagReferenceName(r.short)
		}
	default:
		return defaultBranch(adv)
	}
	hash, ok := adv.References[name.String()]
	if !ok {
		return "", plumbing.ZeroHash, faultOf(ErrNotFound, "no branch or tag "+r.String())
	}
	return name, hash, nil
}

func defaultBranch(adv *packp.AdvRefs) (plumbing.ReferenceName, plumbing.Hash, error) {
	for _, symref := range adv.Capabilities.Get(capability.SymRef) {
		if target, ok := strings.CutPrefix(symref, "HEAD:"); ok {
			if hash, ok := adv.References[target]; ok && strings.HasPrefix(target, "refs/heads/") {
				return plumbing.ReferenceName(target), hash, nil
			}
		}
	}
	if adv.Head == nil {
		return "", plumbing.ZeroHash, &fault{kind: ErrNotFound, detail: "the default branch does not exist", cure: "name a branch"}
	}
	return "refs/remote/HEAD", *adv.Head, nil
}
