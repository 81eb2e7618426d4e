package kind

import (
	"math"
	"math/big"
	"strconv"
	"strings"

	"mlsync.dev/mlsync/asset"
)

// What inputs and outputs of a component may be called. Only the first part of
// the name of an input is looked at: the rest is of a group.
const (
	portPath   = `[a-zA-Z_][a-zA-Z0-9_]*(\..*)?`
	outputPath = `[a-zA-Z_][a-zA-Z0-9_]*(\.[a-zA-Z_][a-zA-Z0-9_]*)*`
)

var (
	// parameterTypes are the types of values that stand in the file itself.
	parameterTypes = []string{"number", "integer", "boolean", "string"}
	specDataTypes  = exactWords("uri_folder", "uri_file", "mltable", "mlflow_model", "custom_model", "triton_model", "path")
	specModes      = exactWords("ro_mount", "rw_mount", "mount", "download", "upload", "direct", "eval_mount", "eval_download", "link")
)

// exactWords are words that are taken and sent in one spelling only.
func exactWords(list ...string) Enum {
	e := specWords(list...)
	e.Exact = true
	return e
}

// specWords are words that are sent as they are written.
func specWords(list ...string) Enum {
	var e Enum
	for _, w := range list {
		e.Words = append(e.Words, [2]string{w, w})
	}
	return e
}

// flag is true or false, and false is the same as nothing: the service fills
// it in.
type flag struct{ Bool }

// Decode leaves out what means nothing.
func (f flag) Decode(d *Decoder, v *asset.Value) *asset.Value {
	if got := f.Bool.Decode(d, v); got.Bool() {
		return got
	}
	return nil
}

// Equal takes nothing for false.
func (flag) Equal(want, live *asset.Value) bool { return want.Bool() == live.Bool() }

// componentInputs are the declared inputs of a component: parameters, and data
// that is passed by address.
var componentInputs = Map{Keys: portPath, Of: Pick{
	Name:   "an input: a map with a type",
	Of:     inputType,
	OfREST: inputType,
	All:    []Type{parameterInput, dataInput},
}}

func inputType(v *asset.Value) Type {
	if v.Type() != asset.Map {
		return nil
	}
	if isParameter(v) {
		return parameterInput
	}
	return dataInput
}

// isParameter reports whether a declared port is a parameter.
func isParameter(v *asset.Value) bool {
	for _, t := range parameterTypes {
		if strings.EqualFold(v.Get("type").Str(), t) {
			return true
		}
	}
	return false
}

var (
	portText = Field{YAML: "description", REST: "description", As: Str{}, Change: NewVersion, Doc: "What it is for."}
	portMode = Field{YAML: "mode", REST: "mode", As: specModes, Change: NewVersion, Doc: "How the component sees it."}

	parameterInput = Object{After: finishParameter, Fields: []Field{
		{YAML: "type", REST: "type", As: exactWords(parameterTypes...), Required: true, Change: NewVersion, Doc: "number, integer, boolean or string."},
		{YAML: "optional", REST: "optional", As: flag{}, Change: NewVersion, Doc: "It may be left out."},
		{YAML: "default", REST: "default", As: literalText{}, Change: NewVersion, Doc: "Its value if none is given; sent as a text."},
		portText,
		{YAML: "min", REST: "min", As: literalText{Number: true}, Change: NewVersion, Doc: "The least value, of numbers."},
		{YAML: "max", REST: "max", As: literalText{Number: true}, Change: NewVersion, Doc: "The greatest value, of numbers."},
		{YAML: "enum", REST: "enum", As: List{Of: Str{}}, Change: NewVersion, Doc: "The only values that are allowed, of strings."},
	}}
	dataInput = Object{Fields: []Field{
		{YAML: "type", REST: "type", As: specDataTypes, Required: true, Change: NewVersion, Doc: "What is passed."},
		{YAML: "optional", REST: "optional", As: flag{}, Change: NewVersion, Doc: "It may be left out."},
		portMode, portText,
	}}
)

// literalText is a value as a parameter takes it. Numbers lose what makes them
// whole, which only the type gives back: 3 is the text 3.0.
type literalText struct {
	Text
	// Number refuses booleans.
	Number bool
}

// Check makes the text of the value.
func (l literalText) Check(c *Checker, v *asset.Value) *asset.Value {
	if l.Number && v.Type() == asset.Bool {
		c.Badf(v, "wrong_type", "write it in digits, such as 3", "want a number, not %s", sort(v))
		return nil
	}
	if f, ok := v.Float64(); ok {
		return asset.NewString(asset.NewFloat(f).Text())
	}
	return Text{}.Check(c, v)
}

// Schema is that of the text.
func (l literalText) Schema() map[string]any {
	if l.Number {
		return map[string]any{"type": []any{"string", "number"}}
	}
	return Text{}.Schema()
}

// finishParameter gives default, min and max the text that the type makes of
// them: 1 as a number is 1.0.
func finishParameter(c *Checker, v *asset.Value) {
	typ := v.Get("type").Str()
	for _, key := range []string{"default", "min", "max"} {
		item := v.Get(key)
		if item == nil {
			continue
		}
		if key != "default" && typ != "number" && typ != "integer" {
			c.in(key, func() { c.Badf(item, "conflict", "remove it", "it is for numbers and integers only") })
			continue
		}
		text, ok := parameterText(typ, item.Text())
		if !ok {
			c.in(key, func() { c.Badf(item, "bad_value", "write "+exampleOf(typ), "%q is no %s", item.Text(), typ) })
			continue
		}
		v.Set(key, asset.NewString(text).At(item.Pos()))
	}
}

func exampleOf(typ string) string {
	switch typ {
	case "integer":
		return "a whole number, such as 3"
	case "number":
		return "a number, such as 0.5"
	}
	return "true or false"
}

// parameterText is the value of a parameter as its type spells it. The
// reference client counts booleans as numbers.
func parameterText(typ, text string) (string, bool) {
	switch typ {
	case "integer":
		if text == "True" || text == "False" {
			return text, true
		}
		return wholeText(text)
	case "number":
		if n, ok := map[string]string{"True": "1.0", "False": "0.0"}[text]; ok {
			return n, true
		}
		f, ok := pythonNumber(text)
		return asset.NewFloat(f).Text(), ok
	case "boolean":
		switch strings.ToLower(text) {
		case "true":
			return "True", true
		case "false":
			return "False", true
		}
		return "", false
	}
	return text, true
}

// wholeText cuts the fraction of a number.
func wholeText(text string) (string, bool) {
	if i, ok := new(big.Int).SetString(strings.TrimSpace(text), 10); ok {
		return i.String(), true
	}
	f, ok := pythonNumber(text)
	if !ok || math.IsInf(f, 0) || math.IsNaN(f) {
		return "", false
	}
	i, _ := big.NewFloat(f).Int(nil)
	return i.String(), true
}

func pythonNumber(text string) (float64, bool) {
	f, err := strconv.ParseFloat(strings.ReplaceAll(strings.TrimSpace(text), "_", ""), 64)
	return f, err == nil && !strings.ContainsAny(text, "xX")
}

// outputsOf are the declared outputs of a component; some components may
// give back parameters as well.
func outputsOf(parameters bool) Map {
	if !parameters {
		return Map{Keys: outputPath, Of: dataOutput}
	}
	return Map{Keys: outputPath, Of: Pick{
		Name:   "an output: a map with a type",
		Of:     outputType,
		OfREST: outputType,
		All:    []Type{dataOutput, parameterOutput},
	}}
}

func outputType(v *asset.Value) Type {
	switch {
	case v.Type() != asset.Map:
		return nil
	case isParameter(v):
		return parameterOutput
	}
	return dataOutput
}

var (
	dataOutput = Obj(
		Field{YAML: "type", REST: "type", As: specDataTypes, Required: true, Change: NewVersion, Doc: "What is given back."},
		portMode, portText,
	)
	parameterOutput = Object{Lax: true, Fields: []Field{
		{YAML: "type", REST: "type", As: exactWords(parameterTypes...), Required: true, Change: NewVersion, Doc: "number, integer, boolean or string."},
		{YAML: "early_available", REST: "early_available", As: Bool{}, Change: NewVersion, Doc: "The value can be read before the step ends."},
		portMode, portText,
	}}
)

// checkPortNames refuses names that differ by case only.
func checkPortNames(c *Checker, ports *asset.Value) {
	seen := map[string]string{}
	for name, item := range ports.Entries() {
		low := strings.ToLower(name)
		if other, ok := seen[low]; ok {
			c.Badf(item, "bad_name", "rename one of them", "%q and %q differ by case only", other, name)
		}
		seen[low] = name
		for at := strings.LastIndexByte(name, '.'); at > 0; at = strings.LastIndexByte(name[:at], '.') {
			if ports.Has(name[:at]) {
				c.Badf(item, "bad_name", "rename one of them", "%q is an input and a group of inputs", name[:at])
			}
		}
	}
}
