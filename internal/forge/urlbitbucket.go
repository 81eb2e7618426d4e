package forge

import "mlsync.dev/mlsync/internal/gitrepo"

// bitbucketParts makes project and repository of the forms of addresses that a
// server of Bitbucket has for git and for people; ~name is the project of a
// user:
//
//	https://SERVER/[FOLDER/]scm/PROJECT/REPO.git
//	ssh://git@SERVER:7999/PROJECT/REPO.git
//	https://SERVER/[FOLDER/]projects/PROJECT/repos/REPO[/browse]
//	https://SERVER/[FOLDER/]users/NAME/repos/REPO[/browse]
//
// The folder is left out, because ssh does not have it.
// https://confluence.atlassian.com/bitbucketserver/clone-a-repository-790632786.html
func bitbucketParts(a gitrepo.Address, parts []string) ([]string, error) {
	bad := invalid("want scm/PROJECT/REPOSITORY on a server of Bitbucket")
	n := len(parts)
	if a.Scheme == "ssh" {
		if n != 2 {
			return nil, invalid("want PROJECT/REPOSITORY over ssh on a server of Bitbucket")
		}
		return parts, nil
	}
	if n >= 3 && parts[n-3] == "scm" {
		return parts[n-2:], nil
	}
	if n >= 5 && parts[n-1] == "browse" {
		parts = parts[:n-1]
		n--
	}
	if n < 4 || parts[n-2] != "repos" {
		return nil, bad
	}
	switch parts[n-4] {
	case "projects":
		return []string{parts[n-3], parts[n-1]}, nil
	case "users":
		return []string{"~" + parts[n-3], parts[n-1]}, nil
	}
	return nil, bad
}
