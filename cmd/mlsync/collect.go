package main

import (
	"os"
	"runtime"
	"runtime/debug"
	collector "runtime/metrics"
)

// easeCollection lets the heap grow by more than what is alive while that is
// little: most calls end before 16 MB or soon after, and would spend a third
// of their time on a dozen collections of a heap that fits in a cache. The more
// is alive, the more memory counts and the less is added. GOGC in the
// environment wins.
func easeCollection() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(mostGrowth) // of at least 4 MB
	afterCollection(func() { debug.SetGCPercent(growth(alive())) })
}

const (
	mostGrowth = 400
	// heapRoom is what the heap may grow by whatever is alive.
	heapRoom = 12 << 20
)

// growth is by how many percent the heap may grow beyond what is alive: by
// heapRoom and a half.
func growth(alive uint64) int {
	return int(min(mostGrowth, 100*(heapRoom+alive/2)/max(alive, 1)))
}

// alive is what the last collection left, in bytes.
func alive() uint64 {
	s := []collector.Sample{{Name: "/gc/heap/live:bytes"}}
	collector.Read(s)
	if s[0].Value.Kind() != collector.KindUint64 {
		return heapRoom
	}
	return s[0].Value.Uint64()
}

// afterCollection calls f whenever garbage was collected.
func afterCollection(f func()) {
	mark := new([16]byte)
	runtime.AddCleanup(mark, func(f func()) {
		f()
		afterCollection(f)
	}, f)
}
