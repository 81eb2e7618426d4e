package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/plan"
	"mlsync.dev/mlsync/state"
	"mlsync.dev/mlsync/web"
)

// keptPlan is a plan in the journal, in all the forms that the API answers with.
type keptPlan struct {
	Plan      json.RawMessage `json:"plan"`
	Text      string          `json:"text"`
	Markdown  string          `json:"markdown"`
	Drift     json.RawMessage `json:"drift"`
	DriftText string          `json:"drift_text"`
	Exits     [2]int          `json:"exits"`
}

// keep keeps the plan of a pass for the API, if it is another than before. What
// goes wrong with that is no reason to do less.
func (w *worker) keep(ctx context.Context, j *journal, run plan.Run, p *plan.Plan) {
	if p == nil || run.Generation == 0 || len(p.Steps)+len(p.Problems) == 0 && p.Source.Tree == "" {
		return
	}
	digest := p.Digest()
	if digest == w.kept {
		return
	}
	body, err := packPlan(p)
	if err == nil {
		k := state.Planned{Digest: digest, Consent: p.Consent(), Commit: run.Commit, Run: run.ID, Complete: p.Complete(), Unfinished: p.Unfinished(), Body: body}
		for _, s := range p.Refusals() {
			k.Needs = append(k.Needs, s.Needs)
		}
		err = j.Keep(context.WithoutCancel(ctx), run.Generation, k)
	}
	if err != nil {
		w.daemon.log.Warn("the plan is not kept for the API", "target", w.name, "err", err)
		return
	}
	w.kept = digest
}

// packPlan is the plan in its forms, packed; empty if that is too much to keep.
func packPlan(p *plan.Plan) ([]byte, error) {
	var text, drift bytes.Buffer
	if err := plan.Human(&text, p, plan.Style{NoTime: true}); err != nil {
		return nil, err
	}
	(&app{streams: streams{out: &drift}}).showDrift(p)
	k := keptPlan{Exits: [2]int{p.ExitCode(false), p.ExitCode(true)}, Text: text.String(), Markdown: plan.Markdown(p, plan.Budget), DriftText: drift.String()}
	var err error
	if k.Plan, err = p.EncodeJSON(version); err != nil {
		return nil, err
	}
	if k.Drift, err = json.Marshal(driftJSON(p)); err != nil {
		return nil, err
	}
	data, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(data); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if packed.Len() > limit.KeptPlan || len(data) > limit.APIAnswer {
		return []byte{}, nil
	}
	return packed.Bytes(), nil
}

// unpackPlan reads what packPlan wrote.
func unpackPlan(p state.Planned) (web.Kept, error) {
	out := web.Kept{Digest: p.Digest}
	if len(p.Body) == 0 {
		return out, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(p.Body))
	if err != nil {
		return out, fmt.Errorf("the plan in the journal: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(z, limit.APIAnswer))
	if err != nil {
		return out, fmt.Errorf("the plan in the journal: %w", err)
	}
	var k keptPlan
	if err := json.Unmarshal(data, &k); err != nil {
		return out, fmt.Errorf("the plan in the journal: %w", err)
	}
	out.JSON, out.Text, out.Markdown, out.Drift, out.DriftFor = k.Plan, k.Text, k.Markdown, k.Drift, k.DriftText
	out.Exits = k.Exits
	return out, nil
}
