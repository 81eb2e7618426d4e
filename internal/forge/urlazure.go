package forge

import (
	"net/url"
	"slices"
	"strings"
	"unicode"

	"mlsync.dev/mlsync/internal/gitrepo"
)

const azureCloud = "dev.azure.com"

// visualStudio is the end of the hosts that organizations had before, which
// still answer:
// https://learn.microsoft.com/azure/devops/release-notes/2018/sep-10-azure-devops-launch#switch-existing-organizations-to-use-the-new-domain-name-url
const visualStudio = ".visualstudio.com"

func isAzureCloud(host string) bool {
	return host == azureCloud || host == "ssh."+azureCloud || strings.HasSuffix(host, visualStudio)
}

// azureParts makes organization, project and repository of all forms of
// addresses:
//
//	https://dev.azure.com/ORG/PROJECT/_git/REPO
//	https://dev.azure.com/ORG/_git/REPO            the project is called as the repository
//	git@ssh.dev.azure.com:v3/ORG/PROJECT/REPO
//	https://ORG.visualstudio.com/[DefaultCollection/]PROJECT/_git/REPO
//	ORG@vs-ssh.visualstudio.com:v3/ORG/PROJECT/REPO
//	ssh://ORG@vs-ssh.visualstudio.com:22/[DefaultCollection/]PROJECT/_ssh/REPO
//	ssh://ORG@ORG.visualstudio.com:22/[DefaultCollection/]PROJECT/_git/REPO
//	https://SERVER/[tfs/]COLLECTION/PROJECT/_git/REPO
//	ssh://SERVER:22/[tfs/]COLLECTION/PROJECT/_git/REPO
//
// https://learn.microsoft.com/azure/devops/repos/git/use-ssh-keys-to-authenticate
func azureParts(a gitrepo.Address, host string, parts []string) ([]string, error) {
	if err := decode(a, parts); err != nil {
		return nil, err
	}
	bad := invalid("want ORGANIZATION/PROJECT/_git/REPOSITORY on Azure DevOps")
	if a.Scheme == "ssh" && strings.EqualFold(parts[0], "v3") {
		if len(parts) != 4 {
			return nil, invalid("want v3/ORGANIZATION/PROJECT/REPOSITORY on Azure DevOps")
		}
		return parts[1:], nil
	}
	at := slices.IndexFunc(parts, func(s string) bool { return s == "_git" || a.Scheme == "ssh" && s == "_ssh" })
	if at < 0 {
		return nil, bad
	}
	front, back := parts[:at], parts[at+1:]
	// Partial clones: https://learn.microsoft.com/azure/devops/repos/git/limits
	if len(back) == 2 && (back[0] == "_full" || back[0] == "_optimized") {
		back = back[1:]
	}
	if len(back) != 1 {
		return nil, bad
	}
	front = slices.Clone(front)
	if isAzureCloud(host) {
		if front = organization(a, host, front); len(front) == 0 {
			return nil, bad
		}
	}
	// The project is left out if it is called as the repository.
	if len(front) == 1 || len(front) == 2 && !isAzureCloud(host) && strings.EqualFold(front[0], "tfs") {
		front = append(front, back[0])
	}
	if len(front) < 2 || isAzureCloud(host) && len(front) != 2 {
		return nil, bad
	}
	return append(front, back[0]), nil
}

// organization puts the organization in front, where the older hosts have it
// in their names or take it from the user's; nil if there is none.
func organization(a gitrepo.Address, host string, front []string) []string {
	org := ""
	switch host {
	case azureCloud:
		return front
	case "vs-ssh" + visualStudio:
		org = a.User
	default:
		org = strings.TrimSuffix(host, visualStudio)
	}
	if org == "" || strings.ContainsAny(org, "./\\") {
		return nil
	}
	if len(front) > 0 && strings.EqualFold(front[0], "DefaultCollection") {
		front = front[1:]
	}
	return slices.Insert(front, 0, org)
}

// decode undoes the percent signs of user@host:path, which Azure DevOps writes
// for blanks there too; in other forms they are undone already.
func decode(a gitrepo.Address, parts []string) error {
	if a.Scheme != "ssh" || strings.HasPrefix(a.Path, "/") {
		return nil
	}
	for i, part := range parts {
		s, err := url.PathUnescape(part)
		if err != nil || s == "" || s == "." || s == ".." || strings.ContainsAny(s, "/\\") || strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) {
			return invalid("bad percent encoding in the path")
		}
		parts[i] = s
	}
	return nil
}
