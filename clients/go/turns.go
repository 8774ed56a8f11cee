package onar

import (
	"context"
	"sync"
)

// writesPerKey bounds the writes of one client on one key that are under way at a time. The cluster keeps the records of a key's last
// requests only (at most 128), and a request that is decided when more than that came since its `after` cannot be told from a repeated
// one. Further writes wait, in order. Eight such clients on one key fit beside each other.
//
// A client does not know how many others write the key. When one of its writes was expired there are many, and it makes do with one at a
// time until nobody here writes the key for a moment.
const writesPerKey = 8

// turns of writes, by key.
type turns struct {
	mu   sync.Mutex
	keys map[string]*turn
}

type turn struct {
	taken, limit int
	// waiting writes; each is given its turn by closing its channel.
	waiting []chan struct{}
}

// take waits for a turn; false when the context ends or the client is closed first. Whoever takes one passes it.
func (t *turns) take(ctx context.Context, closed <-chan struct{}, key string) bool {
	t.mu.Lock()
	if t.keys == nil {
		t.keys = make(map[string]*turn)
	}
	its := t.keys[key]
	if its == nil {
		its = &turn{limit: writesPerKey}
		t.keys[key] = its
	}
	if its.taken < its.limit {
		its.taken++
		t.mu.Unlock()
		return true
	}
	given := make(chan struct{})
	its.waiting = append(its.waiting, given)
	t.mu.Unlock()
	select {
	case <-given:
		return true
	case <-ctx.Done():
	case <-closed:
	}
	t.mu.Lock()
	for i, one := range its.waiting {
		if one == given {
			its.waiting = append(its.waiting[:i], its.waiting[i+1:]...)
			t.mu.Unlock()
			return false
		}
	}
	t.mu.Unlock()
	// It was given at the same moment.
	t.pass(key)
	return false
}

// pass gives a turn that was taken to the next in line.
func (t *turns) pass(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	its := t.keys[key]
	if its.taken <= its.limit && len(its.waiting) > 0 {
		close(its.waiting[0])
		its.waiting = its.waiting[1:]
		return
	}
	its.taken--
	if its.taken == 0 {
		delete(t.keys, key)
	}
}

// expired notes that a write on the key, whose turn is not passed yet, was refused as expired.
func (t *turns) expired(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.keys[key].limit = 1
}
