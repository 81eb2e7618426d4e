//go:build !linux && !darwin

package main

import "errors"

// freeBytes is how much room is left for the user on the disk of a folder.
func freeBytes(string) (uint64, error) { return 0, errors.ErrUnsupported }
