package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"mlsync.dev/mlsync/internal/forge"
	"mlsync.dev/mlsync/internal/limit"
	"mlsync.dev/mlsync/internal/redact"
	"mlsync.dev/mlsync/state"
)

// posted is what the service with the pull requests is told. It waits in the
// journal until it was, so that neither a kill nor an outage loses it.
type posted struct {
	// Number and Head are the pull request of a comment, and the head that it is
	// about.
	Number int64  `json:"number,omitempty"`
	Head   string `json:"head,omitempty"`
	Marker string `json:"marker,omitempty"`
	Text   string `json:"text,omitempty"`
	// Status is that of a commit; its Commit is "" for comments.
	Status forge.CommitStatus `json:"status"`
}

// postbox keeps what the service is told, and tells it.
type postbox struct {
	store *state.Store
	forge *forge.Forge
	log   *slog.Logger
	now   func() time.Time
	// later lets a lane be delivered.
	later func(ctx context.Context, lane string) error
}

// put keeps something to tell; again tells also what was told before.
func (b *postbox) put(ctx context.Context, key, lane string, p posted, again bool) error {
	body, err := json.Marshal(p)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	changed, err := b.store.Post(ctx, state.Post{Key: key, Lane: lane, Body: body, Digest: hex.EncodeToString(sum[:])}, again)
	if err != nil || !changed {
		return err
	}
	return b.later(ctx, lane)
}

// comment keeps the comment of a pull request, in place of the one before.
func (b *postbox) comment(ctx context.Context, number int64, head, marker, text string) error {
	lane := fmt.Sprintf("pull/%d", number)
	return b.put(ctx, lane+"/comment", lane, posted{Number: number, Head: head, Marker: marker, Text: text}, true)
}

// status keeps the status of a commit. A failure is told each time, all else
// only if it is something else than before.
func (b *postbox) status(ctx context.Context, lane string, s forge.CommitStatus) error {
	s.Description = short(redact.Text(printable(s.Description)), b.forge.Limits().Description)
	failed := s.State == forge.Failure || s.State == forge.Broken
	return b.put(ctx, "status/"+s.Context+"/"+s.Commit, lane, posted{Status: s}, failed)
}

// short cuts a line at so many bytes.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const dots = "…"
	at := most - len(dots)
	for at > 0 && s[at]&0xC0 == 0x80 {
		at--
	}
	return s[:at] + dots
}

// deliver tells what waits in a lane, the oldest first. The error lets the
// queue try again, later each time.
func (b *postbox) deliver(ctx context.Context, lane string) error {
	waits, err := b.store.Posts(ctx, lane)
	if err != nil {
		return err
	}
	for _, w := range waits {
		var p posted
		if err := json.Unmarshal(w.Body, &p); err != nil {
			return err
		}
		err := b.send(ctx, p)
		switch {
		case err == nil:
		case hopeless(err), b.now().Sub(w.At) > limit.PostAge:
			b.log.Error("not told, and given up", "what", w.Key, "err", err)
		default:
			return fmt.Errorf("tell %s: %w", w.Key, err)
		}
		if err := b.store.Posted(context.WithoutCancel(ctx), w); err != nil {
			return err
		}
	}
	return nil
}

// hopeless reports whether the service will never take something.
func hopeless(err error) bool {
	return errors.Is(err, forge.ErrInvalid) || errors.Is(err, forge.ErrRefused) || errors.Is(err, forge.ErrNotFound)
}

func (b *postbox) send(ctx context.Context, p posted) error {
	if p.Status.Commit != "" {
		return b.forge.Status(ctx, p.Status)
	}
	// The head may have moved since, or the pull request been closed: what is
	// old is not said any more.
	now, err := b.forge.Get(ctx, p.Number)
	if err != nil {
		return err
	}
	if !now.Open || now.Commit != p.Head {
		b.log.Info("comment left out: it is about an older head", "pull", p.Number, "head", p.Head)
		return nil
	}
	return b.forge.Comment(ctx, p.Number, p.Marker, p.Text)
}

// sweep delivers what a process that died left, and forgets what is long past.
func (b *postbox) sweep(ctx context.Context) error {
	lanes, err := b.store.Lanes(ctx)
	if err != nil {
		return err
	}
	for _, lane := range lanes {
		err = errors.Join(err, b.later(ctx, lane))
	}
	return errors.Join(err, b.store.ForgetPosts(ctx, b.now().Add(-30*24*time.Hour)))
}
