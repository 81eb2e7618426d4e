package kind

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
)

// isoTime is a time as a text in ISO 8601. Its normal form is what Python
// prints of it, which is what the reference client sends. A time without
// quotes is a timestamp to YAML, which the reference client refuses here.
type isoTime struct{}

var isoTimePattern = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})[T ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6})\d{0,6})?)?(Z|[+-]\d{2}(?::?\d{2})?)?$`)

// pythonTime is the text that Python prints of a time in ISO 8601.
func pythonTime(s string) (string, bool) {
	m := isoTimePattern.FindStringSubmatch(s)
	if m == nil {
		return "", false
	}
	var n [7]int
	for i := range n {
		n[i], _ = strconv.Atoi(m[i+1])
	}
	micro, _ := strconv.Atoi((m[7] + "000000")[:6])
	t := time.Date(n[0], time.Month(n[1]), n[2], n[3], n[4], n[5], 0, time.UTC)
	if n[0] == 0 || t.Month() != time.Month(n[1]) || t.Day() != n[2] || t.Hour() != n[3] || t.Minute() != n[4] || t.Second() != n[5] {
		return "", false
	}
	text := t.Format("2006-01-02 15:04:05")
	if micro > 0 {
		text += fmt.Sprintf(".%06d", micro)
	}
	switch zone := m[8]; {
	case zone == "":
		return text, true
	case zone == "Z":
		return text + "+00:00", true
	default:
		digits := strings.ReplaceAll(zone[1:], ":", "")
		if len(digits) == 2 {
			digits += "00"
		}
		if digits[:2] > "23" || digits[2:] > "59" {
			return "", false
		}
		if digits == "0000" {
			return text + "+00:00", true
		}
		return text + zone[:1] + digits[:2] + ":" + digits[2:], true
	}
}

// Check makes Python's text of it.
func (isoTime) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.String {
		if text, ok := pythonTime(v.Str()); ok {
			return asset.NewString(text)
		}
	}
	c.Badf(v, "wrong_type", `write it in quotes, such as "2026-07-10T10:00:00"`, "want a time, not %s", sort(v))
	return nil
}

// Encode sends the normal form.
func (isoTime) Encode(_ *Encoder, v *asset.Value) *asset.Value { return plain(v) }

// Decode makes the normal form of what the service says.
func (isoTime) Decode(_ *Decoder, v *asset.Value) *asset.Value {
	if text, ok := pythonTime(v.Str()); ok {
		return asset.NewString(text)
	}
	return present(v)
}

// Equal compares the clocks: the service may leave the offset out.
func (isoTime) Equal(want, live *asset.Value) bool {
	return strings.TrimSuffix(want.Text(), "+00:00") == strings.TrimSuffix(live.Text(), "+00:00")
}

// Schema is a text of that form; that the day exists, it cannot say.
func (isoTime) Schema() map[string]any {
	return map[string]any{"type": "string", "pattern": `^\d{4}-\d{1,2}-\d{1,2}[T ]\d{1,2}:\d{1,2}(:\d{1,2}(\.\d{1,12})?)?(Z|[+-]\d{2}(:?\d{2})?)?$`}
}

// Describe names the form.
func (isoTime) Describe() string { return "time in quotes" }
