// Package access decides who may do what in which project. The decisions are
// pure: a table of roles and actions, and what a principal was granted; what is
// not granted is refused. Gatekeeper is the door before them: it finds out who
// a request is of, by a token of an OIDC issuer or one of ours.
//
// It must not know what the actions do, nor where tokens and members are kept:
// both are handed to it.
package access
