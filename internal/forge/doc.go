// Package forge speaks to the services that keep pull requests beside git
// repositories: GitHub, GitLab, Azure DevOps, Gitea and Forgejo, in their
// clouds and on servers of one's own, by their REST APIs. It tells from a
// remote's URL which repository of which service is meant, opens and updates
// pull requests, keeps one comment on them up to date, sets the status of
// commits and says which labels a pull request has and who set them.
//
// Whatever may be repeated is: to open a pull request that is open updates it,
// to comment with the same marker replaces the comment. A request whose answer
// was lost is looked for before it is sent again.
//
// Everything a service sends (answers, links, redirects, messages) is taken as
// hostile: it is bounded in size, number and time, checked, and cleaned before
// it appears in an error. The token goes to one origin only, over https or to
// this machine, and appears in no error.
//
// It must not know any word of the domain, nor what the texts mean that it
// puts on a service.
package forge
