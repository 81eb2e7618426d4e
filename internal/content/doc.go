// Package content says which bytes a local path of the repository stands for:
// which files below it count, under which names, and which hashes the service
// and Microsoft's client know them by.
//
// It reads an fs.FS rooted at the repository and nothing else. It must not
// know who asks, what the files are for, or how and where they are uploaded.
package content

import "errors"

// Sentinels a caller may test for with errors.Is.
var (
	// ErrEmpty is returned for a directory none of whose files counts.
	ErrEmpty = errors.New("no files to upload")
	// ErrEscape is returned for a path or a symlink that leaves the repository.
	ErrEscape = errors.New("path leaves the repository")
	// ErrLoop is returned for symlinks that never end.
	ErrLoop = errors.New("symlink loop")
	// ErrLimit is returned for content with more files or bytes than allowed.
	ErrLimit = errors.New("content is over the limit")
	// ErrConflict is returned when an include would hide a file of the code.
	ErrConflict = errors.New("include hides a file of the code")
	// ErrChanged is returned when a file is not as long as its listing said.
	ErrChanged = errors.New("file changed while it was read")
	// ErrName is returned for a file name that cannot be the name of a blob.
	ErrName = errors.New("file name cannot be uploaded")
)
