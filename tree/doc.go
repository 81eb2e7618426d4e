// Package tree reads a folder of YAML files as assets and writes assets as
// YAML files. Reading and writing are inverse of each other.
//
// It knows YAML syntax, the layout of folders, positions, variables and
// overlays. What a document means is the business of package kind. It must
// not know REST paths, the live side, the disk, git or the network: files come
// from an fs.FS and go out as bytes.
//
// Scalars mean what they mean to the reference client, which reads YAML 1.1
// with PyYAML: yes is a boolean, 010 is 8, 12:30 is 750, 1e3 is a text.
package tree
