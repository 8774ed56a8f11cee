package onar

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
	"google.golang.org/grpc/codes"
)

const (
	minAttempt = 500 * time.Millisecond
	// A node that says nothing for so long is given up for another one. A write may be held for three seconds while there is no writer.
	readAttempt  = 1500 * time.Millisecond
	writeAttempt = 4 * time.Second
	firstPause   = 20 * time.Millisecond
	mostPause    = time.Second
	// shortest is the least time in which another attempt is worth making; of short calls a tenth of their time.
	shortest = 500 * time.Millisecond
)

// request is what a call sends, as often as needed.
type request struct {
	// key routes it; empty when any endpoint will do.
	key   string
	write bool
	// toWriter: the key's writer is the best one to ask, otherwise any replica.
	toWriter bool
	// send makes one attempt and returns the header of its answer. nil: it is enough that an endpoint has shown its cluster.
	send func(context.Context, keyCalls) (*kvv1.Header, error)
}

// bounded gives a context without deadline the client's own time.
func (c *Client) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, has := ctx.Deadline(); has {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, c.timeout)
}

// partitionCount connects if that is still to be done. Never 0 without an error.
func (c *Client) partitionCount(ctx context.Context) (uint32, error) {
	if count := c.nodes.partitionCount(); count != 0 {
		return count, nil
	}
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	if err := c.perform(ctx, request{}); err != nil {
		return 0, err
	}
	return c.nodes.partitionCount(), nil
}

// perform makes attempts, at one endpoint after the other, until one is answered, one is refused for good, or the time is over. ctx
// has a deadline.
//
//  1. Nothing is sent to an endpoint before it has shown its cluster.
//  2. What may pass is tried again, at the next endpoint, after a pause that grows and varies; of writes also what ended unknown:
//     with its id the same request is applied once however often it arrives.
//  3. After an attempt that ended unknown, a refusal speaks for its own copy only: the call stays unknown, unless the cluster has
//     decided the id (failure.decided).
func (c *Client) perform(ctx context.Context, r request) error {
	t := trial{client: c, ctx: ctx, request: r, begun: time.Now(), unmet: make(map[string]*failure)}
	tried := make(map[*endpoint]bool)
	var at *endpoint
	for t.timeIsLeft() {
		at = c.nodes.choose(r, tried, at)
		tried[at] = true
		f, done := t.attempt(at)
		if done {
			return nil
		}
		if f.decided {
			return t.notDone(f)
		}
		if t.hopeless(f) {
			return t.finish()
		}
		t.pause(f)
	}
	return t.finish()
}

// trial is the course of one call.
type trial struct {
	client  *Client
	ctx     context.Context
	request request
	begun   time.Time
	// attempts that were sent, and failures of any kind.
	attempts, failures int
	// late: it ends because the time that is left is too short.
	late bool
	// last is the failure of the last attempt that was sent; unknown the last one that ended unknown.
	last, unknown *failure
	// unmet: endpoints that did not show the cluster, and why; until they do.
	unmet map[string]*failure
}

// timeIsLeft tells whether another attempt is worth making.
func (t *trial) timeIsLeft() bool {
	if t.ctx.Err() != nil || t.client.nodes.isClosed() {
		return false
	}
	if t.failures == 0 {
		return true
	}
	t.late = t.remaining() <= t.tooShort()
	return !t.late
}

func (t *trial) remaining() time.Duration {
	deadline, _ := t.ctx.Deadline()
	return time.Until(deadline)
}

func (t *trial) tooShort() time.Duration {
	deadline, _ := t.ctx.Deadline()
	return min(shortest, deadline.Sub(t.begun)/10)
}

// budget is the time of one attempt: a node that says nothing is given up for another one, or for a connection that works.
func (t *trial) budget() (context.Context, context.CancelFunc) {
	longest := readAttempt
	if t.request.toWriter {
		longest = writeAttempt
	}
	return context.WithTimeout(t.ctx, min(longest, max(minAttempt, t.remaining()/2)))
}

// attempt sends the request to one endpoint, once.
func (t *trial) attempt(to *endpoint) (f *failure, done bool) {
	if f := t.introduce(to); f != nil {
		f.address = to.address
		t.failures++
		t.unmet[to.address] = f
		to.doubt(time.Now(), false)
		return f, false
	}
	delete(t.unmet, to.address)
	if t.request.send == nil {
		return nil, true
	}
	ctx, cancel := t.budget()
	defer cancel()
	asked := time.Now()
	t.attempts++
	header, err := t.request.send(ctx, to.kv)
	if err == nil {
		if f = t.client.nodes.learn(to, header); f == nil {
			t.client.revisions.observe(header.GetRevision(), asked)
			return nil, true
		}
		// Another cluster has come to this address just now, and has executed it.
		f.unknown, f.retryable = t.request.write, true
	} else {
		f = failureOf(err, t.request.write)
		t.client.revisions.observe(f.revision, asked)
	}
	f.address = to.address
	// A caller who gave up soon says nothing about the endpoint.
	if f.retryable && (t.ctx.Err() == nil || time.Since(asked) >= minAttempt) {
		t.client.nodes.failed(to, f, t.request.key)
	}
	t.failures++
	t.last = f
	if f.unknown {
		t.unknown = f
	}
	return f, false
}

func (t *trial) introduce(to *endpoint) *failure {
	if to.node() != 0 {
		return nil
	}
	longest := connectBudget
	others := t.failures < len(t.client.nodes.endpoints())-1
	if others {
		longest = firstConnectBudget
	}
	ctx, cancel := context.WithTimeout(t.ctx, min(longest, max(minAttempt, t.remaining()/2)))
	defer cancel()
	f := to.introduce(ctx, t.client.nodes.accept)
	// gRPC may tell that the time is over a moment before the context does.
	late := ctx.Err() != nil || f != nil && f.code == codes.DeadlineExceeded
	if f != nil && others && late && t.ctx.Err() == nil {
		// It may only be slow: while the next one is asked, it is asked on.
		t.client.nodes.askOn(to)
	}
	return f
}

// hopeless tells whether no further attempt can help.
func (t *trial) hopeless(f *failure) bool {
	if len(t.unmet) == 0 || t.last == f {
		return !f.retryable
	}
	// An endpoint that is of another cluster or no node at all stays out; when they all are, that is the answer.
	if len(t.unmet) < len(t.client.nodes.endpoints()) {
		return false
	}
	for _, why := range t.unmet {
		if why.retryable {
			return false
		}
	}
	return true
}

// pause waits before the next attempt, except where another endpoint can be asked instead of one that is not well.
func (t *trial) pause(f *failure) {
	others := t.failures < len(t.client.nodes.endpoints())
	if others && (f != t.last || t.attempts == 1 && (f.bare || f.reason == ReasonDraining)) {
		return
	}
	wait := mostPause
	if t.failures < 7 {
		wait = min(wait, firstPause<<(t.failures-1))
	}
	wait = wait/2 + rand.N(wait/2)
	if f.retryAfter > 0 {
		// At least what the cluster asks for, and not all callers at the same moment.
		wait = max(wait, f.retryAfter+rand.N(f.retryAfter/4+1))
	}
	// Time for one more attempt is kept, once.
	if left := t.remaining(); left > 2*t.tooShort() {
		wait = min(wait, left-2*t.tooShort())
	} else {
		wait = min(wait, left-t.tooShort())
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-t.ctx.Done():
	case <-t.client.nodes.life.Done():
	}
}

// finish says how a call without answer ended.
func (t *trial) finish() error {
	f := t.cause()
	if t.unknown == nil {
		return t.notDone(f)
	}
	message := t.unknown.message
	if f != t.unknown {
		message = fmt.Sprintf("%s; then: %s", message, f.message)
	}
	reason, status := t.unknown.reason, t.unknown.status()
	if t.client.nodes.isClosed() {
		reason, status = f.reason, f.status()
	}
	return &UnknownError{
		Reason: reason, Code: status, Address: t.unknown.address, Message: message, Attempts: t.attempts, ended: t.ended(),
	}
}

// cause is what made an end of the attempts.
func (t *trial) cause() *failure {
	switch {
	case t.client.nodes.isClosed():
		return &failure{reason: ReasonClosed, message: "the client is closed"}
	case errors.Is(t.ctx.Err(), context.Canceled):
		return &failure{reason: ReasonCancelled, message: "the context was cancelled"}
	case t.last != nil:
		return t.last
	case len(t.unmet) > 0:
		return t.unreachable()
	default:
		return &failure{reason: ReasonDeadlineExceeded, message: "the time was over before anything was sent"}
	}
}

func (t *trial) notDone(f *failure) error {
	return &NotDoneError{
		Reason: f.reason, Code: f.status(), Address: f.address, Message: f.message, Metadata: f.metadata,
		Attempts: t.attempts, ended: t.ended(),
	}
}

// ended is the context's error, or what it will be in a moment.
func (t *trial) ended() error {
	if err := t.ctx.Err(); err != nil || !t.late {
		return err
	}
	return context.DeadlineExceeded
}

// unreachable says why each endpoint is of no use.
func (t *trial) unreachable() *failure {
	all := &failure{reason: ReasonUnreachable}
	var reasons, addresses []string
	for _, endpoint := range t.client.nodes.endpoints() {
		f := t.unmet[endpoint.address]
		if f == nil {
			continue
		}
		if f.reason != ReasonUnreachable && all.reason != ReasonWrongCluster {
			all.reason = f.reason
		}
		addresses = append(addresses, endpoint.address)
		reasons = append(reasons, fmt.Sprintf("%s: %s", endpoint.address, f.message))
	}
	all.message = strings.Join(reasons, "; ")
	all.address = strings.Join(addresses, ", ")
	return all
}
