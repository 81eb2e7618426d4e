package rooms

import (
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

func TestRooms(t *testing.T) {
	breaches, err := Check(os.DirFS("../.."), Table())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range breaches {
		t.Error(b)
	}
}

// A room that imports one which may import it back would end in a cycle.
func TestTableIsSound(t *testing.T) {
	table := Table()
	for name, room := range table {
		for _, to := range room.Imports {
			if to == All {
				continue
			}
			other, ok := table[to]
			if !ok {
				t.Errorf("%s may import %s, which is no room", name, to)
			}
			if slices.Contains(other.Imports, name) {
				t.Errorf("%s and %s may import each other", name, to)
			}
		}
	}
}

func TestCheckSaysWhatIsBroken(t *testing.T) {
	table := map[string]Room{
		"emulator": {Sealed: true}, "kind": {Pure: true, Imports: []string{"asset"}, Except: []string{"log/slog"}},
		"asset": {Pure: true}, "cmd/mlsync": {Imports: []string{All}},
	}
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	source := fstest.MapFS{
		"emulator/server.go":      file(`package emulator; import ("net/http"; "mlsync.dev/mlsync/kind")`),
		"emulator/server_test.go": file(`package emulator; import "mlsync.dev/mlsync/asset"`),
		"kind/kind.go": file(`package kind
import ("log/slog"; "mlsync.dev/mlsync/asset"; "net/url"; "os"; "os/exec"; "time")
func f() { go f(); _ = time.Now(); time.Sleep(time.Second) }`),
		"kind/kind_test.go":     file(`package kind; import ("os"; "mlsync.dev/mlsync/emulator")`),
		"asset/asset.go":        file(`package asset; import "net"`),
		"cmd/mlsync/main.go":    file(`package main; import ("os"; "mlsync.dev/mlsync/kind")`),
		"util/util.go":          file(`package util`),
		"kind/testdata/x/x.go":  file(`package broken(`),
		".git/x.go":             file(`package broken(`),
		"tools/go.mod":          file(`module tools`),
		"tools/tools.go":        file(`package tools`),
		"asset/_ignored/any.go": file(`package broken(`),
	}
	got, err := Check(source, table)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"asset is pure and may not import net",
		"emulator may not import asset, not even in its tests",
		"emulator may not import kind",
		"kind is pure and may not import os",
		"kind is pure and may not import os/exec",
		"kind is pure and may not start a goroutine (kind/kind.go:3:12)",
		"kind is pure and may not use time.Now (kind/kind.go:3:24)",
		"kind is pure and may not use time.Sleep (kind/kind.go:3:36)",
		"util is not in the table of rooms",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	source["asset/asset.go"] = file(`package broken(`)
	if _, err := Check(source, table); err == nil || !strings.Contains(err.Error(), "asset/asset.go") {
		t.Errorf("a file that is no Go: %v", err)
	}
}
