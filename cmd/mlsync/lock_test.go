package main

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestDeadHolder(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	gone := exec.Command("go", "version")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, tc := range []struct {
		name  string
		since time.Time
		want  bool
	}{
		{holderOf(host, gone.Process.Pid), now, true},
		{holderOf(host, os.Getppid()), now, false},
		{processHolder(), now, false},
		{processHolder(), processBegan.Add(-time.Second), true},
		{holderOf(host+"2", gone.Process.Pid), now, false},
		{holderOf("other", gone.Process.Pid), now, false},
		{"ann at her desk", now, false},
		{"mlsync on " + host + ", process none", now, false},
	} {
		if got := deadHolder(tc.name, tc.since); got != tc.want {
			t.Errorf("%q since %s: got %v", tc.name, tc.since, got)
		}
	}
}
