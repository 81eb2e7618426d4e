package main

import (
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
)

// Row is one number.
type Row struct {
	Scenario string  `json:"scenario"`
	What     string  `json:"what"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
	// Target is the most that is promised; nil if nothing is.
	Target *float64 `json:"target,omitempty"`
	// Ratio is Value over Target.
	Ratio *float64 `json:"ratio,omitempty"`
	// Count says that the number does not depend on the machine, so missing
	// it is a failure.
	Count bool `json:"count,omitempty"`
}

func (r *Row) missed() bool { return r.Target != nil && r.Value > *r.Target }

func (r *Row) value() string { return number(r.Value) + unit(r.Unit) }

func (r *Row) promise() string {
	if r.Target == nil {
		return ""
	}
	return "≤ " + number(*r.Target) + unit(r.Unit)
}

func unit(u string) string {
	if u == "" {
		return ""
	}
	return " " + u
}

// number prints three digits, and whole numbers as they are.
func number(f float64) string {
	if f == float64(int64(f)) {
		return strconv.FormatInt(int64(f), 10)
	}
	if f >= 100 {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'g', 3, 64)
}

// table prints the rows for people.
func table(out io.Writer, rows []Row) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SCENARIO\tWHAT\tMEASURED\tPROMISED\tRATIO\t")
	last := ""
	for _, r := range rows {
		scenario := r.Scenario
		if scenario == last {
			scenario = ""
		}
		last = r.Scenario
		ratio, mark := "", ""
		if r.Ratio != nil {
			ratio = fmt.Sprintf("%.2f", *r.Ratio)
			if mark = "ok"; r.missed() {
				mark = "MISSED"
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", scenario, r.What, r.value(), r.promise(), ratio, mark)
	}
	return w.Flush()
}
