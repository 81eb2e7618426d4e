package azureml

import "sync"

// meter tells how much of some content is in storage. It is safe for concurrent
// use.
type meter struct {
	total int64
	told  func(done, total int64) // may be nil

	mu   sync.Mutex
	done map[string]int64 // bytes in storage, by blob
	sum  int64            // of all
}

// progress notes that n bytes of a blob are in storage. What was told is never
// taken back.
func (m *meter) progress(name string, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if n <= m.done[name] && n != 0 {
		return
	}
	if m.done == nil {
		m.done = map[string]int64{}
	}
	m.sum += n - m.done[name]
	m.done[name] = n
	if m.told != nil {
		m.told(m.sum, m.total)
	}
}
