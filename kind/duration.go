package kind

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
)

// Duration is a length of time: a number of units in the file and an ISO 8601
// text on the wire. The client cuts numbers to whole units and does not send
// zero.
type Duration struct{ Unit time.Duration }

// The durations of the format.
var (
	Seconds      = Duration{Unit: time.Second}
	Milliseconds = Duration{Unit: time.Millisecond}
)

func (d Duration) Check(c *Checker, v *asset.Value) *asset.Value { return Int{}.Check(c, v) }

func (d Duration) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	n, ok := v.Int64()
	if !ok || n == 0 {
		return nil
	}
	return asset.NewString(FormatISO(time.Duration(n) * d.Unit))
}

// Decode keeps a text that is no duration.
func (d Duration) Decode(_ *Decoder, rest *asset.Value) *asset.Value {
	got, ok := ParseISO(rest.Text())
	switch {
	case rest.Type() != asset.String || !ok:
		return decodeNumber(rest)
	case got%d.Unit != 0:
		return asset.NewFloat(float64(got) / float64(d.Unit))
	}
	return asset.NewInt(int64(got / d.Unit))
}

// Equal takes an absent duration for zero, which is not sent.
func (d Duration) Equal(want, live *asset.Value) bool {
	if n, ok := want.Int64(); ok && n == 0 && live.IsNull() {
		return true
	}
	return want.Equal(live)
}

func (d Duration) Schema() map[string]any { return Int{}.Schema() }

func (d Duration) Describe() string {
	if d.Unit == time.Millisecond {
		return "milliseconds"
	}
	return "seconds"
}

var isoDuration = regexp.MustCompile(`^P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$`)

// ParseISO reads an ISO 8601 duration without years and months.
func ParseISO(text string) (time.Duration, bool) {
	m := isoDuration.FindStringSubmatch(text)
	if m == nil || strings.HasSuffix(text, "P") || strings.HasSuffix(text, "T") {
		return 0, false
	}
	var total time.Duration
	for i, unit := range []time.Duration{7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second} {
		if m[i+1] == "" {
			continue
		}
		n, err := strconv.ParseFloat(m[i+1], 64)
		if err != nil {
			return 0, false
		}
		total += time.Duration(n * float64(unit))
	}
	return total, true
}

// FormatISO prints a duration as the client does: PT1M40S, PT1H, P1D, PT0.5S.
func FormatISO(d time.Duration) string {
	if d == 0 {
		return "P0D"
	}
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	var b strings.Builder
	b.WriteString(sign + "P")
	if days := d / (24 * time.Hour); days > 0 {
		fmt.Fprintf(&b, "%dD", days)
		d -= days * 24 * time.Hour
	}
	if d == 0 {
		return b.String()
	}
	b.WriteByte('T')
	if h := d / time.Hour; h > 0 {
		fmt.Fprintf(&b, "%dH", h)
		d -= h * time.Hour
	}
	if m := d / time.Minute; m > 0 {
		fmt.Fprintf(&b, "%dM", m)
		d -= m * time.Minute
	}
	if d > 0 {
		b.WriteString(strconv.FormatFloat(d.Seconds(), 'f', -1, 64) + "S")
	}
	return b.String()
}
