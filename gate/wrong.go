package gate

import "fmt"

// Wrong says what is not as it must be in an answer; "" if it is good.
func (g Good) Wrong(got Answer) string {
	if got.Status != g.Status {
		return fmt.Sprintf("status %d, not %d", got.Status, g.Status)
	}
	return wrong(got.Body, g.Expect)
}
