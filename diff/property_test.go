package diff

import (
	"testing"

	"pgregory.net/rapid"

	"mlsync.dev/mlsync/asset"
)

// anyBody draws a body of the test rows.
func anyBody() *rapid.Generator[*asset.Value] {
	return rapid.Custom(func(t *rapid.T) *asset.Value {
		word := rapid.SampledFrom([]string{"", "a", "A", "b", "${{ secret.X }}"})
		num := rapid.IntRange(0, 11)
		text := func(l string) *asset.Value { return asset.NewString(word.Draw(t, l)) }
		whole := func(l string) *asset.Value { return asset.NewInt(int64(num.Draw(t, l))) }
		entries := func(l string, of func(string) *asset.Value) *asset.Value {
			m := asset.NewMap()
			for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "x.y"}), 0, 3, rapid.ID[string]).Draw(t, l) {
				m.Set(k, of(l+k))
			}
			return m
		}
		out := asset.NewMap()
		for _, f := range rapid.Permutation(rows).Draw(t, "order") {
			if rapid.Bool().Draw(t, f.YAML) {
				continue
			}
			switch f.YAML {
			case "count":
				out.Set(f.YAML, whole(f.YAML))
			case "tags", "properties", "env", "open":
				out.Set(f.YAML, entries(f.YAML, text))
			case "traffic":
				out.Set(f.YAML, entries(f.YAML, whole))
			case "probe":
				out.Set(f.YAML, asset.NewMap().Set("path", text("path")).Set("period", whole("period")))
			case "flat":
				out.Set(f.YAML, asset.NewMap().Set("a", text("a")))
			case "route":
				out.Set(f.YAML, asset.NewMap().Set("port", whole("port")))
			case "items":
				out.Set(f.YAML, asset.NewList(asset.NewMap().Set("a", text("ia")).Set("b", whole("ib"))))
			default:
				out.Set(f.YAML, text(f.YAML))
			}
		}
		return out
	})
}

// acting are the changes that are acted on.
func acting(changes []Change) (out []Change) {
	for _, c := range changes {
		if c.Ignored == "" {
			out = append(out, c)
		}
	}
	return out
}

func TestComparedWithItselfNothingDiffers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := anyBody().Draw(t, "s")
		for _, last := range []*asset.Value{nil, s} {
			if got := acting(compareRows(Options{}, s, s, last)); len(got) > 0 {
				t.Fatalf("%s differs from itself: %s", s.Canonical(), show(got))
			}
		}
	})
}

func TestEqualIsSymmetric(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyBody().Draw(t, "a"), anyBody().Draw(t, "b")
		for _, f := range rows {
			x, y := a.Get(f.YAML), b.Get(f.YAML)
			if Equal(f.As, x, y) != Equal(f.As, y, x) {
				t.Fatalf("%s: Equal(%s, %s) depends on the order", f.YAML, x.Canonical(), y.Canonical())
			}
			if !Equal(f.As, x, x) {
				t.Fatalf("%s: %s does not equal itself", f.YAML, x.Canonical())
			}
		}
	})
}

// What is not acted on, and what git does not mention, is in the body to write as it is live.
func TestEffectiveKeepsWhatIsIgnored(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want, live, last := anyBody().Draw(t, "want"), anyBody().Draw(t, "live"), anyBody().Draw(t, "last")
		before := string(want.Canonical())
		changes := compareRows(Options{Ignore: []string{"tags", "count", "probe.path"}}, want, live, last)
		out := Effective(want, changes)
		for _, c := range changes {
			if c.Ignored == "" || c.Secret || !reaches(want, c.Path) {
				continue
			}
			if got := out.GetPath(c.Path...); !got.Equal(c.Live) {
				t.Fatalf("%s is ignored and would be written as %s over %s", c.Dotted(), got.Canonical(), c.Live.Canonical())
			}
		}
		if string(want.Canonical()) != before {
			t.Fatal("want was changed")
		}
	})
}

func TestDigestDoesNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyBody().Draw(t, "a"), anyBody().Draw(t, "b")
		da, db := Digest(&asset.Asset{Body: a}), Digest(&asset.Asset{Body: b})
		if (da == db) != a.Equal(b) {
			t.Fatalf("digests %s and %s of %s and %s", da, db, a.Canonical(), b.Canonical())
		}
	})
}
