//go:build linux || darwin

package main

import "syscall"

// freeBytes is how much room is left for the user on the disk of a folder.
func freeBytes(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil //nolint:gosec // the size of a block is not negative
}
