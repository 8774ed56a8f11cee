package recipes

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	onar "github.com/onar-kv/onar/clients/go"
)

// Lock is held, and renewed until it is released or lost.
type Lock struct {
	// Token grows with every holder. Send it along with everything that is done under the lock.
	Token uint64

	client  *onar.Client
	key     string
	value   []byte
	lease   time.Duration
	version uint64
	until   time.Time
	lost    chan struct{}
	stop    context.CancelFunc
	renewed sync.WaitGroup
}

// Acquire takes the lock if it is free, or if nobody renewed it while this caller watched for its lease. nil without an error: it is held.
func Acquire(ctx context.Context, client *onar.Client, key string, lease time.Duration) (*Lock, error) {
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		return nil, err
	}
	value := []byte(fmt.Sprintf("%s %d", hex.EncodeToString(id), lease.Milliseconds()))
	before, err := client.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	condition := onar.IfAbsent()
	if before.Exists {
		condition = onar.IfVersion(before.Version)
		_, text, _ := strings.Cut(string(before.Value), " ")
		others, err := strconv.Atoi(text)
		if err != nil {
			return nil, fmt.Errorf("%s holds something that is no lock: %w", key, err)
		}
		// No clock is compared with another machine's: this caller has seen the same version for the whole lease itself.
		if err := sleep(ctx, time.Duration(others)*time.Millisecond); err != nil {
			return nil, err
		}
	}
	begun := time.Now()
	taken, err := client.CompareAndSet(ctx, key, condition, value)
	version := taken.Version
	if errors.Is(err, onar.ErrUnknown) {
		// Without a definite answer, the key says who holds the lock.
		var got onar.GetResult
		got, err = client.Get(ctx, key)
		taken.Swapped, version = string(got.Value) == string(value), got.Version
	}
	if err != nil || !taken.Swapped {
		return nil, err
	}
	// The lock outlives the context that it was acquired with.
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	lock := &Lock{
		Token: version, client: client, key: key, value: value, lease: lease, version: version,
		// Counted from before it was asked for, so that it ends here before it ends for others.
		until: begun.Add(lease), lost: make(chan struct{}), stop: stop,
	}
	lock.renewed.Add(1)
	go lock.renew(renewing)
	return lock, nil
}

// Lost is closed when the lock is lost: stop what you do under it.
func (l *Lock) Lost() <-chan struct{} { return l.lost }

// Release gives the lock back. False: it was taken over meanwhile.
func (l *Lock) Release(ctx context.Context) (bool, error) {
	l.stop()
	l.renewed.Wait()
	removed, err := l.client.DeleteIf(ctx, l.key, onar.IfValue(l.value))
	return removed.Deleted, err
}

func (l *Lock) renew(ctx context.Context) {
	defer l.renewed.Done()
	for sleep(ctx, min(l.lease/3, time.Until(l.until))) == nil {
		begun := time.Now()
		if !begun.Before(l.until) {
			close(l.lost)
			return
		}
		within, cancel := context.WithDeadline(ctx, l.until)
		renewed, err := l.client.CompareAndSet(within, l.key, onar.IfVersion(l.version), l.value)
		cancel()
		switch {
		case err != nil:
			continue
		case renewed.Swapped:
			l.until = begun.Add(l.lease)
		case renewed.Found == nil || string(renewed.Found.Value) != string(l.value):
			close(l.lost)
			return
		}
		// Not swapped, but still of this holder: an earlier renewal has happened of which nothing was known.
		l.version = renewed.Version
	}
}

// StoreFenced is what a lock protects: here a register that remembers the highest token it has seen. False: the token is too low.
func StoreFenced(ctx context.Context, client *onar.Client, key string, token uint64, value string) (bool, error) {
	for {
		got, err := client.Get(ctx, key)
		if err != nil {
			return false, err
		}
		condition := onar.IfAbsent()
		if got.Exists {
			condition = onar.IfVersion(got.Version)
			text, _, _ := strings.Cut(string(got.Value), " ")
			seen, err := strconv.ParseUint(text, 10, 64)
			if err != nil || token < seen {
				return false, err
			}
		}
		stored, err := client.CompareAndSet(ctx, key, condition, []byte(fmt.Sprintf("%d %s", token, value)))
		if err != nil || stored.Swapped {
			return stored.Swapped, err
		}
	}
}

// Lead leads whenever nobody else does, until the context is over. work is given the token, and ends when its context is over: the lock is
// lost then, or ctx has ended.
func Lead(ctx context.Context, client *onar.Client, key string, lease time.Duration, work func(ctx context.Context, token uint64)) {
	for ctx.Err() == nil {
		// An error: nobody can be asked just now. That passes.
		lock, err := Acquire(ctx, client, key, lease)
		if err != nil || lock == nil {
			_ = sleep(ctx, lease/10)
			continue
		}
		leading, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			select {
			case <-lock.Lost():
				cancel()
			case <-leading.Done():
			}
		}()
		work(leading, lock.Token)
		cancel()
		<-ended
		// When that fails, it is free after its lease.
		_, _ = lock.Release(context.WithoutCancel(ctx))
	}
}

func sleep(ctx context.Context, wait time.Duration) error {
	timer := time.NewTimer(max(0, wait))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
