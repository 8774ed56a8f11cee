package onar

import (
	"sync"
	"time"

	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
)

const (
	// freshFor is how long a revision serves as `after` of new writes. It proves that a request without record never ran, as long as no
	// record above it was forgotten. So an old one is asked for anew: where others write the key often, a request that names it would be
	// refused as expired although it never ran.
	freshFor = time.Second
	// freshWhenBusy replaces it for busyFor after a request of the partition was expired.
	freshWhenBusy = 20 * time.Millisecond
	busyFor       = 10 * time.Second
)

// revisions is what this client has seen of each partition: the highest revision in any answer, and when it was asked for.
type revisions struct {
	mu   sync.Mutex
	seen map[uint32]sighting
}

type sighting struct {
	revision  uint64
	asked     time.Time
	busyUntil time.Time
}

// observe takes the revision of an answer to something asked at that time.
func (r *revisions) observe(message *kvv1.Revision, asked time.Time) {
	if message == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = make(map[uint32]sighting)
	}
	one, known := r.seen[message.GetPartition()]
	switch {
	case !known || message.GetRevision() > one.revision:
		one.revision, one.asked = message.GetRevision(), asked
	case message.GetRevision() == one.revision && asked.After(one.asked):
		one.asked = asked
	default:
		// A replica that lags says nothing new.
		return
	}
	r.seen[message.GetPartition()] = one
}

// expired notes that a request of the partition was refused as expired.
func (r *revisions) expired(partition uint32, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if one, known := r.seen[partition]; known {
		one.busyUntil = now.Add(busyFor)
		r.seen[partition] = one
	}
}

// after returns the highest revision seen of a partition, nil when there is none, and whether it is recent.
func (r *revisions) after(partition uint32, now time.Time) (after *kvv1.Revision, fresh bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one, known := r.seen[partition]
	if !known {
		return nil, false
	}
	longest := freshFor
	if now.Before(one.busyUntil) {
		longest = freshWhenBusy
	}
	return &kvv1.Revision{Partition: partition, Revision: one.revision}, now.Sub(one.asked) < longest
}
