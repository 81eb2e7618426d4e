// Package window says when a target may be changed: within windows that open
// by the clock of a place, and not while one of those that deny is open. It is
// asked with a time and knows neither a clock nor what is changed.
package window
