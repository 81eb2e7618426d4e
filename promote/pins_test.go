package promote

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
)

func samplePins() *Pins {
	return &Pins{
		Release: "r2", Through: "shared", History: []string{"r1", "r2"},
		Files:   []Pin{{Path: "models/fares/4.yml", ID: asset.ID{Kind: "model", Name: "fares", Version: "4"}, Digest: hash1, From: []string{"r1"}}},
		Skipped: []Skip{{Release: "r0", Set: hash1, Commit: strings.Repeat("a", 40), By: "robin", At: "2025-06-01T00:00:00Z", Why: "errors"}},
	}
}

func TestPinsAreReadStrictly(t *testing.T) {
	good := string(WritePins(samplePins()))
	for _, c := range []struct{ old, new, want string }{
		{"path: models", "path: ../models", "it is not the path of an asset's file below the overlay"},
		{"path: models/fares/4.yml", "path: .git/config", "it is not the path of an asset's file"},
		{"path: models/fares/4.yml", "path: .git/x.yml", "it is not the path of an asset's file"},
		{"path: models/fares/4.yml", "path: /etc/x.yml", "it is not the path of an asset's file"},
		{"release: r2", "relase: r2", `did you mean "release"?`},
		{"mlsync.pins/1", "mlsync.pins/9", "is not mlsync.pins/1"},
		{"release: r0", "release: r/0", "use 1 to 100 letters"},
	} {
		text := strings.Replace(good, c.old, c.new, 1)
		if p, bad := ReadPins([]byte(text), "prod/release.yml"); p != nil || !strings.Contains(bad.Error(), c.want) {
			t.Errorf("%q: got %v", c.new, bad)
		}
	}
}

func TestPinsOfASkippedReleaseAreAProblem(t *testing.T) {
	p := samplePins()
	if bad := p.Problem("f"); len(bad) > 0 {
		t.Error(bad)
	}
	p.Release = "r0"
	if got := p.Problem("f").Error(); !strings.Contains(got, "f:1: the release r0 was rolled back by robin at 2025-06-01T00:00:00Z (errors), and is not applied again") {
		t.Error(got)
	}
	if p.SkippedCommit(strings.Repeat("a", 40)) == nil || p.SkippedCommit("") != nil {
		t.Error("the commit that was rolled back is not known")
	}
}

func TestAnyPinsComeBack(t *testing.T) {
	text := rapid.StringMatching(`[a-zA-Z0-9:@ #'"{}é-]{1,20}`)
	rapid.Check(t, func(t *rapid.T) {
		p := samplePins()
		p.Skipped[0].Why, p.Skipped[0].By, p.Through = text.Draw(t, "why"), text.Draw(t, "by"), text.Draw(t, "through")
		p.History = rapid.SliceOfN(rapid.StringMatching(`r[0-9]`), 0, 4).Draw(t, "history")
		got, bad := ReadPins(WritePins(p), "")
		if got == nil || string(WritePins(got)) != string(WritePins(p)) {
			t.Fatalf("%v", bad)
		}
	})
}

func FuzzReadPins(f *testing.F) {
	f.Add(WritePins(samplePins()))
	f.Add([]byte("schema: mlsync.pins/1\n"))
	f.Add([]byte("files: [1, {}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, bad := ReadPins(data, "")
		if p == nil {
			if len(bad.Errors()) == 0 {
				t.Fatal("neither a record nor a problem")
			}
			return
		}
		if again, bad := ReadPins(WritePins(p), ""); again == nil {
			t.Fatalf("%s\n%v", data, bad)
		}
	})
}
