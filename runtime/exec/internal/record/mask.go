package record

import (
	"bytes"
	"sort"
)

const mask = "[MASKED]"

// Masker replaces secrets in a stream. It holds back only what may turn out to be the beginning of a secret. Secrets
// that overlap become one mask.
type Masker struct {
	secrets  [][]byte
	held     []byte
	covered  int // So many bytes of held belong to a mask that was written.
	released []byte
}

// NewMasker takes the secrets; empty ones are left out.
func NewMasker(secrets []string) *Masker {
	masker := &Masker{}
	for _, secret := range secrets {
		if secret != "" {
			masker.secrets = append(masker.secrets, []byte(secret))
		}
	}
	return masker
}

// Mask gives what of the stream is known to be no secret after chunk. The result is good until the next call.
func (masker *Masker) Mask(chunk []byte) []byte {
	if len(masker.secrets) == 0 {
		return chunk
	}
	masker.held = append(masker.held, chunk...)
	return masker.release(masker.settled())
}

// Flush gives what was held back: the stream has ended.
func (masker *Masker) Flush() []byte {
	return masker.release(len(masker.held))
}

type span struct{ start, end int }

// release gives the first bytes of held, with masks where secrets begin in them.
func (masker *Masker) release(settled int) []byte {
	masker.released = masker.released[:0]
	done, covered := min(masker.covered, settled), masker.covered
	for _, found := range masker.find() {
		if found.start >= settled {
			break
		}
		if found.start >= covered {
			masker.released = append(masker.released, masker.held[done:found.start]...)
			masker.released = append(masker.released, mask...)
		}
		covered = max(covered, found.end)
		done = min(covered, settled)
	}
	masker.released = append(masker.released, masker.held[done:settled]...)
	masker.held = masker.held[:copy(masker.held, masker.held[settled:])]
	masker.covered = max(covered-settled, 0)
	return masker.released
}

// find gives all places of secrets in held, by their start.
func (masker *Masker) find() []span {
	var spans []span
	for _, secret := range masker.secrets {
		for from := 0; ; {
			at := bytes.Index(masker.held[from:], secret)
			if at < 0 {
				break
			}
			spans = append(spans, span{from + at, from + at + len(secret)})
			from += at + 1
		}
	}
	sort.Slice(spans, func(left, right int) bool { return spans[left].start < spans[right].start })
	return spans
}

// settled counts the bytes of held before the first place where a secret may have begun that is not complete.
func (masker *Masker) settled() int {
	settled := len(masker.held)
	for _, secret := range masker.secrets {
		for start := max(0, len(masker.held)-len(secret)+1); start < settled; start++ {
			next := bytes.IndexByte(masker.held[start:settled], secret[0])
			if next < 0 {
				break
			}
			start += next
			if bytes.HasPrefix(secret, masker.held[start:]) {
				settled = start
			}
		}
	}
	return settled
}
