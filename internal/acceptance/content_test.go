package acceptance_test

import (
	"fmt"
	"strings"
	"testing"

	"mlsync.dev/mlsync/emulator"
)

// uploaded are the bytes and the requests that went to storage.
func (w *world) uploaded(from int) (bytes int64, writes int) {
	for _, r := range w.em.Requests()[from:] {
		if r.Collection == "blobs" && r.Method != "GET" && r.Method != "HEAD" {
			bytes += r.Received
			writes++
		}
	}
	return bytes, writes
}

// about are the requests that ask for code or content.
func (w *world) about(from int) (n int) {
	for _, r := range w.em.Requests()[from:] {
		if r.Collection == "blobs" || strings.HasPrefix(r.Collection, "codes") || strings.HasSuffix(strings.ToLower(r.Path), "/listsecrets") || strings.Contains(r.Path, "startPendingUpload") {
			n++
		}
	}
	return n
}

func jobFile(text string) string {
	return "$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json\ntype: command\ndisplay_name: run\ncommand: " + text +
		"\ncode: ./src\nenvironment: azureml:e:1\ncompute: azureml:cpu\n"
}

// Code goes up once: unchanged it costs no byte, also from another machine,
// and a changed file makes one new code asset and sends its folder once.
func TestCodeGoesUpOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, emulator.Options{})
	w.write("e.yml", "$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json\nname: e\nversion: 1\nimage: img\n")
	w.write("cpu.yml", "type: amlcompute\nname: cpu\nsize: STANDARD_DS3_V2\n")
	for i := range 40 {
		w.write(fmt.Sprintf("src/part%02d.py", i), strings.Repeat(fmt.Sprintf("print(%d)\n", i), 500))
	}
	w.write("src/.amlignore", "*.log\n")
	w.write("src/noise.log", "noise")
	w.write("run.yml", jobFile("python part00.py"))
	w.apply()
	if bytes, _ := w.uploaded(0); bytes < 150_000 || len(w.names("jobs")) != 1 || w.codes() != 1 {
		t.Fatalf("%d bytes up, jobs %v, %d codes", bytes, w.names("jobs"), w.codes())
	}

	from := len(w.em.Requests())
	w.apply()
	w.write("src/noise.log", "more noise") // it is ignored
	w.settled()
	if n := w.about(from); n > 0 {
		t.Errorf("%d requests for unchanged content", n)
	}
	from = len(w.em.Requests())
	journal := w.journal
	w.journal += ".other"
	w.apply()
	w.journal = journal
	if bytes, _ := w.uploaded(from); bytes > 0 || w.about(from) > 2 {
		t.Errorf("another machine: %d bytes, %d requests for unchanged content", bytes, w.about(from))
	}

	// Another job with the same code.
	from = len(w.em.Requests())
	w.write("run.yml", jobFile("python part01.py"))
	w.apply()
	if bytes, _ := w.uploaded(from); bytes > 0 || w.about(from) > 2 || w.codes() != 1 || len(w.names("jobs")) != 2 {
		t.Errorf("another job: %d bytes, %d requests, %d codes, jobs %v", bytes, w.about(from), w.codes(), w.names("jobs"))
	}

	from = len(w.em.Requests())
	w.write("src/part07.py", "print('changed')\n")
	w.apply()
	if _, writes := w.uploaded(from); w.codes() != 2 || len(w.names("jobs")) != 3 || writes > 42 {
		t.Errorf("a changed file: %d codes, jobs %v, %d writes to storage", w.codes(), w.names("jobs"), writes)
	}
	w.settled("--full")
}

// codes is the number of code assets that were made.
func (w *world) codes() int {
	made := map[string]bool{}
	for _, r := range w.writes() {
		if strings.HasPrefix(r.Collection, "codes") && r.Method == "PUT" && r.Status < 300 {
			made[r.Path] = true
		}
	}
	return len(made)
}
