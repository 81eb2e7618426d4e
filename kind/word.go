package kind

import (
	"strings"

	"mlsync.dev/mlsync/asset"
	"mlsync.dev/mlsync/internal/problem"
)

// word is an Enum that the reference client takes in any case and in no other
// spelling: question_answering is not QuestionAnswering.
type word struct{ Enum }

// wordOf makes a word of the spellings that are sent as they are written.
func wordOf(words ...string) word {
	var w word
	for _, s := range words {
		w.Words = append(w.Words, [2]string{s, s})
	}
	return w
}

// Check gives the word the spelling of the table.
func (w word) Check(c *Checker, v *asset.Value) *asset.Value {
	for _, pair := range w.Words {
		if v.Type() == asset.String && strings.EqualFold(pair[0], v.Str()) {
			return asset.NewString(pair[0])
		}
	}
	hint := problem.DidYouMean(v.Text(), w.names())
	if hint == "" {
		hint = "one of " + strings.Join(w.names(), ", ")
	}
	c.Badf(v, "bad_value", hint, "%s is not a value of this field", sort(v))
	return nil
}

// Schema allows any case.
func (w word) Schema() map[string]any {
	var alts []string
	for _, name := range w.names() {
		var b strings.Builder
		for _, r := range name {
			b.WriteString(quoteMeta(r))
		}
		alts = append(alts, b.String())
	}
	return map[string]any{"type": "string", "pattern": "^(?i:" + strings.Join(alts, "|") + ")$", "examples": toAny(w.names())}
}
