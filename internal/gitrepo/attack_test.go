package gitrepo

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"mlsync.dev/mlsync/internal/limit"
)

// The credential of a remote goes to that remote only, also when it redirects
// to another port, to http or to a host that looks alike.
func TestAttackG2RedirectsDropNothingAndGoNowhere(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "a", "1")
	server := serve(t, u)
	plain := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("asked in the open: %s %v", r.URL, r.Header)
	}))
	defer plain.Close()
	host := strings.TrimPrefix(server.URL, "https://")
	for _, to := range []string{plain.URL, "http://" + host, "https://u:p@" + host, "https://" + host + "@evil.example", "ext::sh", "file:///etc/passwd", "https://localhost:1"} {
		server.setWrap(func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			w.Header().Set("Location", to+r.URL.RequestURI())
			w.WriteHeader(http.StatusFound)
		})
		_, err := open(t, server.options(t)).Fetch(t.Context(), Ref{})
		if !errors.Is(err, ErrRedirect) && !errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: got %v", to, err)
		}
		noSecret(t, err.Error())
	}
}

// What a server lists cannot make us name files or options: refs are kept under
// names of our own, and hostile ones are not shown.
func TestAttackG3RefsOfTheServer(t *testing.T) {
	u := newUpstream(t)
	want := u.commit("one", "a", "1")
	packed := ""
	for _, name := range []string{"refs/heads/--upload-pack=x", "refs/heads/-x", "refs/heads/%2e%2e%2fx", "refs/heads/$(touch$IFS/x)", "refs/tags/`x`"} {
		packed += string(want) + " " + name + "\n"
	}
	if err := os.WriteFile(filepath.Join(u.bare, "packed-refs"), []byte(packed), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, opts := range []Options{{URL: u.bare, Dir: t.TempDir()}, serve(t, u).options(t)} {
		r := open(t, opts)
		refs, err := r.Refs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for name := range refs {
			if strings.Contains(name, "/-") {
				t.Errorf("shown: %s", name)
			}
		}
		if c := fetch(t, r, "refs/heads/%2e%2e%2fx"); c.Hash != want {
			t.Errorf("got %s", c.Hash)
		}
		if left, _ := filepath.Glob(filepath.Join(opts.Dir, "x*")); len(left) > 0 {
			t.Errorf("written outside: %v", left)
		}
	}
}

// The server sends more than it may: a list of refs, a pack, an error page.
func TestAttackG4EndlessAnswers(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "a", strings.Repeat("x", 1000))
	u.write("b", randomText(200_000))
	u.commit("two")
	server := serve(t, u)
	opts := server.options(t)
	opts.MaxPack = 50_000
	if _, err := open(t, opts).Fetch(t.Context(), Ref{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a pack: got %v", err)
	}
	opts.MaxPack, opts.Dir = 0, t.TempDir()
	fetch(t, open(t, opts), "main")
	if (&Repo{}).opts.MaxPack != 0 || limit.Pack <= 50_000 {
		t.Error("the default is no limit")
	}
	page := func(head string, status int) func(http.ResponseWriter, *http.Request, http.Handler) {
		return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			w.Header().Set("Content-Type", head)
			w.WriteHeader(status)
			line := strings.Repeat("x", 900)
			for r.Context().Err() == nil {
				if _, err := fmt.Fprintf(w, "%04x%s refs/heads/%s\n", 4+40+1+11+len(line)+1, strings.Repeat("a", 40), line); err != nil {
					return
				}
			}
		}
	}
	for name, wrap := range map[string]func(http.ResponseWriter, *http.Request, http.Handler){
		"refs":  page("application/x-git-upload-pack-advertisement", 200),
		"error": page("text/plain", 500),
		"html":  page("text/html", 200),
	} {
		server.setWrap(wrap)
		opts.Dir = t.TempDir()
		before := allocated()
		_, err := open(t, opts).Fetch(t.Context(), Ref{})
		if err == nil || len(err.Error()) > 2000 {
			t.Errorf("%s: got %.200v", name, err)
		}
		if used := allocated() - before; used > 20*limit.RefList {
			t.Errorf("%s: allocated %d MiB", name, used>>20)
		}
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

func randomText(n int) string {
	var b strings.Builder
	x := uint32(1)
	for b.Len() < n {
		x = x*1664525 + 1013904223
		b.WriteByte(byte(32 + x>>25%90))
	}
	return b.String()
}

// A commit of a few hundred bytes in which the same folder stands ten times in
// itself, ten levels deep, is fetched at once, and one that is too deep is not.
func TestAttackG5TreesThatStandInThemselves(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "a", "1")
	grow := func(levels, wide int) string {
		tree := u.run(u.bare, "rev-parse", "main^{tree}")
		for range levels {
			var text strings.Builder
			for i := range wide {
				fmt.Fprintf(&text, "040000 tree %s\td%d\n", tree, i)
			}
			tree = u.pipe(u.bare, text.String(), "mktree")
		}
		return u.run(u.bare, "commit-tree", "-m", "bomb", tree)
	}
	for name, tt := range map[string]struct {
		levels, wide int
		want         error
	}{
		"wide":     {10, 10, nil},
		"deep":     {limit.GitDepth, 1, nil},
		"too deep": {limit.GitDepth + 1, 1, ErrTooLarge},
	} {
		commit := grow(tt.levels, tt.wide)
		u.run(u.bare, "update-ref", "refs/heads/bomb", commit)
		c, err := open(t, Options{URL: u.bare, Dir: t.TempDir()}).Fetch(t.Context(), ref(t, "bomb"))
		if !errors.Is(err, tt.want) || tt.want == nil && string(c.Hash) != commit {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A pack of some kilobytes that unpacks to gigabytes is not unpacked: neither a
// large object, nor one that a delta makes of a small one.
func TestAttackG7PacksThatGrow(t *testing.T) {
	u := newUpstream(t)
	zeros := func(name string, size int64) {
		t.Helper()
		if err := errors.Join(os.WriteFile(filepath.Join(u.work, name), []byte(name), 0o600), os.Truncate(filepath.Join(u.work, name), size)); err != nil {
			t.Fatal(err)
		}
	}
	zeros("large", limit.GitObject)
	c := u.commit("at the limit")
	if got := fetch(t, openFileRemote(t, u), "main"); got.Hash != c {
		t.Errorf("got %s", got.Hash)
	}
	zeros("larger", limit.GitObject+1)
	u.commit("beyond")
	if _, err := openFileRemote(t, u).Fetch(t.Context(), Ref{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large object: got %v", err)
	}
	for name, delta := range map[string][]byte{
		"large":   append(binary.AppendUvarint([]byte{1}, limit.GitObject+1), 0x91, 0, 1),
		"fits":    append(binary.AppendUvarint([]byte{1}, limit.GitObject), 0x91, 0, 1),
		"endless": append(binary.AppendUvarint([]byte{1}, 1<<63), 0x91, 0, 1),
	} {
		err := checkPack(bytes.NewReader(deltaPack(t, delta)), limit.Unpacked)
		if errors.Is(err, ErrTooLarge) != (name != "fits") || name == "fits" && err != nil {
			t.Errorf("a delta, %s: got %v", name, err)
		}
	}
	small := deltaPack(t, append(binary.AppendUvarint([]byte{1}, 1000), 0x91, 0, 1))
	for most, want := range map[int64]error{1000: nil, 999: ErrTooLarge} {
		if err := checkPack(bytes.NewReader(small), most); !errors.Is(err, want) {
			t.Errorf("all objects, at most %d: got %v", most, err)
		}
	}
}

// deltaPack is a pack with one delta.
func deltaPack(t *testing.T, delta []byte) []byte {
	t.Helper()
	b := bytes.NewBuffer([]byte{'P', 'A', 'C', 'K', 0, 0, 0, 2, 0, 0, 0, 1})
	b.WriteByte(7<<4 | byte(len(delta)&15)) // of a base that is named
	b.Write(make([]byte, 20))
	z := zlib.NewWriter(b)
	if _, err := z.Write(delta); err != nil || z.Close() != nil || len(delta) > 15 {
		t.Fatal(err)
	}
	b.Write(make([]byte, 20))
	return b.Bytes()
}

// Links of a commit lead where they say and are never followed: what would be
// read through one is not.
func TestAttackP6LinksOfACommit(t *testing.T) {
	u := newUpstream(t)
	u.commit("one", "dir/a", "1")
	for name, to := range map[string]string{"out": "../../../etc/passwd", "abs": "/etc/passwd", "loop": "loop", "dir2": "dir", "git": ".git/config", "long": strings.Repeat("a/", 2047) + "a"} {
		if err := os.Symlink(to, filepath.Join(u.work, name)); err != nil {
			t.Fatal(err)
		}
	}
	c := u.commit("links")
	r := openFileRemote(t, u)
	fetch(t, r, "main")
	tree, err := r.Tree(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"out", "abs", "loop", "dir2/a", "git"} {
		if data, err := tree.ReadFile(name); !errors.Is(err, ErrSymlink) {
			t.Errorf("%s: read %q, %v", name, data, err)
		}
		if f, err := tree.Open(name); !errors.Is(err, ErrSymlink) {
			t.Errorf("%s: opened %v, %v", name, f, err)
		}
	}
	for _, name := range []string{"../x", "/etc/passwd", "dir/../a", "dir//a", "dir/", `..\x`, "dir\x00"} {
		if _, err := tree.Open(name); err == nil {
			t.Errorf("%q was opened", name)
		}
	}
	if to, err := tree.ReadLink("long"); err != nil || len(to) > limit.GitLink {
		t.Errorf("a link of %d bytes: %v", len(to), err)
	}
}

// pipe runs git with an input.
func (u *upstream) pipe(dir, in string, args ...string) string {
	u.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		u.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// A file is held in memory up to its limit; streams have any size, names and
// addresses their own.
func TestAttackG6LimitsOfNamesAndAnswers(t *testing.T) {
	for more, ok := range map[int]bool{0: true, 1: false} {
		if _, err := ParseRef(strings.Repeat("x", limit.RefName+more)); (err == nil) != ok {
			t.Errorf("a ref with %d more: %v", more, err)
		}
		if _, err := parseURL("https://h/" + strings.Repeat("x", limit.URL-10+more)); (err == nil) != ok {
			t.Errorf("an address with %d more: %v", more, err)
		}
		r := &limitedReader{r: strings.NewReader(strings.Repeat("x", 100+more)), left: 100}
		if _, err := io.ReadAll(r); errors.Is(err, ErrTooLarge) == ok {
			t.Errorf("an answer with %d more: %v", more, err)
		}
		if _, err := (&limitedWriter{w: io.Discard, left: 100}).Write(make([]byte, 100+more)); errors.Is(err, ErrTooLarge) == ok {
			t.Errorf("a pack with %d more: %v", more, err)
		}
	}
	u := newUpstream(t)
	u.commit("one", "a", "0123456789")
	r := openFileRemote(t, u)
	fetch(t, r, "main")
	blob := plumbing.NewHash(u.run(u.bare, "rev-parse", "main:a"))
	for most, want := range map[int64]error{10: nil, 9: ErrTooLarge} {
		if _, err := r.store().read(plumbing.BlobObject, blob, most); !errors.Is(err, want) {
			t.Errorf("an object of 10 bytes, at most %d: %v", most, err)
		}
	}
}
