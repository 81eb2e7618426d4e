// Package lineage follows where assets came from and where they went, across
// workspaces and releases: an asset came by a release, which is of an asset of
// another workspace, which a job made of data, code and an environment, at a
// commit. It makes a graph of that and writes it as a tree, as JSON, for
// Graphviz and for Mermaid.
//
// It must not know clients, files and flags: what is live and what the
// repository has is handed in, and is three-valued. Nothing but an answer makes
// something absent, and what could not be read is in the graph as such.
package lineage
