package onar_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	onar "github.com/onar-kv/onar/clients/go"
	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// streamKind is what a server makes of streams.
type streamKind int

const (
	unknownStreams streamKind = iota
	servedStreams
	// unsaidStreams are served without saying so, as by something between that knows better.
	unsaidStreams
	// keptStreams never get as far as the server.
	keptStreams
)

func (s *server) Pipeline(wire kvv1.KeyValueService_PipelineServer) error {
	s.mu.Lock()
	kind, broken := s.streams, s.broken
	s.opened++
	s.mu.Unlock()
	header := metadata.MD{}
	switch kind {
	case unknownStreams:
		return status.Error(codes.Unimplemented, "no such method")
	case keptStreams:
		<-wire.Context().Done()
		return nil
	case servedStreams:
		header.Set("onar-pipeline", "1")
	}
	if err := wire.SendHeader(header); err != nil {
		return err
	}
	var sending sync.Mutex
	requests := make(chan *kvv1.PipelineRequest)
	go func() {
		defer close(requests)
		for {
			request, err := wire.Recv()
			if err != nil {
				return
			}
			select {
			case requests <- request:
			case <-wire.Context().Done():
				return
			}
		}
	}()
	for {
		select {
		case <-broken:
			return status.Error(codes.Internal, "broken by the test")
		case request, more := <-requests:
			if !more {
				return nil
			}
			s.mu.Lock()
			s.streamed++
			s.timeouts = append(s.timeouts, request.GetTimeoutMs())
			s.mu.Unlock()
			go func() {
				response := s.answer(wire.Context(), request)
				sending.Lock()
				defer sending.Unlock()
				_ = wire.Send(response)
			}()
		}
	}
}

func (s *server) answer(ctx context.Context, request *kvv1.PipelineRequest) *kvv1.PipelineResponse {
	response := &kvv1.PipelineResponse{Tag: request.GetTag()}
	switch r := request.GetRequest().(type) {
	case *kvv1.PipelineRequest_Get:
		answer, _ := s.Get(ctx, r.Get)
		response.Response = &kvv1.PipelineResponse_Get{Get: answer}
	case *kvv1.PipelineRequest_Put:
		answer, _ := s.Put(ctx, r.Put)
		response.Response = &kvv1.PipelineResponse_Put{Put: answer}
	case *kvv1.PipelineRequest_CompareAndSet:
		answer, _ := s.CompareAndSet(ctx, r.CompareAndSet)
		response.Response = &kvv1.PipelineResponse_CompareAndSet{CompareAndSet: answer}
	case *kvv1.PipelineRequest_Add:
		answer, _ := s.Add(ctx, r.Add)
		response.Response = &kvv1.PipelineResponse_Add{Add: answer}
	}
	return response
}

// breakStreams ends all streams, and serves no more.
func (s *server) breakStreams() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams = unknownStreams
	close(s.broken)
}

func (s *server) streamCounts() (opened, streamed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.opened, s.streamed
}

func (s *server) serveStreams(kind streamKind) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.streams = kind
}

// ride waits until calls ride the stream.
func ride(t testing.TB, client *onar.Client, s *server) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if _, err := client.Put(context.Background(), "riding", []byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, streamed := s.streamCounts(); streamed > 0 {
			return
		}
	}
	t.Fatal("no call rides the stream")
}

func dialed(t testing.TB, s *server, options onar.Options) *onar.Client {
	t.Helper()
	options.Endpoints = []string{s.address}
	client, err := onar.Dial(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestCallsRideOneStreamEachWithItsTime(t *testing.T) {
	s := newServer(t)
	s.serveStreams(servedStreams)
	client := dialed(t, s, onar.Options{})
	ride(t, client, s)
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_, before := s.streamCounts()
	var all sync.WaitGroup
	for i := range 200 {
		all.Add(1)
		go func() {
			defer all.Done()
			if added, err := client.Add(ctx, fmt.Sprintf("n%d", i%50), 1); err != nil || !added.NumberKnown {
				t.Errorf("%v %v", added, err)
			}
		}()
	}
	all.Wait()
	opened, streamed := s.streamCounts()
	if opened != 1 || streamed-before < 200 {
		t.Errorf("%d streams, %d requests", opened, streamed-before)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, timeout := range s.timeouts[before:] {
		if timeout == 0 || timeout > 3_000 {
			t.Errorf("a time of %d ms on the wire", timeout)
		}
	}
}

func TestALongValueIsACallOfItsOwn(t *testing.T) {
	s := newServer(t)
	s.serveStreams(servedStreams)
	client := dialed(t, s, onar.Options{})
	ride(t, client, s)
	_, before := s.streamCounts()
	if _, err := client.Put(context.Background(), "riding", bytes.Repeat([]byte("x"), 65_537)); err != nil {
		t.Fatal(err)
	}
	if _, after := s.streamCounts(); after != before {
		t.Errorf("%d requests rode the stream", after-before)
	}
}

func TestCallsAreCallsOfTheirOwnWhereTheWayHasNoStream(t *testing.T) {
	for name, one := range map[string]struct {
		kind   streamKind
		option bool
		opened int
	}{
		"unknown":    {unknownStreams, false, 1},
		"unsaid":     {unsaidStreams, false, 1},
		"kept back":  {keptStreams, false, 1},
		"not wanted": {servedStreams, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServer(t)
			s.serveStreams(one.kind)
			client := dialed(t, s, onar.Options{WithoutStream: one.option})
			for range 50 {
				if _, err := client.Put(context.Background(), "k", []byte("x")); err != nil {
					t.Fatal(err)
				}
			}
			if opened, streamed := s.streamCounts(); streamed != 0 || opened > one.opened {
				t.Errorf("%d streams, %d requests on them", opened, streamed)
			}
		})
	}
}

func TestAWriteWhoseStreamBreaksIsSentAgainWithItsId(t *testing.T) {
	s := newServer(t)
	s.serveStreams(servedStreams)
	client := dialed(t, s, onar.Options{})
	ride(t, client, s)
	hold := make(chan struct{})
	s.mu.Lock()
	s.hold = hold
	before := len(s.requests)
	s.mu.Unlock()
	answered := make(chan error, 1)
	go func() {
		_, err := client.Put(context.Background(), "riding", []byte("again"))
		answered <- err
	}()
	for len(s.came()) == before {
		runtime.Gosched()
	}
	s.breakStreams()
	for len(s.came()) < before+2 {
		runtime.Gosched()
	}
	close(hold)
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	var ids [][]byte
	for _, request := range s.came()[before:] {
		if put, is := request.(*kvv1.PutRequest); is {
			ids = append(ids, put.GetRequestId())
		}
	}
	if len(ids) != 2 || !bytes.Equal(ids[0], ids[1]) {
		t.Errorf("ids %x", ids)
	}
}

func TestASilentStreamIsLeft(t *testing.T) {
	s := newServer(t)
	s.serveStreams(servedStreams)
	client := dialed(t, s, onar.Options{})
	ride(t, client, s)
	s.holdWrites(t)
	opened, _ := s.streamCounts()
	ctx, cancel := context.WithTimeout(context.Background(), 2500*time.Millisecond)
	defer cancel()
	if _, err := client.Put(ctx, "riding", []byte("x")); err == nil {
		t.Fatal("it was held")
	}
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
		if _, err := client.Get(context.Background(), "riding"); err != nil {
			t.Fatal(err)
		}
		if now, _ := s.streamCounts(); now > opened {
			return
		}
	}
	t.Error("no other stream was opened")
}

// BenchmarkPut measures the CPU of each call, at 64 and at 1,024 calls in flight. With ONAR_ENDPOINTS, those of a real cluster with commas
// between them, it is the client's own; otherwise the server is in this process, and what it takes is among it.
func BenchmarkPut(b *testing.B) {
	for _, inFlight := range []int{64, 1_024} {
		for _, without := range []bool{false, true} {
			name := map[bool]string{false: "stream", true: "unary"}[without]
			b.Run(fmt.Sprintf("%s-%d", name, inFlight), func(b *testing.B) {
				benchmark(b, inFlight, onar.Options{WithoutStream: without})
			})
		}
	}
}

func benchmark(b *testing.B, inFlight int, options onar.Options) {
	if endpoints := os.Getenv("ONAR_ENDPOINTS"); endpoints != "" {
		options.Endpoints = strings.Split(endpoints, ",")
	} else {
		s, err := startServer()
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(s.stop)
		s.serveStreams(servedStreams)
		options.Endpoints = []string{s.address}
	}
	client, err := onar.Dial(context.Background(), options)
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for i := range 200 {
		if _, err := client.Put(context.Background(), fmt.Sprintf("warm%d", i), nil); err != nil {
			b.Fatal(err)
		}
	}
	value := bytes.Repeat([]byte("v"), 100)
	var next sync.Mutex
	keys := 0
	before := cpu()
	b.SetParallelism(inFlight / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(turn *testing.PB) {
		next.Lock()
		keys++
		key := fmt.Sprintf("key%d", keys)
		next.Unlock()
		for turn.Next() {
			if _, err := client.Put(context.Background(), key, value); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
}

// cpu is what this process has used.
func cpu() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
