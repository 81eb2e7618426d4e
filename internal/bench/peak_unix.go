//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peak is the most memory that the process had, in bytes.
func peak(p *os.ProcessState) int64 {
	u, ok := p.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	most := int64(u.Maxrss) //nolint:unconvert // its size depends on the system
	if runtime.GOOS != "darwin" {
		most *= 1024
	}
	return most
}
