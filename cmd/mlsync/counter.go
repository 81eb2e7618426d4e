package main

import "fmt"

// counter shows on a terminal how many of several things are done. Who calls it
// from several goroutines holds a lock.
type counter struct {
	app         *app
	what        string
	count, most int
}

// counter begins to count; what is what the things are, such as "targets".
func (a *app) counter(what string, most int) *counter {
	c := &counter{app: a, what: what, most: most}
	c.show()
	return c
}

func (c *counter) shown() bool { return c.app.streams.errTTY && !c.app.flags.quiet && c.most > 1 }

// step counts one more.
func (c *counter) step() {
	c.count++
	c.show()
}

func (c *counter) show() {
	if c.shown() {
		fmt.Fprintf(c.app.streams.err, "\r\x1b[K%d of %d %s read", c.count, c.most, c.what)
	}
}

// done removes the line.
func (c *counter) done() {
	if c.shown() {
		fmt.Fprint(c.app.streams.err, "\r\x1b[K")
	}
}
