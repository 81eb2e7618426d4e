package rooms

import (
	"os"
	"strings"
	"testing"
)

// What the program is made of goes to the builder of the container image.
func TestImageHasAllRooms(t *testing.T) {
	data, err := os.ReadFile("../../.dockerignore")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(data), "\n")
	has := func(folder string) bool {
		for _, l := range lines {
			if l == "!"+folder {
				return true
			}
		}
		return false
	}
	for name := range Table() {
		top, _, _ := strings.Cut(name, "/")
		if _, err := os.Stat("../../" + top); err == nil && !has(top) {
			t.Errorf(".dockerignore leaves %s out", top)
		}
	}
}
