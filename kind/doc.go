// Package kind is what mlsync knows of each kind of asset: one table a kind,
// in a file of its own, and the small interpreter of these tables.
//
// A table says how a kind is written in YAML and where each field lives in
// REST, what may change in place, what it refers to, what is secret, which
// fields are local paths, what the reference client sends when the file is
// silent, and when two values are equal. Reading, checking, REST bodies,
// export, comparison, JSON Schema and the reference docs all read the tables.
// No other package has a switch on the kind of an asset.
//
// Four forms of an asset's content meet here, all of them *asset.Value:
//
//   - written: what stands in the file, of either dialect.
//   - normal: what Check makes of it. Enumerations have the table's spelling,
//     durations are numbers, numbers that the service wants as texts are
//     texts. Inline assets, local paths and labels are still as written.
//   - resolved: normal, and every reference, local path and inline asset is
//     replaced by what it stands for in one workspace (package resolve).
//   - REST: the JSON body of a request or an answer.
//
// ToREST takes the resolved form; FromREST gives it, so wanted and live assets
// compare in one form.
//
// The package knows no HTTP, no files and not which workspace.
package kind
