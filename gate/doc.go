// Package gate says whether a target may take a release yet: it looks at the
// gates of the target and gives a verdict on each, with the evidence for it and
// the time of the next look.
//
// Verdicts are values that the caller keeps: what was found at one look is
// handed in at the next, so that deadlines go on through a restart. The
// package must not know git, the workspace, the network, the journal or the
// clock; small interfaces say what it needs of them.
package gate
