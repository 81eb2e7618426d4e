package gitrepo

import git "github.com/go-git/go-git/v5"

// Origin is the address that the working tree was cloned from, without its
// credential; "" outside of git and for a repository without a remote called
// origin.
func (w *WorkTree) Origin() string {
	if !w.InGit() {
		return ""
	}
	repo, err := git.PlainOpenWithOptions(w.top(), &git.PlainOpenOptions{EnableDotGitCommonDir: true})
	if err != nil {
		return ""
	}
	remote, err := repo.Remote("origin")
	if err != nil || len(remote.Config().URLs) == 0 {
		return ""
	}
	return RedactURL(remote.Config().URLs[0])
}
