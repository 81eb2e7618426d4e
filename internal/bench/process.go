package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// usage is what one run of the binary took.
type usage struct {
	Wall, CPU time.Duration
	Peak      int64 // bytes; 0 where the system does not say
	Out, Err  []byte
	Exit      int
}

// call runs the binary to its end. An exit code that is none of want is an
// error.
//
// The system counts the memory of the process that starts a child as the
// child's until it runs the program, so nothing large may be held here while
// something is measured.
func (b *bench) call(want []int, args ...string) (usage, error) {
	cmd := exec.CommandContext(b.ctx, b.Binary, args...)
	cmd.Env = b.environment()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	started := time.Now()
	err := cmd.Run()
	u := usage{Wall: time.Since(started), Out: out.Bytes(), Err: errs.Bytes()}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return u, err
	}
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	u.Peak, u.Exit = peak(cmd.ProcessState), cmd.ProcessState.ExitCode()
	for _, w := range want {
		if u.Exit == w {
			return u, nil
		}
	}
	return u, fmt.Errorf("mlsync %s: exit code %d\n%s%s", strings.Join(args, " "), u.Exit, tail(u.Err), tail(u.Out))
}

// tail is the end of an output, for errors.
func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

// environment is that of this process without what would lead elsewhere.
func (b *bench) environment() []string {
	var out []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "AZURE_") && !strings.HasPrefix(kv, "MLSYNC_") {
			out = append(out, kv)
		}
	}
	return append(out, "HOME="+b.dir, "XDG_STATE_HOME="+b.dir, "NO_COLOR=1")
}

// emulator is a running emulator.
type emulator struct {
	cmd *exec.Cmd
	url string
}

// startEmulator runs the binary's emulator. Operations are done at the first
// poll, jobs never move: what is measured is the client.
func (b *bench) startEmulator(delay time.Duration) (*emulator, error) {
	cmd := exec.Command(b.Binary, "emulator", "--lro", "0", "--delay", delay.String())
	cmd.Env, cmd.Stderr = b.environment(), b.progress
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Process.Kill()
		return nil, fmt.Errorf("emulator: %w", errors.Join(err, cmd.Wait()))
	}
	return &emulator{cmd, strings.TrimSpace(line)}, nil
}

func (e *emulator) stop() {
	_ = e.cmd.Process.Kill()
	_ = e.cmd.Wait()
}

// traffic is what the emulator was asked.
type traffic struct {
	Reads, Writes int64
	// Sent is what the client sent in bodies, Got what it was answered.
	Sent, Got int64
	// Code and Blobs are the requests about code assets and content;
	// Uploaded is what went up in them.
	Code, Blobs, Uploaded int64
}

func (t traffic) requests() int64 { return t.Reads + t.Writes }

// traffic takes the counters and sets them to zero.
func (e *emulator) traffic(ctx context.Context) (traffic, error) {
	var t traffic
	data, err := e.control(ctx, http.MethodGet)
	if err != nil {
		return t, err
	}
	var doc struct {
		Counters []struct {
			Method, Collection     string
			Count, Bytes, Received int64
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return t, err
	}
	for _, c := range doc.Counters {
		switch c.Method {
		case http.MethodGet, http.MethodHead:
			t.Reads += c.Count
		default:
			t.Writes += c.Count
		}
		t.Sent, t.Got = t.Sent+c.Received, t.Got+c.Bytes
		switch {
		case c.Collection == "blobs":
			t.Blobs += c.Count
			t.Uploaded += c.Received
		case strings.HasPrefix(c.Collection, "codes"):
			t.Code += c.Count
		}
	}
	_, err = e.control(ctx, http.MethodDelete)
	return t, err
}

func (e *emulator) control(ctx context.Context, method string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, e.url+"/__counters", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}
