package plan

import (
	"fmt"
	"io"
	"testing"
)

// large is a world of n assets without a change, or with all of them changed.
func large(b *testing.B, n int, changed bool) Input {
	w := newWorld(b)
	for i := range n {
		id := fmt.Sprintf("data/d%05d:1#uri_file", i)
		body := `'path':'azureml://datastores/d/paths/x','description':'x','tags':{'a':'1','b':'2'}`
		w.want(id, body)
		if changed {
			body = `'path':'azureml://datastores/d/paths/x','description':'y','tags':{'a':'1','b':'2'}`
		}
		w.owned(id, body, body)
	}
	return w.in
}

func BenchmarkMake(b *testing.B) {
	for _, changed := range []bool{false, true} {
		for _, n := range []int{500, 10_000} {
			b.Run(fmt.Sprintf("assets=%d/changed=%v", n, changed), func(b *testing.B) {
				in := large(b, n, changed)
				b.ReportAllocs()
				for b.Loop() {
					Make(in)
				}
			})
		}
	}
}

func BenchmarkRender(b *testing.B) {
	p := Make(large(b, 5_000, true))
	b.Run("json", func(b *testing.B) {
		for b.Loop() {
			if _, err := p.EncodeJSON("x"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("human", func(b *testing.B) {
		for b.Loop() {
			if err := Human(io.Discard, p, Style{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("markdown", func(b *testing.B) {
		for b.Loop() {
			Markdown(p, Budget)
		}
	})
}
