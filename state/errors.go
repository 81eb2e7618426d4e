package state

import (
	"errors"
	"fmt"
	"time"
)

// The reasons for which the journal refuses. Test with errors.Is.
var (
	// ErrFenced: a later run of the target has begun; the caller must stop
	// and write nothing more.
	ErrFenced = errors.New("a later run has taken over")
	// ErrLocked: another process writes the target. See LockedError.
	ErrLocked = errors.New("the target is locked")
	// ErrHeld: somebody has put the target on hold, so nothing may be written.
	ErrHeld = errors.New("the target is on hold")
	// ErrAborted: somebody has stopped the run. See AbortedError.
	ErrAborted = errors.New("the run was stopped")
	// ErrDamaged: the file is no longer a sound database. See DamagedError.
	ErrDamaged = errors.New("the journal is damaged")
	// ErrNewer: a newer mlsync has written the journal.
	ErrNewer = errors.New("the journal is of a newer mlsync")
	// ErrForeign: the database belongs to another program.
	ErrForeign = errors.New("the database is not a journal of mlsync")
	// ErrOtherInstallation: the journal is of another installation.
	ErrOtherInstallation = errors.New("the journal is of another installation")
	// ErrOtherTarget: the name of the target stood for another workspace.
	ErrOtherTarget = errors.New("the target is another workspace")
	// ErrNoIntent: there is no open intent of that number.
	ErrNoIntent = errors.New("there is no such open intent")
	// ErrNotFound: there is no such record.
	ErrNotFound = errors.New("not in the journal")
	// ErrNotEmpty: an import needs a journal without targets.
	ErrNotEmpty = errors.New("the journal is not empty")
)

// LockedError says who holds the lock. It is an ErrLocked.
type LockedError struct {
	Target, Holder string
	Since, Until   time.Time
}

// Error names the holder and when the lock ends by itself.
func (e *LockedError) Error() string {
	return fmt.Sprintf("target %q is locked by %s since %s; the lock ends at %s unless it is renewed",
		e.Target, e.Holder, e.Since.UTC().Format(time.RFC3339), e.Until.UTC().Format(time.RFC3339))
}

// Unwrap makes the error an ErrLocked.
func (e *LockedError) Unwrap() error { return ErrLocked }

// DamagedError says what is wrong with the file. It is an ErrDamaged.
type DamagedError struct {
	Path   string
	Detail string
	// RolledBack says that the file is sound and older than it was.
	RolledBack bool
}

// Error says what is wrong and the cure.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("the journal %s is damaged: %s; restore a newer backup, or set the file aside with mlsync state rebuild: "+
		"the journal is then rebuilt from git and the stamps on the assets", e.Path, e.Detail)
}

// Unwrap makes the error an ErrDamaged.
func (e *DamagedError) Unwrap() error { return ErrDamaged }

// HeldError says who put the target on hold and why. It is an ErrHeld.
type HeldError struct {
	Target string
	Hold   Hold
}

// Error names who and why, and when it ends by itself.
func (e *HeldError) Error() string {
	until := ""
	if !e.Hold.Until.IsZero() {
		until = " until " + e.Hold.Until.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("target %q is on hold by %s since %s%s: %s",
		e.Target, e.Hold.By, e.Hold.At.UTC().Format(time.RFC3339), until, e.Hold.Why)
}

// Unwrap makes the error an ErrHeld.
func (e *HeldError) Unwrap() error { return ErrHeld }

// errBusy takes back what was noted of targets that somebody works on.
var errBusy = errors.New("somebody works on the target")
