package emulator

import (
	"fmt"
	"time"
)

// Options configure a Server. The zero value is a good emulator: everything in memory, long-running operations done
// at the first poll, workspaces created on demand, a bearer token required but not verified.
type Options struct {
	// DataDir keeps resources and blob content across restarts. Empty means memory, with large blobs in a temporary
	// folder that Close removes.
	DataDir string

	// PageSize is the number of items in a page of a list; 0 means 100.
	PageSize int

	// LRO is how long a long-running operation takes; 0 means that it is done at the first poll.
	LRO time.Duration

	// JobStep is the time a job spends in each of Starting, Queued and Running; 0 means two seconds, a negative value
	// means that jobs never move.
	JobStep time.Duration

	// Delay is added to every answer.
	Delay time.Duration

	// Throttle refuses what exceeds the token buckets of ARM with 429. The counters are in the headers either way.
	Throttle bool

	// NoRetryAfter leaves Retry-After out of status answers, as the service does. Clients then poll every 30 s.
	NoRetryAfter bool

	// EnvChange says what a changed body for an existing environment version gets: EnvSilent or EnvRefuse. Empty
	// means EnvSilent.
	EnvChange string

	// NoAutoCreate answers 404 for subscriptions, resource groups, workspaces and registries that were not PUT.
	NoAutoCreate bool

	// NoAuth accepts requests without credentials.
	NoAuth bool

	// Faults are injected from the start; more can be added with AddFault or POST /__faults.
	Faults []Fault

	// StorageSuffix is the endpoint of the system datastores; empty means core.windows.net.
	StorageSuffix string

	// Location is the region of what is created on demand; empty means eastus2.
	Location string

	// LogSize is how many requests the log keeps; 0 means 10 000. Counters are exact whatever it is.
	LogSize int

	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// What a PUT of a changed body to an existing environment version gets. Both were seen on the real service.
const (
	// EnvSilent answers 201 with the old body (recorded 2023-10).
	EnvSilent = "silent"
	// EnvRefuse answers 409 "is already registered and cannot be changed." (reported 2022-10; the status is the one
	// upon which azure-ai-ml takes the next version).
	EnvRefuse = "refuse"
)

func (o Options) withDefaults() (Options, error) {
	if o.PageSize == 0 {
		o.PageSize = 100
	}
	if o.PageSize < 0 {
		return o, fmt.Errorf("page size %d: must be positive", o.PageSize)
	}
	if o.JobStep == 0 {
		o.JobStep = 2 * time.Second
	}
	switch o.EnvChange {
	case "":
		o.EnvChange = EnvSilent
	case EnvSilent, EnvRefuse:
	default:
		return o, fmt.Errorf("environment change %q: want %q or %q", o.EnvChange, EnvSilent, EnvRefuse)
	}
	if o.StorageSuffix == "" {
		o.StorageSuffix = "core.windows.net"
	}
	if o.Location == "" {
		o.Location = "eastus2"
	}
	if o.LogSize == 0 {
		o.LogSize = 10_000
	}
	if o.LogSize < 0 {
		return o, fmt.Errorf("log size %d: must be positive", o.LogSize)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o, nil
}
