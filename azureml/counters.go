package azureml

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Counters are the numbers of requests sent since New, repeated ones included.
type Counters struct {
	// Reads, Writes and Deletes are requests to Resource Manager.
	Reads, Writes, Deletes int64
	// Methods are the same by HTTP method.
	Methods map[string]int64
	// Blobs are requests to storage.
	Blobs int64
	// Retries are attempts after the first, Throttled those of them that
	// waited for capacity.
	Retries, Throttled int64
	// Uploaded and Downloaded are bytes of content; Copied are those that
	// storage fetched from storage.
	Uploaded, Downloaded, Copied int64
}

// Requests is the number of all requests.
func (c Counters) Requests() int64 { return c.Reads + c.Writes + c.Deletes + c.Blobs }

type stats struct {
	classes              [3]atomic.Int64
	blobs                atomic.Int64
	retries, throttled   atomic.Int64
	uploaded, downloaded atomic.Int64
	copied               atomic.Int64
	mu                   sync.Mutex
	methods              map[string]int64
}

func (s *stats) count(method string, c class) {
	s.classes[c].Add(1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.methods == nil {
		s.methods = map[string]int64{}
	}
	s.methods[method]++
}

// Counters returns the numbers so far.
func (c *Client) Counters() Counters {
	s := c.stats
	s.mu.Lock()
	defer s.mu.Unlock()
	return Counters{
		Reads: s.classes[reads].Load(), Writes: s.classes[writes].Load(), Deletes: s.classes[deletes].Load(),
		Methods: maps.Clone(s.methods), Blobs: s.blobs.Load(), Retries: s.retries.Load(), Throttled: s.throttled.Load(),
		Uploaded: s.uploaded.Load(), Downloaded: s.downloaded.Load(), Copied: s.copied.Load(),
	}
}
