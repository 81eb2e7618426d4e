package web

import (
	"fmt"
	"testing"
	"time"

	"mlsync.dev/mlsync/internal/limit"
)

// Many who ask cost no more than limit.APIClients places, and those who ask
// still are not forgotten for those who asked once.
func TestAttackL62ManyClients(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	r := newRates(2, 1, func() time.Time { return now })
	for i := range limit.APIClients {
		now = now.Add(time.Microsecond)
		r.take(fmt.Sprint(i))
	}
	if len(r.all) != limit.APIClients {
		t.Fatalf("%d are remembered, and %d asked", len(r.all), limit.APIClients)
	}
	r.take("0")
	r.take("one more")
	if len(r.all) != limit.APIClients || r.all["0"] == nil || r.all["1"] != nil {
		t.Errorf("%d are remembered, the first %v, the oldest %v", len(r.all), r.all["0"], r.all["1"])
	}
	if ok, wait := r.take("0"); ok || wait != 1 {
		t.Errorf("a third request at once: %v, wait %d s", ok, wait)
	}
	now = now.Add(time.Hour)
	r.take("after an hour")
	if len(r.all) != 1 {
		t.Errorf("%d are remembered although all buckets are full again", len(r.all))
	}
}
