package asset

import (
	"fmt"
	"log/slog"
)

// Secret is a secret text in memory. Every way of printing it gives
// "(secret)"; only Reveal gives the text.
type Secret struct{ text string }

// NewSecret wraps text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal returns the text. Call it only where the service needs it.
func (s Secret) Reveal() string { return s.text }

// String is always "(secret)".
func (Secret) String() string { return "(secret)" }

// GoString is always "(secret)".
func (Secret) GoString() string { return "(secret)" }

// Format prints "(secret)" for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("(secret)")) }

// MarshalJSON is always the string "(secret)".
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"(secret)"`), nil }

// MarshalText is always "(secret)".
func (Secret) MarshalText() ([]byte, error) { return []byte("(secret)"), nil }

// LogValue is always "(secret)".
func (Secret) LogValue() slog.Value { return slog.StringValue("(secret)") }
