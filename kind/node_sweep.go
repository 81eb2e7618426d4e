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

// samplingShort is the sampling of a sweep step: a word, or a map if there is
// more to say.
type samplingShort struct{ Object }

func (s samplingShort) Check(c *Checker, v *asset.Value) *asset.Value {
	return Shorthand{Object: s.Object, Key: "type"}.Check(c, v)
}

func (s samplingShort) Encode(e *Encoder, v *asset.Value) *asset.Value {
	if v.Len() == 1 {
		return v.Get("type")
	}
	return s.Object.Encode(e, v)
}

func (s samplingShort) Decode(d *Decoder, rest *asset.Value) *asset.Value {
	if rest.IsScalar() {
		return asset.NewMap().Set("type", asset.NewString(rest.Text()))
	}
	return s.Object.Decode(d, rest)
}

// Equal compares what want mentions.
func (s samplingShort) Equal(want, live *asset.Value) bool { return SameValue(s.Object, want, live) }

// Schema allows both forms.
func (s samplingShort) Schema() map[string]any {
	return Shorthand{Object: s.Object, Key: "type"}.Schema()
}

// stepTermination is a policy of a sweep step. What the reference client takes
// for nothing it does not send.
var stepTermination = func() Pick {
	p := snakedPick(earlyTermination)
	return p
}()
