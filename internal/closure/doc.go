// Package closure says what of a git tree a reading depends on, as one digest
// that is equal as long as nothing of it changed. A filter says which files a
// reading looks for, a trace which others it came to look at.
//
// It knows nothing of the domain: filters are the caller's.
package closure
