package emulator

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// A journal is a file of JSON lines. Each write is one system call, so what was answered survives a kill; a last line
// that a kill tore is dropped when the file is read.
type journal struct {
	path    string
	file    *os.File
	records int // lines in the file
	check   int // look at how much of it is alive when there are so many lines
	err     error
	rewrite func(emit func(any)) // emits what is alive, for compaction
	live    func() int
}

// A record is one line of the journal of resources.
type record struct {
	Scope  string     `json:"s,omitempty"`
	Path   string     `json:"p,omitempty"`
	Seq    uint64     `json:"q,omitempty"`
	Doc    rawText    `json:"d,omitempty"`
	Secret obj        `json:"x,omitempty"`
	Gone   bool       `json:"gone,omitempty"`
	Event  *eventLine `json:"e,omitempty"`
	Op     *operation `json:"op,omitempty"`
	Group  obj        `json:"g,omitempty"`
	Sub    string     `json:"sub,omitempty"`
	Upload string     `json:"u,omitempty"`
	Body   obj        `json:"b,omitempty"`
	Erased obj        `json:"erased,omitempty"` // deleted registry versions of the scope
}

type rawText = json.RawMessage

type eventLine struct {
	At   time.Time `json:"at"`
	Kind string    `json:"k"`
	Op   string    `json:"o,omitempty"`
	Want rawText   `json:"w,omitempty"`
}

// openJournal reads the file line by line into apply and opens it for appending. A torn last line is cut off.
func openJournal(path string, apply func(line []byte) error) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{path: path, file: f}
	good, err := j.read(apply)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	if err := f.Truncate(good); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if _, err := f.Seek(good, io.SeekStart); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return j, nil
}

func (j *journal) read(apply func([]byte) error) (good int64, err error) {
	in := bufio.NewReaderSize(j.file, 1<<20)
	for {
		line, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return good, nil // whatever follows the last newline was torn
		}
		if err != nil {
			return good, err
		}
		if err := apply(bytes.TrimSpace(line)); err != nil {
			return good, fmt.Errorf("line %d: %w", j.records+1, err)
		}
		good += int64(len(line))
		j.records++
	}
}

// append writes one line. A nil journal keeps nothing.
func (j *journal) append(v any) {
	if j == nil || j.err != nil {
		return
	}
	if _, err := j.file.Write(append(encode(v), '\n')); err != nil {
		j.err = err
		return
	}
	if j.records++; j.records < j.check {
		return
	}
	if j.check = 4*j.live() + 10_000; j.records >= j.check {
		j.err = j.compact()
	}
}

// failure is the first error of any write; nothing is kept after it.
func (j *journal) failure() error {
	if j == nil {
		return nil
	}
	return j.err
}

// compact rewrites the file with what is alive and puts it in place in one step.
func (j *journal) compact() error {
	tmp := j.path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(f, 1<<20)
	n := 0
	j.rewrite(func(v any) {
		n++
		out.Write(encode(v)) // bufio keeps the first error for Flush
		out.WriteByte('\n')
	})
	if err := errors.Join(out.Flush(), f.Sync()); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := os.Rename(tmp, j.path); err != nil {
		return errors.Join(err, f.Close())
	}
	old := j.file
	j.file, j.records = f, n
	return old.Close()
}

// close compacts when that pays and reports the first error of any write.
func (j *journal) close() error {
	if j == nil {
		return nil
	}
	err := j.err
	if err == nil && j.records > 2*j.live()+100 {
		err = j.compact()
	}
	return errors.Join(err, j.file.Close())
}

func (r *resource) record() record {
	rec := record{Scope: r.scope().id(), Path: r.path(), Seq: r.seq, Doc: r.doc, Secret: r.secret}
	if r.event != nil {
		rec.Event = &eventLine{At: r.event.at, Kind: r.event.kind, Op: r.event.op, Want: r.event.want}
	}
	return rec
}

func (j *journal) put(r *resource) {
	if j != nil {
		j.append(r.record())
	}
}

func (j *journal) remove(r *resource) {
	if j != nil {
		j.append(record{Scope: r.scope().id(), Path: r.path(), Gone: true})
	}
}

func (j *journal) operation(op *operation) {
	if j != nil {
		j.append(record{Op: op})
	}
}

const journalFile = "workspaces.jsonl"

// load reads the data folder into the store and keeps the journal open.
func (s *Server) load(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	j, err := openJournal(filepath.Join(dir, journalFile), s.apply)
	if err != nil {
		return err
	}
	j.live = func() int { return s.store.size() }
	j.rewrite = s.store.emit
	s.store.log = j
	if j.records > 2*j.live()+1000 {
		return j.compact()
	}
	return nil
}

func (st *store) size() int {
	n := len(st.ops) + len(st.groups) + len(st.subs)
	var count func(c *collection)
	count = func(c *collection) {
		n += c.all.len()
		if c.def.child == nil {
			return
		}
		for _, r := range c.all.items {
			if !r.gone {
				count(r.children)
			}
		}
	}
	for _, s := range st.order {
		n += 1 + len(s.uploads)
		for _, c := range s.colls {
			count(c)
		}
	}
	return n
}
