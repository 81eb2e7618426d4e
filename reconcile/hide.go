package reconcile

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// hiddenError is an error whose text holds no secret of the run.
type hiddenError struct {
	text string
	err  error
}

func (e *hiddenError) Error() string { return e.text }

func (e *hiddenError) Unwrap() error { return e.err }

// shortest is the length below which a secret is not looked for: every text
// would hold it somewhere.
const shortest = 4

// hide takes the run's secrets out of the text of an error: the service may
// repeat what it was sent in what it answers, and errors are printed, logged
// and kept.
func hide(err error, secrets map[string]asset.Secret) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := text
	longest := func(a, b string) int {
		return cmp.Or(len(secrets[b].Reveal())-len(secrets[a].Reveal()), cmp.Compare(a, b))
	}
	for _, name := range slices.SortedFunc(maps.Keys(secrets), longest) { // one may be a part of another
		if value := secrets[name].Reveal(); len(value) >= shortest {
			clean = strings.ReplaceAll(clean, value, "(secret "+name+")")
		}
	}
	if clean == text {
		return err
	}
	return &hiddenError{clean, err}
}
