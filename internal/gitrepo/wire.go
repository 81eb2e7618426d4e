package gitrepo

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/sideband"

	"mlsync.dev/mlsync/internal/limit"
)

// wire is the pack protocol, version 0, over anything that carries bytes. The
// library's own sessions are not used because they know neither multi_ack,
// without which Azure DevOps answers nothing, nor a limit of size or time.
type wire struct {
	adv *packp.AdvRefs
	// exchange sends one request and gives the answer.
	exchange func(body []byte) (io.ReadCloser, error)
	end      func()
}

func (w *wire) refs() *packp.AdvRefs { return w.adv }
func (w *wire) close()               { w.end() }

// longestList bounds the list of refs: some hundred thousand of them.
const longestList = limit.RefList

// readRefs reads the list of refs that opens a conversation. An empty
// repository gives a list without references.
func readRefs(r io.Reader) (*packp.AdvRefs, error) {
	adv := packp.NewAdvRefs()
	err := adv.Decode(&limitedReader{r: r, left: longestList})
	var said *pktline.ErrorLine
	switch {
	case errors.Is(err, packp.ErrEmptyAdvRefs):
		return packp.NewAdvRefs(), nil
	case errors.As(err, &said):
		return nil, faultOf(ErrNotFound, said.Text)
	case errors.Is(err, ErrTooLarge) || errors.Is(err, packp.ErrEmptyInput):
		return nil, err
	case err != nil:
		return nil, faultOf(ErrUnreachable, "the answer is not git: "+err.Error())
	}
	if format := adv.Capabilities.Get("object-format"); len(format) == 1 && format[0] != "sha1" {
		return nil, faultOf(ErrInvalid, "repositories with "+format[0]+" object names are not supported")
	}
	return adv, nil
}

func (w *wire) fetch(req fetchRequest, pack io.Writer) (update packp.ShallowUpdate, err error) {
	up := packp.NewUploadRequest()
	up.Wants, up.Shallows = req.wants, req.shallows
	multi := []capability.Capability{capability.MultiACKDetailed, capability.MultiACK}
	if err := w.agree(up.Capabilities, multi...); err != nil {
		return update, err
	}
	if err := w.agree(up.Capabilities, capability.Sideband64k, capability.Sideband); err != nil {
		return update, err
	}
	for _, c := range []capability.Capability{capability.OFSDelta, capability.NoProgress} {
		if err := w.agree(up.Capabilities, c); err != nil {
			return update, err
		}
	}
	shallow := w.adv.Capabilities.Supports(capability.Shallow) && (req.depth > 0 || len(req.shallows) > 0)
	if shallow {
		up.Depth = packp.DepthCommits(req.depth)
		if err := up.Capabilities.Set(capability.Shallow); err != nil {
			return update, err
		}
	}
	var body bytes.Buffer
	if err := errors.Join(up.Encode(&body),
		(&packp.UploadHaves{Haves: req.haves}).Encode(&body, false),
		pktline.NewEncoder(&body).EncodeString("done\n")); err != nil {
		return update, err
	}
	answer, err := w.exchange(body.Bytes())
	if err != nil {
		return update, err
	}
	defer func() { err = errors.Join(err, answer.Close()) }()
	buffered := bufio.NewReader(answer)
	if shallow && req.depth > 0 {
		if err := update.Decode(buffered); err != nil {
			return update, answerFault(err)
		}
	}
	if err := skipAcknowledgements(buffered); err != nil {
		return update, err
	}
	_, err = io.Copy(pack, demultiplex(up.Capabilities, buffered))
	return update, answerFault(err)
}

// agree takes the first of the capabilities that the remote offers, if any.
func (w *wire) agree(list *capability.List, wanted ...capability.Capability) error {
	for _, c := range wanted {
		if w.adv.Capabilities.Supports(c) {
			return list.Set(c)
		}
	}
	return nil
}

// skipAcknowledgements reads past ACK and NAK lines, of which servers send
// different numbers, up to the first line of the pack.
func skipAcknowledgements(r *bufio.Reader) error {
	for {
		head, err := r.Peek(8)
		if err != nil {
			return faultOf(ErrUnreachable, "the answer ends before the pack")
		}
		word := string(head[4:])
		switch {
		case string(head[:4]) == "PACK", word[0] == 1, word[0] == 2, word[0] == 3:
			return nil
		case word == "NAK\n", word == "ACK ", word == "ERR ":
		default:
			return faultOf(ErrUnreachable, "the answer is not git")
		}
		line := pktline.NewScanner(r)
		if !line.Scan() {
			return answerFault(line.Err())
		}
	}
}

func demultiplex(caps *capability.List, r io.Reader) io.Reader {
	switch {
	case caps.Supports(capability.Sideband64k):
		return sideband.NewDemuxer(sideband.Sideband64k, r)
	case caps.Supports(capability.Sideband):
		return sideband.NewDemuxer(sideband.Sideband, r)
	default:
		return r
	}
}

// answerFault gives the words of an ERR line a kind.
func answerFault(err error) error {
	var said *pktline.ErrorLine
	if errors.As(err, &said) {
		return faultOf(ErrNotFound, said.Text)
	}
	return err
}

func (w *wire) push(req pushRequest) error {
	up := packp.NewReferenceUpdateRequestFromCapabilities(w.adv.Capabilities)
	if err := w.agree(up.Capabilities, capability.Sideband64k, capability.Sideband); err != nil {
		return err
	}
	up.Commands = []*packp.Command{{Name: req.branch, Old: req.old, New: req.new}}
	var pack bytes.Buffer
	if err := req.store.pack(&pack, req.objects); err != nil {
		return err
	}
	up.Packfile = io.NopCloser(&pack)
	var body bytes.Buffer
	if err := up.Encode(&body); err != nil {
		return err
	}
	answer, err := w.exchange(body.Bytes())
	if err != nil {
		return err
	}
	defer answer.Close()
	if !up.Capabilities.Supports(capability.ReportStatus) {
		return nil // the caller looks at the branch again
	}
	report := packp.NewReportStatus()
	if err := report.Decode(demultiplex(up.Capabilities, answer)); err != nil {
		return faultOf(ErrUnreachable, "no report on the push: "+err.Error())
	}
	if err := report.Error(); err != nil {
		return faultOf(ErrRejected, err.Error())
	}
	return nil
}

// pack writes the objects as a pack without deltas: they are few and new.
func (s *store) pack(w io.Writer, objects []plumbing.Hash) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := packfile.NewEncoder(w, s.objects, false).Encode(slices.Clone(objects), 0)
	return err
}
