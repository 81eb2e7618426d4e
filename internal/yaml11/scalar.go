// Package yaml11 says what a scalar of a YAML document means to PyYAML, which
// reads YAML 1.1: yes is a boolean, 010 is 8, 12:30 is 750, 1e3 is a text. It
// knows scalars and no documents.
package yaml11

import (
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/limit"
)

// The patterns are those of PyYAML's resolver.
var (
	floatPattern = regexp.MustCompile(`^(?:[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?` +
		`|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?` +
		`|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*` +
		`|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$`)
	intPattern = regexp.MustCompile(`^(?:[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)` +
		`|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+)$`)
	datePattern = regexp.MustCompile(`^([0-9]{4})-([0-9]{2})-([0-9]{2})$`)
	timePattern = regexp.MustCompile(`^([0-9]{4})-([0-9][0-9]?)-([0-9][0-9]?)(?:[Tt]|[ \t]+)` +
		`([0-9][0-9]?):([0-9]{2}):([0-9]{2})(?:\.([0-9]*))?` +
		`(?:[ \t]*(Z|([-+])([0-9][0-9]?)(?::([0-9]{2}))?))?$`)
)

// maxDigits is how many digits Python reads of one whole number.
const maxDigits = limit.Digits

// Plain is what YAML 1.1, as PyYAML reads it, makes of a plain
// scalar. The error is for texts that look like a number or a date and are
// none, on which PyYAML fails.
func Plain(s string) (*asset.Value, error) {
	if s == "" {
		return asset.NewNull(), nil
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9', c == '+', c == '-', c == '.':
		return resolveNumber(s)
	case c == '~' && len(s) == 1:
		return asset.NewNull(), nil
	case c == '=' && len(s) == 1:
		return nil, fmt.Errorf("a lone = has no meaning")
	case s == "<<":
		return nil, fmt.Errorf("<< is a key and no value")
	case len(s) > 5:
		return asset.NewString(s), nil
	}
	if b, ok := bools[s]; ok {
		return asset.NewBool(b), nil
	}
	if s == "null" || s == "Null" || s == "NULL" {
		return asset.NewNull(), nil
	}
	return asset.NewString(s), nil
}

var bools = map[string]bool{
	"yes": true, "Yes": true, "YES": true, "no": false, "No": false, "NO": false,
	"true": true, "True": true, "TRUE": true, "false": false, "False": false, "FALSE": false,
	"on": true, "On": true, "ON": true, "off": false, "Off": false, "OFF": false,
}

func resolveNumber(s string) (*asset.Value, error) {
	switch {
	case strings.Trim(s, "0123456789abcdefxABCDEFX_+-.:inINtTZ ") != "":
		return asset.NewString(s), nil
	case floatPattern.MatchString(s):
		return constructFloat(s)
	case intPattern.MatchString(s):
		return constructInt(s)
	case len(s) >= 8 && s[0] >= '0' && s[0] <= '9':
		return constructTime(s)
	}
	return asset.NewString(s), nil
}

func constructInt(s string) (*asset.Value, error) {
	digits := strings.ReplaceAll(s, "_", "")
	sign := ""
	if strings.HasPrefix(digits, "-") {
		sign = "-"
	}
	digits = strings.TrimLeft(digits, "+-")
	if len(digits) > maxDigits {
		return nil, fmt.Errorf("%.40q is not a number that can be read", s)
	}
	base := 10
	switch {
	case digits == "0":
	case strings.HasPrefix(digits, "0b"):
		digits, base = digits[2:], 2
	case strings.HasPrefix(digits, "0x"):
		digits, base = digits[2:], 16
	case strings.HasPrefix(digits, "0"):
		base = 8
	case strings.Contains(digits, ":"):
		return sexagesimal(sign, digits), nil
	}
	if i, err := strconv.ParseInt(sign+digits, base, 64); err == nil {
		return asset.NewInt(i), nil
	}
	i, ok := new(big.Int).SetString(sign+digits, base)
	if !ok {
		return nil, fmt.Errorf("%.40q is not a number that can be read", s)
	}
	return asset.NewBigInt(i), nil
}

func sexagesimal(sign, digits string) *asset.Value {
	sum, base := new(big.Int), big.NewInt(60)
	for part := range strings.SplitSeq(digits, ":") {
		n, _ := new(big.Int).SetString(part, 10) // the pattern leaves digits only
		sum.Add(sum.Mul(sum, base), n)
	}
	if sign != "" {
		sum.Neg(sum)
	}
	return asset.NewBigInt(sum)
}

func constructFloat(s string) (*asset.Value, error) {
	text := strings.ToLower(strings.ReplaceAll(s, "_", ""))
	sign := 1.0
	if strings.HasPrefix(text, "-") {
		sign = -1
	}
	text = strings.TrimLeft(text, "+-")
	switch {
	case text == ".inf":
		return asset.NewFloat(math.Inf(int(sign))), nil
	case text == ".nan":
		return asset.NewFloat(math.NaN()), nil
	case strings.Contains(text, ":"):
		parts := strings.Split(text, ":")
		sum, base := 0.0, 1.0
		for i := len(parts) - 1; i >= 0; i-- {
			f, _ := strconv.ParseFloat(parts[i], 64) // digits only, or too large
			sum += f * base
			base *= 60
		}
		return asset.NewFloat(sign * sum), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) {
		return nil, fmt.Errorf("%q is not a number", s)
	}
	return asset.NewFloat(sign * f), nil
}

// constructTime makes the text that Python's str() prints of a date or time.
func constructTime(s string) (*asset.Value, error) {
	if m := datePattern.FindStringSubmatch(s); m != nil {
		if !realDate(m[1], m[2], m[3]) {
			return nil, fmt.Errorf("%q looks like a date and is none", s)
		}
		return asset.NewTime(s), nil
	}
	m := timePattern.FindStringSubmatch(s)
	if m == nil {
		return asset.NewString(s), nil
	}
	if !realDate(m[1], m[2], m[3]) || atoi(m[4]) > 23 || atoi(m[5]) > 59 || atoi(m[6]) > 59 || atoi(m[10]) > 23 {
		return nil, fmt.Errorf("%q looks like a time and is none", s)
	}
	text := fmt.Sprintf("%s-%02d-%02d %02d:%s:%s", m[1], atoi(m[2]), atoi(m[3]), atoi(m[4]), m[5], m[6])
	if micro := (m[7] + "000000")[:6]; micro != "000000" {
		text += "." + micro
	}
	switch {
	case m[9] != "":
		minutes := atoi(m[10])*60 + atoi(m[11])
		sign := m[9]
		if minutes == 0 {
			sign = "+"
		}
		if minutes >= 24*60 {
			return nil, fmt.Errorf("%q has no such time zone", s)
		}
		text += fmt.Sprintf("%s%02d:%02d", sign, minutes/60, minutes%60)
	case m[8] != "":
		text += "+00:00"
	}
	return asset.NewTime(text), nil
}

func realDate(year, month, day string) bool {
	y, m, d := atoi(year), atoi(month), atoi(day)
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	return y > 0 && t.Year() == y && int(t.Month()) == m && t.Day() == d
}

// atoi is the number of a text that a pattern has found to be digits; 0 for "".
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// Tagged is what an explicit tag makes of a scalar.
func Tagged(tag, s string) (*asset.Value, error) {
	switch tag {
	case "!!str":
		return asset.NewString(s), nil
	case "!!null":
		return asset.NewNull(), nil
	case "!!bool":
		if b, ok := bools[strings.ToLower(s)]; ok {
			return asset.NewBool(b), nil
		}
		return nil, fmt.Errorf("%.40q is not a boolean", s)
	case "!!int":
		if intPattern.MatchString(s) {
			return constructInt(s)
		}
		return nil, fmt.Errorf("%.40q is not a whole number", s)
	case "!!float":
		if floatPattern.MatchString(s) || intPattern.MatchString(s) {
			return constructFloat(s)
		}
		return nil, fmt.Errorf("%.40q is not a number", s)
	case "!!timestamp":
		if v, err := constructTime(s); err != nil || v.Type() == asset.Time {
			return v, err
		}
		return nil, fmt.Errorf("%.40q is not a timestamp", s)
	}
	return nil, fmt.Errorf("the tag %s is not known", tag)
}
