package resolve_test

import (
	"context"
	"testing"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/resolve"
)

// partial is a world whose lists of versions can fail while single answers do
// not.
type partial struct {
	*world
	versions string
}

func (p *partial) Versions(c asset.ID) ([]*asset.Asset, resolve.Status) {
	if c.String() == p.versions {
		return nil, resolve.Unknown
	}
	return p.world.Versions(c)
}

func resolveInput(t reporter, in resolve.Input) *resolve.Want {
	t.Helper()
	want, bad := resolve.Resolve(context.Background(), in)
	if len(bad) > 0 {
		t.Fatalf("problems: %v", bad)
	}
	return want
}

func stamped(a *asset.Asset, digest string) *asset.Asset {
	a.Stamps = map[string]string{"content": digest}
	return a
}

func TestAutomaticVersion(t *testing.T) {
	digest := resolve.ContentDigest(liveEnv("e", "", "new"))
	for _, test := range []struct {
		name string
		live []*asset.Asset
		tree files
		want string
	}{
		{"the first", nil, nil, "1"},
		{"the next", []*asset.Asset{liveEnv("e", "1", "a"), liveEnv("e", "9", "b")}, nil, "10"},
		{"found by its stamp", []*asset.Asset{stamped(liveEnv("e", "3", "changed by hand"), digest), liveEnv("e", "9", "b")}, nil, "3"},
		{"found by its content", []*asset.Asset{liveEnv("e", "3", "new"), liveEnv("e", "9", "b")}, nil, "3"},
		{"a stamp comes before equal content", []*asset.Asset{liveEnv("e", "2", "new"), stamped(liveEnv("e", "3", "new"), digest)}, nil, "3"},
		{"another stamp is not looked behind", []*asset.Asset{stamped(liveEnv("e", "3", "new"), "other")}, nil, "4"},
		{"versions of the tree are taken", nil, files{"f.yml": env("e", "1", "a"), "g.yml": env("e", "2", "b")}, "3"},
		{"other names of the tree are not", nil, files{"f.yml": env("f", "1", "a")}, "1"},
		{"texts beside numbers", []*asset.Asset{liveEnv("e", "nightly", "a")}, nil, "1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &world{assets: test.live}
			want := good(t, test.tree.with(files{"e.yml": env("e", "", "new")}), w)
			if got := want.Set.Get(id("environment/e:" + test.want)); got == nil || got.Body.Get("image").Text() != "new" {
				t.Errorf("version %s is not wanted; got %v", test.want, want.Order)
			}
		})
	}
}

// What may change in place has no part in finding a version.
func TestAutomaticVersionIgnoresWhatCanChange(t *testing.T) {
	w := (&world{}).add(liveEnv("e", "5", "a"))
	want := good(t, files{"e.yml": env("e", "", "a") + "description: new words\ntags: {a: b}\n"}, w)
	if want.Set.Get(id("environment/e:5")) == nil {
		t.Errorf("got %v, want version 5", want.Order)
	}
}

func TestAutomaticVersionUnknown(t *testing.T) {
	f := files{"e.yml": env("e", "", "a"), "f.yml": env("f", "", "a")}
	want := good(t, f, &world{unknown: map[string]bool{"environment/e": true}})
	if got := want.Unresolved[id("environment/e")]; got != "the versions of environment/e could not be read" {
		t.Errorf("unresolved because %q", got)
	}
	if want.Set.Len() != 1 || want.Set.Get(id("environment/f:1")) == nil {
		t.Errorf("got %v, want f:1 alone", want.Order)
	}
}

// A tree that was applied resolves to what is live.
func TestResolveAgainAfterApply(t *testing.T) {
	f := everything()
	w := stocked()
	first := good(t, f, w)
	for _, id := range first.Order {
		w.add(first.Set.Get(id))
	}
	if got, want := show(good(t, f, w)), show(first); got != want {
		t.Errorf("after an apply:\n%s\nbefore:\n%s", got, want)
	}
}

// What is remembered is enough if it is equal, and no more than a hint if not.
func TestRememberedVersions(t *testing.T) {
	for _, test := range []struct {
		name, image, want string
		asked             int
	}{
		{"remembered", "old", "1", 0},
		{"made by another", "theirs", "2", 1},
		{"new", "new", "3", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := &world{assets: []*asset.Asset{liveEnv("e", "1", "old"), liveEnv("e", "2", "theirs")}}
			in := input(t, files{"e.yml": env("e", "", test.image)}, w)
			in.Remembered = func(asset.ID) []*asset.Asset { return w.assets[:1] }
			want := resolveInput(t, in)
			if want.Set.Get(id("environment/e:"+test.want)) == nil || len(w.asked) != test.asked {
				t.Errorf("got %v, asked for %v; want version %s and %d questions", want.Order, w.asked, test.want, test.asked)
			}
		})
	}
}

func TestIncrement(t *testing.T) {
	for _, test := range []struct{ in, want string }{
		{"", "1"},
		{"1", "2"},
		{"9", "10"},
		{"0999", "1000"},
		{"1.9", "1.9.1"},
		{"1.2", "1.3"},
		{"v", "v.1"},
		{"v9", "v9.1"},
		{"v1", "v2"},
		{"99999999999999999999999", "100000000000000000000000"},
	} {
		t.Run(test.in, func(t *testing.T) {
			if got := resolve.Increment(test.in); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
