package main

import (
	"mlsync.dev/mlsync/asset"
)

// promotionJSON is the result for machines.
type promotionJSON struct {
	Format  string         `json:"format"`
	Release string         `json:"release"`
	Targets []promotionRow `json:"targets"`
	Files   []string       `json:"files"`
	// Done is nothing, shown, written, pushed or proposed; "" if it was
	// refused.
	Done   string `json:"done"`
	Branch string `json:"branch,omitempty"`
	Commit string `json:"commit,omitempty"`
	URL    string `json:"url,omitempty"`
}

type promotionRow struct {
	Target  string       `json:"target"`
	Moves   []moveRow    `json:"moves"`
	Stays   []stayRow    `json:"stays"`
	Blocked []blockedRow `json:"blocked"`
}

type moveRow struct {
	ID     asset.ID `json:"id"`
	What   string   `json:"what"`
	File   string   `json:"file"`
	Digest string   `json:"digest"`
	Files  int      `json:"files"`
	Bytes  int64    `json:"bytes"`
}

type stayRow struct {
	ID    asset.ID     `json:"id"`
	Field string       `json:"field"`
	Value *asset.Value `json:"value"`
	From  string       `json:"from"`
	Left  string       `json:"left,omitempty"`
}

type blockedRow struct {
	ID   asset.ID `json:"id"`
	Why  string   `json:"why"`
	Cure string   `json:"cure,omitempty"`
	Have string   `json:"have,omitempty"`
	Want string   `json:"want,omitempty"`
}

func (p *promotion) rows() []promotionRow {
	out := []promotionRow{}
	for _, one := range p.plans {
		row := promotionRow{Target: one.Target, Moves: []moveRow{}, Stays: []stayRow{}, Blocked: []blockedRow{}}
		for _, m := range one.Moves {
			row.Moves = append(row.Moves, moveRow{m.ID, m.What, m.File, m.Digest, m.Files, m.Bytes})
		}
		for _, k := range one.Kept {
			row.Stays = append(row.Stays, stayRow(k))
		}
		for _, b := range one.Blocked {
			row.Blocked = append(row.Blocked, blockedRow(b))
		}
		out = append(out, row)
	}
	return out
}
