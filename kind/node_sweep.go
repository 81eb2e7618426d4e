package kind

import "mlsync.dev/mlsync/asset"

// spelledSpace is a hyperparameter of a sweep step: as it is written.
type spelledSpace struct{ SearchSpace }

// Encode sends the map of the file.
func (spelledSpace) Encode(_ *Encoder, v *asset.Value) *asset.Value { return v }

// Decode reads the map of the file.
func (spelledSpace) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if rest.Type() != asset.Map {
		return SearchSpace{}.Decode(d, rest)
	}
	v := asset.NewMap()
	for key, item := range rest.Entries() {
		if key != "type" && key != "values" {
			item = decodeNumber(item)
		}
		v.Set(key, item)
	}
	return v
}

// samplingShort is the sampling of a sweep step: a word, or a map. Each is sent
// as it is written.
var samplingShort = Pick{
	Name: "a word, or a map with a type",
	Of: func(v *asset.Value) Type {
		switch {
		case v.Type() == asset.Map:
			return samplingMap
		case v.IsScalar():
			return samplingWord
		}
		return nil
	},
	OfREST: func(rest *asset.Value) Type {
		if rest.Type() == asset.Map {
			return samplingMap
		}
		return samplingWord
	},
	All: []Type{samplingWord, samplingMap},
}

var (
	samplingMap = func() Object {
		o := spelled(samplingAlgorithm.Object).(Object)
		for i := range o.Fields {
			if o.Fields[i].YAML == "logbase" {
				o.Fields[i].As = logBase{}
			}
		}
		return o
	}()
	samplingWord = spelled(fieldOf(samplingAlgorithm.Fields, "type").As)
)

// logBase is the base of a logarithm: a number, or the text e.
type logBase struct{ Text }

// Check makes a number of what looks like one.
func (logBase) Check(c *Checker, v *asset.Value) *asset.Value {
	if f, ok := pythonNumber(v.Text()); ok {
		return asset.NewFloat(f)
	}
	return Text{}.Check(c, v)
}

// Encode sends numbers as such.
func (logBase) Encode(_ *Encoder, v *asset.Value) *asset.Value { return plain(v) }

// Decode reads both.
func (logBase) Decode(_ *Decoder, v *asset.Value) *asset.Value { return decodeNumber(v) }

// stepTermination is a policy of a sweep step. What the reference client takes
// for nothing it does not send.
var stepTermination = func() Pick {
	p := snakedPick(earlyTermination)
	of := p.Of
	p.Of = func(v *asset.Value) Type { return withoutSlack(of(v)) }
	for i := range p.All {
		p.All[i] = withoutSlack(p.All[i])
	}
	return p
}()

// withoutSlack leaves out a slack of 0.
func withoutSlack(t Type) Type {
	s, ok := t.(snaked)
	if !ok {
		return t
	}
	s.ToREST = func(_ *Encoder, _, rest *asset.Value) {
		for _, key := range []string{"slackFactor", "slackAmount"} {
			if n, ok := rest.Get(key).Float64(); ok && n == 0 {
				rest.Delete(key)
			}
		}
	}
	return s
}
