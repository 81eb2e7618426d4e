package secret

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"

	"mlsync.dev/mlsync/asset"
)

const canary = "c4n4ry-value"

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p, mode); err != nil {
		t.Fatal(err)
	}
	return p
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func want(t *testing.T, p Provider, key, text string) {
	t.Helper()
	s, err := p.Get(t.Context(), key)
	if err != nil || s.Reveal() != text {
		t.Errorf("%s: got %q, %v", key, s.Reveal(), err)
	}
}

func wantErr(t *testing.T, p Provider, key string, is error) {
	t.Helper()
	s, err := p.Get(t.Context(), key)
	if err == nil || s.Reveal() != "" || is != nil && !errors.Is(err, is) {
		t.Errorf("%s: got %v", key, err)
	}
	if err != nil && strings.Contains(err.Error(), canary) {
		t.Errorf("%s: the error holds the value: %v", key, err)
	}
}

func TestEnv(t *testing.T) {
	vars := map[string]string{"P_A_B": canary, "P_EMPTY": ""}
	p := Env("P_", func(k string) (string, bool) { v, ok := vars[k]; return v, ok })
	want(t, p, "A-B", canary)
	want(t, p, "EMPTY", "")
	wantErr(t, p, "C", ErrNotFound)
}

func TestDir(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"key": canary + "\n", "two": "a\n\n", "..data": "x"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := Dir(root, quiet())
	want(t, p, "key", canary)
	want(t, p, "two", "a\n")
	for _, key := range []string{"none", "../key", "..data", "a/b", `a\b`, "", "/etc/passwd"} {
		wantErr(t, p, key, ErrNotFound)
	}
}

func TestFile(t *testing.T) {
	p := File(write(t, "s.yaml", "a: "+canary+"\nb: {c: 010, d: null}\n", 0o600), quiet())
	want(t, p, "a", canary)
	want(t, p, "b.c", "010")
	wantErr(t, p, "x", ErrNotFound)
	wantErr(t, File(write(t, "bad.yaml", "a: ["+canary+"\n\t"+canary, 0o600), quiet()), "a", nil)
	wantErr(t, File(write(t, "list.json", `["`+canary+`"]`, 0o600), quiet()), "a", nil)
	wantErr(t, File(t.TempDir(), quiet()), "a", nil)
	want(t, File(write(t, "s.json", `{"a": "`+canary+`"}`, 0o600), quiet()), "a", canary)
}

func TestOpenFilesAreWarnedOf(t *testing.T) {
	var log bytes.Buffer
	p := File(write(t, "s.yaml", "a: "+canary+"\n", 0o644), slog.New(slog.NewTextHandler(&log, nil)))
	want(t, p, "a", canary)
	if !strings.Contains(log.String(), "can be read by others") || strings.Contains(log.String(), canary) {
		t.Error(log.String())
	}
}

func newIdentity(t *testing.T) (id *age.X25519Identity, keyFile string) {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return id, write(t, "key.txt", "# created\n"+id.String()+"\n", 0o600)
}

func seal(t *testing.T, to age.Recipient, plain string, armored bool) string {
	t.Helper()
	var out bytes.Buffer
	if armored {
		a := armor.NewWriter(&out)
		w, err := age.Encrypt(a, to)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(plain))
		if err := errors.Join(w.Close(), a.Close()); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	w, err := age.Encrypt(&out, to)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(plain))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestAge(t *testing.T) {
	id, key := newIdentity(t)
	for _, armored := range []bool{true, false} {
		p := Age(write(t, "s.age", seal(t, id.Recipient(), "a: "+canary+"\n", armored), 0o644), key, quiet())
		want(t, p, "a", canary)
		wantErr(t, p, "b", ErrNotFound)
	}
	_, other := newIdentity(t)
	sealed := write(t, "s.age", seal(t, id.Recipient(), "a: "+canary+"\n", true), 0o600)
	wantErr(t, Age(sealed, other, quiet()), "a", nil)
	wantErr(t, Age(sealed, "", quiet()), "a", nil)
	wantErr(t, Age(sealed, write(t, "k", "AGE-SECRET-KEY-"+canary, 0o600), quiet()), "a", nil)
}

type counted struct {
	calls int
	err   error
}

func (c *counted) Get(_ context.Context, key string) (asset.Secret, error) {
	c.calls++
	return asset.NewSecret("v:" + key), c.err
}

func TestResolver(t *testing.T) {
	a, b := &counted{}, &counted{err: ErrNotFound}
	r := NewResolver(map[string]Provider{"a": a, "b": b}, map[string]Name{"X": {"a", "x-key"}, "B": {"b", "k"}, "N": {"none", "k"}}, "a")
	for range 2 {
		for name, text := range map[string]string{"X": "v:x-key", "Y": "v:Y"} {
			if s, err := r.Get(t.Context(), name); err != nil || s.Reveal() != text {
				t.Error(name, err)
			}
		}
	}
	if a.calls != 2 {
		t.Errorf("asked %d times", a.calls)
	}
	if _, err := r.Get(t.Context(), "B"); !errors.Is(err, ErrNotFound) || err.Error() != "secret B from b: there is no such secret" {
		t.Error(err)
	}
	if _, err := r.Get(t.Context(), "N"); err == nil || err.Error() != `secret N: there is no provider "none"` {
		t.Error(err)
	}
}

func TestFingerprint(t *testing.T) {
	s := asset.NewSecret(canary)
	a, b, c := Fingerprint([]byte("k"), s), Fingerprint([]byte("k"), asset.NewSecret(canary)), Fingerprint([]byte("l"), s)
	if a != b || a == c || len(a) != 64 || a == Fingerprint([]byte("k"), asset.NewSecret(canary+"x")) {
		t.Error(a, b, c)
	}
	if text := fmt.Sprintf("%v %+v %#v %s %q %x", s, s, s, s, s, s); strings.Contains(text, canary) {
		t.Error(text)
	}
}
