package kind

import (
	"math"
	"regexp"
	"strconv"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// Duration is a length of time: a whole number of seconds or, with Millis, of
// milliseconds in the file, and an ISO 8601 text on the wire. 0 is the same as
// nothing: the reference client does not send it.
type Duration struct{ Millis bool }

// Check brings the value to a whole number; nil for 0.
func (d Duration) Check(c *Checker, v *asset.Value) *asset.Value {
	got := Int{}.Check(c, v)
	if i, ok := got.Int64(); ok && i < 0 {
		c.Badf(v, "bad_value", "", "a duration cannot be negative")
		return nil
	} else if ok && i == 0 {
		return nil
	}
	return got
}

// Encode writes PT… as Python's isodate does.
func (d Duration) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	f, ok := v.Float64()
	if !ok {
		return plain(v)
	}
	if d.Millis {
		f /= 1000
	}
	if f == 0 {
		return nil
	}
	return asset.NewString(isoDuration(f))
}

// Decode reads an ISO 8601 text, or a number of seconds.
func (d Duration) Decode(_ *Decoder, v *asset.Value) *asset.Value {
	seconds, ok := v.Float64()
	if !ok {
		if seconds, ok = parseDuration(v.Str()); !ok {
			return present(v)
		}
	}
	if d.Millis {
		seconds = math.Round(seconds * 1000)
	}
	if seconds == 0 {
		return nil
	}
	if seconds == math.Trunc(seconds) {
		return asset.NewInt(int64(seconds))
	}
	return asset.NewFloat(seconds)
}

// Schema is that of a whole number.
func (Duration) Schema() map[string]any { return Int{}.Schema() }

// Describe names the unit.
func (d Duration) Describe() string {
	if d.Millis {
		return "milliseconds"
	}
	return "seconds"
}

// isoDuration prints seconds as PT1M40S, P1D, PT0.5S.
func isoDuration(seconds float64) string {
	micros := int64(math.Round(seconds * 1e6))
	var b strings.Builder
	b.WriteByte('P')
	days, micros := micros/86400e6, micros%86400e6
	if days > 0 {
		b.WriteString(strconv.FormatInt(days, 10) + "D")
	}
	if micros == 0 {
		return b.String()
	}
	b.WriteByte('T')
	if h := micros / 3600e6; h > 0 {
		b.WriteString(strconv.FormatInt(h, 10) + "H")
	}
	if m := micros % 3600e6 / 60e6; m > 0 {
		b.WriteString(strconv.FormatInt(m, 10) + "M")
	}
	if s := micros % 60e6; s > 0 {
		b.WriteString(strconv.FormatFloat(float64(s)/1e6, 'f', -1, 64) + "S")
	}
	return b.String()
}

var isoPattern = regexp.MustCompile(`^P(?:([0-9.]+)W)?(?:([0-9.]+)D)?(?:T(?:([0-9.]+)H)?(?:([0-9.]+)M)?(?:([0-9.]+)S)?)?$`)

// parseDuration is the length of an ISO 8601 duration in seconds; false for
// other texts and for years and months, whose length is not fixed.
func parseDuration(s string) (float64, bool) {
	m := isoPattern.FindStringSubmatch(strings.ToUpper(s))
	if m == nil || len(s) < 3 {
		return 0, false
	}
	var sum float64
	for i, unit := range []float64{7 * 86400, 86400, 3600, 60, 1} {
		if m[i+1] == "" {
			continue
		}
		f, err := strconv.ParseFloat(m[i+1], 64)
		if err != nil {
			return 0, false
		}
		sum += f * unit
	}
	return sum, true
}
