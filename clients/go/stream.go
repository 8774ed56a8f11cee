package onar

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// mostInFlight is what a node works on at a time (docs/api.md).
	mostInFlight = 1_024
	// A stream without a call for streamIdle is ended, and one that nobody has served by then.
	streamIdle = 30 * time.Second
	// leastSilence is the shortest time without an answer that speaks against a stream.
	leastSilence = time.Second
	// served is the header by which a node says that it serves the stream.
	served = "onar-pipeline"
)

var errNotServed = errors.New("the stream is not served")

// stream carries calls of one node (Pipeline); answers find their call by its tag.
//
//  1. At most mostInFlight calls are sent and not answered. One whose caller has gone keeps its place until it is answered.
//  2. When the stream ends, those that were sent and not answered end with a bare status: each may have been executed.
//  3. A stream that says nothing for as long as one of its calls waits is left: it takes no further calls.
type stream struct {
	wire   grpc.BidiStreamingClient[kvv1.PipelineRequest, kvv1.PipelineResponse]
	cancel context.CancelFunc
	over   context.Context
	// places has a token for each call that may still be sent.
	places chan struct{}
	out    chan *kvv1.PipelineRequest

	mu      sync.Mutex
	tag     uint64
	waiting map[uint64]chan *kvv1.PipelineResponse
	answers uint64
	usedAt  time.Time
	left    bool
	// why it was left.
	why string
}

// openStream returns once the node has said that it serves the stream.
func openStream(client kvv1.KeyValueServiceClient) (*stream, error) {
	ctx, cancel := context.WithCancel(context.Background())
	late := time.AfterFunc(streamIdle, cancel)
	wire, err := client.Pipeline(ctx)
	if err == nil {
		var header map[string][]string
		header, err = wire.Header()
		if err == nil && len(header[served]) == 0 {
			err = errNotServed
		}
	}
	if !late.Stop() && err == nil {
		err = errNotServed
	}
	if err != nil {
		cancel()
		return nil, err
	}
	s := &stream{
		wire: wire, cancel: cancel, over: ctx, usedAt: time.Now(),
		places:  make(chan struct{}, mostInFlight),
		out:     make(chan *kvv1.PipelineRequest, mostInFlight),
		waiting: make(map[uint64]chan *kvv1.PipelineResponse),
	}
	return s, nil
}

// takesCalls is false once it was left or has ended.
func (s *stream) takesCalls() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.left
}

// call sends a request and waits for its answer. Its errors are statuses, as those of a call of its own.
func (s *stream) call(ctx context.Context, request *kvv1.PipelineRequest) (*kvv1.PipelineResponse, error) {
	select {
	case s.places <- struct{}{}:
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	case <-s.over.Done():
		return nil, s.ended()
	}
	if deadline, has := ctx.Deadline(); has {
		request.TimeoutMs = uint32(min(max(time.Until(deadline).Milliseconds(), 1), 1<<31))
	}
	answer := make(chan *kvv1.PipelineResponse, 1)
	s.mu.Lock()
	s.tag++
	request.Tag = s.tag
	s.waiting[request.Tag] = answer
	sentAt := time.Now()
	s.usedAt = sentAt
	answers := s.answers
	s.mu.Unlock()
	// There is room for as many as there are places.
	s.out <- request
	select {
	case response := <-answer:
		return response, nil
	case <-ctx.Done():
		s.givenUp(sentAt, answers)
		return nil, status.FromContextError(ctx.Err()).Err()
	case <-s.over.Done():
		select {
		case response := <-answer:
			return response, nil
		default:
			return nil, s.ended()
		}
	}
}

// givenUp notes that a caller waits no longer, who has sent its request when there were so many answers.
func (s *stream) givenUp(sentAt time.Time, answers uint64) {
	s.mu.Lock()
	silent := s.answers == answers && time.Since(sentAt) >= leastSilence
	s.mu.Unlock()
	if silent {
		s.leave("the node says nothing on it")
	}
}

// leave ends the stream from here. Calls on it go on elsewhere.
func (s *stream) leave(why string) {
	s.mu.Lock()
	if !s.left {
		s.left, s.why = true, why
	}
	s.mu.Unlock()
	s.cancel()
}

func (s *stream) ended() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return status.Error(codes.Unavailable, "the stream ended: "+s.why)
}

// receive takes answers until the stream ends. It tells whether somebody else has ended it under calls.
func (s *stream) receive() bool {
	sending := make(chan struct{})
	go func() {
		defer close(sending)
		s.send()
	}()
	defer func() { <-sending }()
	for {
		response, err := s.wire.Recv()
		if err != nil {
			why := "with OK"
			if !errors.Is(err, io.EOF) {
				why = printable(status.Convert(err).Message())
			}
			return s.end(why)
		}
		s.mu.Lock()
		answer := s.waiting[response.GetTag()]
		delete(s.waiting, response.GetTag())
		s.answers++
		s.mu.Unlock()
		if answer != nil {
			<-s.places
			answer <- response
		}
	}
}

// send writes requests until the stream ends, and ends it when it has been idle for long.
func (s *stream) send() {
	idle := time.NewTicker(streamIdle)
	defer idle.Stop()
	for {
		select {
		case request := <-s.out:
			// An error is told by Recv, too.
			if s.wire.Send(request) != nil {
				return
			}
		case <-idle.C:
			s.mu.Lock()
			unused := len(s.waiting) == 0 && time.Since(s.usedAt) >= streamIdle
			s.mu.Unlock()
			if unused {
				s.leave("it was not used")
			}
		case <-s.over.Done():
			return
		}
	}
}

func (s *stream) end(why string) bool {
	s.mu.Lock()
	hurt := !s.left && len(s.waiting) > 0
	s.mu.Unlock()
	s.leave(why)
	return hurt
}

// streamBox holds the stream of a lane, and knows when another one may be tried.
type streamBox struct {
	mu      sync.Mutex
	current *stream
	opening bool
	closed  bool
	from    time.Time
	pause   time.Duration
}

// now is the stream that takes calls; nil: none.
func (b *streamBox) now() *stream {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.current == nil || !b.current.takesCalls() {
		return nil
	}
	return b.current
}

// begin tells whether a stream should be opened, and notes that it is.
func (b *streamBox) begin(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.opening || b.closed || now.Before(b.from) {
		return false
	}
	b.opening = true
	return true
}

func (b *streamBox) serves(s *stream) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		s.leave("the client is closed")
	}
	b.current = s
}

// ended without harm: another one may be tried at once.
func (b *streamBox) ended() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current, b.opening = nil, false
}

func (b *streamBox) failed(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.current, b.opening = nil, false
	b.pause = min(max(2*b.pause, firstStreamPause), mostStreamPause)
	b.from = now.Add(b.pause)
}

// reset forgets failures: the connection is another one.
func (b *streamBox) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pause, b.from = 0, time.Time{}
}

func (b *streamBox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	if b.current != nil {
		b.current.leave("the client is closed")
	}
}
