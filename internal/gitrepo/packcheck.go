package gitrepo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"mlsync.dev/mlsync/internal/limit"
)

// checkPack refuses a pack with an object that is too large, or whose objects
// have more than most bytes together. It unpacks everything and keeps nothing.
func checkPack(raw io.ReadSeeker, most int64) error {
	size, err := raw.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return err
	}
	if _, err := raw.Seek(0, io.SeekStart); err != nil {
		return err
	}
	scan := packfile.NewScanner(raw)
	_, count, err := scan.Header()
	total := int64(0)
	for range count {
		var n int64
		if n, err = objectSize(scan); err != nil {
			break
		}
		if total += n; n > limit.GitObject || total > most {
			return fmt.Errorf("pack with objects of %d bytes, %d together: %w", n, total, ErrTooLarge)
		}
	}
	if err != nil && !errors.Is(err, ErrTooLarge) {
		return faultOf(ErrUnreachable, "bad pack: "+err.Error())
	}
	return err
}

// objectSize is the size of the next object, of a delta that of what it makes.
func objectSize(scan *packfile.Scanner) (int64, error) {
	h, err := scan.NextObjectHeader()
	if err != nil {
		return 0, err
	}
	if h.Length > limit.GitObject {
		return h.Length, nil
	}
	start := &firstBytes{}
	if _, _, err := scan.NextObject(start); err != nil {
		return 0, err
	}
	if h.Type != plumbing.OFSDeltaObject && h.Type != plumbing.REFDeltaObject {
		return h.Length, nil
	}
	// A delta begins with the sizes of its base and of what it makes.
	r := bytes.NewReader(start.kept)
	for range 2 {
		n, err := binary.ReadUvarint(r)
		if err != nil {
			return 0, errors.New("a delta without sizes")
		}
		h.Length = int64(min(n, 1<<62))
	}
	return h.Length, nil
}

// firstBytes keeps the first bytes that are written.
type firstBytes struct{ kept []byte }

func (h *firstBytes) Write(p []byte) (int, error) {
	if room := 2*binary.MaxVarintLen64 - len(h.kept); room > 0 {
		h.kept = append(h.kept, p[:min(room, len(p))]...)
	}
	return len(p), nil
}
