package kind

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// paramSort is the sort of a hyperparameter.
type paramSort uint8

const (
	paramFloat paramSort = iota
	paramInt
	paramBool
	paramText
	paramWord
)

// tuneParam is a hyperparameter: as a setting of every model, in a space that
// is searched, or both.
type tuneParam struct {
	yaml, rest string
	sort       paramSort
	words      Enum
	where      paramUse
	doc        string
}

// paramUse says where a hyperparameter may stand.
type paramUse uint8

const (
	both paramUse = iota
	settingOnly
)

// settingRows are the rows of settings.
func settingRows(params []tuneParam) []Field {
	var rows []Field
	for _, p := range params {
		as := []Type{Num{}, Int{}, Bool{}, Str{}, p.words}[p.sort]
		rows = append(rows, Field{YAML: p.yaml, REST: p.rest, As: as, Change: Once, Doc: p.doc})
	}
	return rows
}

// spaceRowsOf are the rows of a space; wide spaces know more distributions of
// whole numbers.
func spaceRowsOf(params []tuneParam, wide bool) []Field {
	var rows []Field
	for _, p := range params {
		if p.where == both {
			rows = append(rows, Field{YAML: p.yaml, REST: p.rest, As: spaceParam{p.sort, p.words, wide}, Change: Once, Doc: p.doc})
		}
	}
	return rows
}

// spaceParam is what a hyperparameter may be: a value, a choice of values or a
// distribution. On the wire it is a text: 0.1, choice('a','b'), uniform(1,2).
type spaceParam struct {
	sort  paramSort
	words Enum
	wide  bool
}

func (t spaceParam) scalar() Type {
	return []Type{floatValue{}, wholeNumber{}, Bool{}, Str{}, t.words}[t.sort]
}

// distributions are those of the sort.
func (t spaceParam) distributions() []string {
	switch {
	case t.sort == paramFloat:
		return []string{"choice", "uniform", "loguniform", "quniform", "qloguniform", "normal", "lognormal", "qnormal", "qlognormal", "randint"}
	case t.sort == paramInt && t.wide:
		return []string{"choice", "randint", "quniform", "qloguniform", "qnormal", "qlognormal"}
	case t.sort == paramInt:
		return []string{"choice", "randint"}
	}
	return []string{"choice"}
}

// rows are those of one distribution.
func (t spaceParam) rows(name string, params []string) []Field {
	rows := spaceRows(name, params)
	for i := range rows {
		switch {
		case rows[i].YAML == "values":
			rows[i].As, rows[i].Required = List{Of: t.scalar()}, false
		case rows[i].YAML != "type" && name != "randint" && t.sort == paramInt:
			rows[i].As = wholeNumber{}
		}
	}
	return rows
}

// Check checks the value, or the parameters of the distribution.
func (t spaceParam) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() != asset.Map {
		return t.scalar().Check(c, v)
	}
	name, params := paramsOf(v.Get("type").Text())
	if !slices.Contains(t.distributions(), name) {
		c.in("type", func() {
			c.Badf(v, "bad_value", "one of "+strings.Join(t.distributions(), ", "), "there is no such distribution of this hyperparameter")
		})
		return nil
	}
	if t.sort == paramFloat && name == "choice" && allWhole(v.Get("values")) {
		t.sort = paramInt
	}
	return c.object(v, t.rows(name, params), nil, false)
}

func allWhole(list *asset.Value) bool {
	return !slices.ContainsFunc(list.Items(), func(v *asset.Value) bool { return v.Type() != asset.Int })
}

// Encode makes the text.
func (t spaceParam) Encode(_ *Encoder, v *asset.Value) *asset.Value {
	return asset.NewString(spaceText(v))
}

// spaceText is the text of a value or a distribution.
func spaceText(v *asset.Value) string {
	if v.Type() != asset.Map {
		return numberText(v)
	}
	name, params := paramsOf(v.Get("type").Text())
	var args []string
	for _, p := range params {
		if p != "values" {
			args = append(args, numberText(v.Get(p)))
			continue
		}
		for _, item := range v.Get(p).Items() {
			if item.Type() == asset.String {
				args = append(args, "'"+item.Str()+"'")
			} else {
				args = append(args, numberText(item))
			}
		}
	}
	return name + "(" + strings.Join(args, ",") + ")"
}

// numberText writes numbers without an exponent.
func numberText(v *asset.Value) string {
	if f, ok := v.Float64(); ok && v.Type() == asset.Float && strings.Contains(v.Text(), "e") {
		return strconv.FormatFloat(f, 'f', -1, 64)
	}
	return v.Text()
}

var spaceCall = regexp.MustCompile(`^\s*(\w+)\s*\((.*)\)\s*$`)

// Decode reads the text; one that does not mean what it says is kept.
func (t spaceParam) Decode(_ *Decoder, rest *asset.Value) *asset.Value {
	if rest.IsNull() {
		return nil
	}
	text := rest.Text()
	v := t.parse(text)
	if v == nil || spaceText(v) != text {
		return asset.NewString(text)
	}
	return v
}

func (t spaceParam) parse(text string) *asset.Value {
	call := spaceCall.FindStringSubmatch(text)
	if call == nil {
		return t.parseValue(text)
	}
	name, params := paramsOf(call[1])
	if name == "" {
		return nil
	}
	var args []string
	if strings.TrimSpace(call[2]) != "" {
		args = strings.Split(call[2], ",")
	}
	v := asset.NewMap().Set("type", asset.NewString(name))
	if name == "choice" {
		values := asset.NewList()
		for _, arg := range args {
			item := t.parseValue(strings.Trim(strings.TrimSpace(arg), `'"`))
			if t.sort == paramFloat && !strings.Contains(arg, ".") {
				item = decodeNumber(asset.NewString(strings.TrimSpace(arg)))
			}
			if item == nil {
				return nil
			}
			values.Append(item)
		}
		return v.Set("values", values)
	}
	if len(args) != len(params) {
		return nil
	}
	for i, p := range params {
		v.Set(p, decodeNumber(asset.NewString(strings.TrimSpace(args[i]))))
	}
	return v
}

// parseValue reads one value; nil if it is of another sort.
func (t spaceParam) parseValue(text string) *asset.Value {
	switch t.sort {
	case paramFloat:
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return asset.NewFloat(f)
		}
		return nil
	case paramInt:
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return asset.NewInt(i)
		}
		return nil
	case paramBool:
		if b, ok := truths[strings.ToLower(text)]; ok {
			return asset.NewBool(b)
		}
		return nil
	case paramText, paramWord:
	}
	return asset.NewString(text)
}

// Equal compares what is sent.
func (t spaceParam) Equal(want, live *asset.Value) bool { return spaceText(want) == spaceText(live) }

// Schema allows a value, or a map with the parameters of any distribution: the
// alternatives one by one would be most of the schema of a job.
func (t spaceParam) Schema() map[string]any {
	number := Num{}.Schema()
	if t.sort == paramInt {
		number = wholeNumber{}.Schema()
	}
	props := map[string]any{"type": sameWords(t.distributions()...).Schema()}
	for _, name := range t.distributions() {
		_, params := paramsOf(name)
		for _, p := range params {
			props[p] = number
		}
	}
	props["values"] = List{Of: t.scalar()}.Schema()
	return map[string]any{"anyOf": []any{t.scalar().Schema(), map[string]any{
		"type": "object", "properties": props, "required": []any{"type"}, "additionalProperties": false,
	}}}
}

// Describe names the alternatives.
func (t spaceParam) Describe() string {
	if len(t.distributions()) == 1 {
		return t.scalar().Describe() + ", or a choice"
	}
	return t.scalar().Describe() + ", a choice or a distribution"
}

// floatValue is a number, or a text of one, that is sent with a fraction.
type floatValue struct{ Num }

func (t floatValue) Check(c *Checker, v *asset.Value) *asset.Value {
	got := t.Num.Check(c, v)
	if f, ok := got.Float64(); ok {
		return asset.NewFloat(f)
	}
	return got
}

// wholeNumber is a whole number that is written as one.
type wholeNumber struct{ Int }

func (wholeNumber) Check(c *Checker, v *asset.Value) *asset.Value {
	if v.Type() == asset.Int {
		return plain(v)
	}
	c.Badf(v, "wrong_type", "write it in digits, without quotes", "want a whole number, not %s", sort(v))
	return nil
}
func (wholeNumber) Schema() map[string]any { return map[string]any{"type": "integer"} }
