package kind

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
)

// moment is a date with a time, and an offset or none. Its normal form is the
// text that Python's str() gives, which is what the reference client sends:
// 2022-07-10 10:00:00. It takes texts only, no time without quotes.
type moment struct{}

// isoMoment is what marshmallow reads as a date with a time.
var isoMoment = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6})\d{0,6})?)?(Z|[+-]\d{2}(?::?\d{2})?)?$`)

// Check brings the text to its normal form.
func (moment) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.String {
		c.Badf(v, "wrong_type", "put it in quotes, such as \"2026-01-31T10:00:00\"", "want a date with a time as a text, not %s", sort(v))
		return nil
	}
	text, ok := normalMoment(v.Str())
	if !ok {
		c.Badf(v, "bad_value", "write it as \"2026-01-31T10:00:00\"", "%q is no date with a time", v.Str())
		return nil
	}
	return asset.NewString(text)
}

func normalMoment(text string) (string, bool) {
	m := isoMoment.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	var n [6]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	if n[0] == 0 || t.Year() != n[0] || int(t.Month()) != n[1] || t.Day() != n[2] || t.Hour() != n[3] || t.Minute() != n[4] || t.Second() != n[5] {
		return "", false
	}
	out := t.Format("2006-01-02 15:04:05")
	if micros := (m[7] + "000000")[:6]; m[7] != "" && micros != "000000" {
		out += "." + micros
	}
	return out + normalOffset(m[8]), true
}

func normalOffset(s string) string {
	switch {
	case s == "" || len(s) == 6:
		return s
	case s == "Z":
		return "+00:00"
	case len(s) == 3:
		return s + ":00"
	}
	return s[:3] + ":" + s[3:]
}

func (moment) Encode(e *Encoder, v *asset.Value) *asset.Value { return e.text(v) }

// Decode reads a time as the service spells it; what is none is kept.
func (moment) Decode(_ *Decoder, v *asset.Value) *asset.Value {
	if text, ok := normalMoment(v.Str()); ok {
		return asset.NewString(text)
	}
	return present(v)
}

func (moment) Schema() map[string]any {
	return map[string]any{"type": "string", "pattern": isoMoment.String()}
}
func (moment) Describe() string { return "date with a time, in quotes" }

// day is a date: 2026-01-31 in the file, the beginning of that day on the wire.
type day struct{}

var isoDay = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})$`)

func normalDay(text string) (string, bool) {
	m := isoDay.FindStringSubmatch(text)
	if m == nil {
		return "", false
	}
	moment, ok := normalMoment(text + " 00:00")
	if !ok {
		return "", false
	}
	return moment[:10], true
}

// Check brings the date to its normal form.
func (day) Check(c *Checker, v *asset.Value) *asset.Value {
	text, ok := normalDay(v.Str())
	switch {
	case v.Type() != asset.String:
		c.Badf(v, "wrong_type", "put it in quotes, such as \"2026-01-31\"", "want a date as a text, not %s", sort(v))
	case !ok:
		c.Badf(v, "bad_value", "write it as \"2026-01-31\"", "%q is no date", v.Str())
	default:
		return asset.NewString(text)
	}
	return nil
}

func (day) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	return asset.NewString(v.Str() + "T00:00:00.000Z")
}

func (day) Decode(_ *Decoder, v *asset.Value) *asset.Value {
	if s := v.Str(); len(s) >= 10 {
		if text, ok := normalDay(s[:10]); ok {
			return asset.NewString(text)
		}
	}
	return present(v)
}

func (day) Schema() map[string]any {
	return map[string]any{"type": "string", "pattern": isoDay.String()}
}
func (day) Describe() string { return "date, in quotes" }

// period is a length of time as an ISO 8601 text, such as P7D. The reference
// client writes it in its own way before it sends it: P1W is P7D, PT24H is
// P1D. Word is another text that is allowed; "" for none.
type period struct{ Word string }

var isoPeriod = regexp.MustCompile(`^([+-])?P(?:(\d+(?:[,.]\d+)?)Y)?(?:(\d+(?:[,.]\d+)?)M)?(?:(\d+(?:[,.]\d+)?)W)?(?:(\d+(?:[,.]\d+)?)D)?(?:T(?:(\d+(?:[,.]\d+)?)H)?(?:(\d+(?:[,.]\d+)?)M)?(?:(\d+(?:[,.]\d+)?)S)?)?$`)

// Check brings the period to its normal form.
func (p period) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.String {
		return Str{}.Check(c, v)
	}
	if p.Word != "" && v.Str() == p.Word {
		return asset.NewString(p.Word)
	}
	text, ok := normalPeriod(v.Str())
	if !ok {
		c.Badf(v, "bad_value", "write it as P7D (days) or PT6H (hours)", "%q is no period of ISO 8601", v.Str())
		return nil
	}
	return asset.NewString(text)
}

// normalPeriod is the period as Python's isodate prints it.
func normalPeriod(text string) (string, bool) {
	m := isoPeriod.FindStringSubmatch(text)
	if m == nil || len(text) < 2 || text[len(text)-1] == 'P' {
		return "", false
	}
	var n [8]float64
	var sum float64
	for i := range n[1:] {
		n[i+1], _ = strconv.ParseFloat(strings.ReplaceAll(m[i+2], ",", "."), 64)
		sum += n[i+1]
	}
	out := unitOf(m[2], n[1], "Y") + unitOf(m[3], n[2], "M") + isoDuration(n[3]*7*86400 + n[4]*86400 + n[5]*3600 + n[6]*60 + n[7])[1:]
	if out == "" {
		out = "0D"
	}
	if m[1] == "-" && sum > 0 {
		return "-P" + out, true
	}
	return "P" + out, true
}

// unitOf are years or months, which stay what they are: their length is not
// fixed.
func unitOf(text string, n float64, unit string) string {
	if n == 0 {
		return ""
	}
	text = strings.TrimLeft(strings.ReplaceAll(text, ",", "."), "0")
	if text[0] == '.' {
		text = "0" + text
	}
	return text + unit
}

func (period) Encode(e *Encoder, v *asset.Value) *asset.Value { return e.text(v) }

// Decode reads a period as the service spells it; what is none is kept.
func (period) Decode(_ *Decoder, v *asset.Value) *asset.Value {
	if text, ok := normalPeriod(v.Str()); ok {
		return asset.NewString(text)
	}
	return present(v)
}

func (p period) Schema() map[string]any {
	s := map[string]any{"type": "string", "pattern": isoPeriod.String()}
	if p.Word != "" {
		return map[string]any{"anyOf": []any{s, map[string]any{"const": p.Word}}}
	}
	return s
}

func (p period) Describe() string {
	if p.Word != "" {
		return fmt.Sprintf("period of ISO 8601 such as P7D, or %s", p.Word)
	}
	return "period of ISO 8601 such as P7D"
}
