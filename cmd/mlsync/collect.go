package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// easeCollection lets the heap grow to 16 MB before garbage is collected, in
// place of 4. Most calls end before that or soon after, and would spend a
// third of their time on a dozen collections of a heap that fits in a cache.
// Once more than that is alive, memory counts for more than time: the heap
// grows by three quarters of what is alive. GOGC in the environment wins.
func easeCollection() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(400) // of at least 4 MB
	afterCollection(func() (again bool) {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		if m.NextGC <= 5*easyHeap {
			return true
		}
		debug.SetGCPercent(75)
		return false
	})
}

// easyHeap is how much may be alive while the heap grows freely.
const easyHeap = 6 << 20

// afterCollection calls f when garbage was collected, until f returns false.
func afterCollection(f func() bool) {
	mark := new([16]byte)
	runtime.AddCleanup(mark, func(f func() bool) {
		if f() {
			afterCollection(f)
		}
	}, f)
}
