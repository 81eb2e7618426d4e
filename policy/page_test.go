package policy

import (
	"os"
	"strings"
	"testing"
)

// The reference tells of every variable and action.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../docs/reference/policies.md")
	if err != nil {
		t.Fatal(err)
	}
	names := append(append(append(namesOf(OnChange), namesOf(OnAsset)...), namesOf(OnRelease)...), actions...)
	for _, name := range names {
		if !strings.Contains(string(page), "`"+name+"`") {
			t.Errorf("the page does not tell of %s", name)
		}
	}
}
