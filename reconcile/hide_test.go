package reconcile

import (
	"errors"
	"fmt"
	"testing"

	"mlsync.dev/mlsync/asset"
)

func TestHide(t *testing.T) {
	base := errors.New("refused")
	secrets := map[string]asset.Secret{"KEY": asset.NewSecret("s3cret"), "SHORT": asset.NewSecret("re"), "EMPTY": asset.NewSecret("")}
	for in, want := range map[string]string{
		"the key s3cret is wrong: s3cret": "the key (secret KEY) is wrong: (secret KEY): refused",
		"no such place":                   "no such place: refused",
	} {
		got := hide(fmt.Errorf("%s: %w", in, base), secrets)
		if got.Error() != want || !errors.Is(got, base) {
			t.Errorf("%s: got %q", in, got)
		}
	}
	if hide(nil, secrets) != nil {
		t.Error("an error of nothing")
	}
}
