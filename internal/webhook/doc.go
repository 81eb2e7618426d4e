// Package webhook takes deliveries of git services that say that something was
// pushed: GitHub, GitLab, Azure DevOps, Bitbucket in its cloud and on servers,
// Gitea and Forgejo, and whoever else can sign a text or has a token of an
// OpenID Connect issuer.
//
// A delivery is a hint: that the refs of a repository may have moved. Nothing
// that it holds is fetched, stored or believed; who gets the hint asks the
// remote that is configured. So the worst that a forged delivery could do is
// to ask once too often, and even that takes the secret.
//
// Until a delivery is verified, what it can cost is bounded: in bytes, time,
// number at a time and number a second.
//
// It must not know any word of the domain beyond repositories and refs.
package webhook
