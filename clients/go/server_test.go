package onar_test

import (
	"context"
	"crypto/sha256"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
	reconfigurationv1 "github.com/onar-kv/onar/gen/go/onar/reconfiguration/v1"
	"google.golang.org/grpc"
)

// server is a node of one, in memory: enough of one for what these tests say. How the client meets failures and what goes over the
// wire is tested by the shared cases (test/clients).
type server struct {
	kvv1.UnimplementedKeyValueServiceServer
	reconfigurationv1.UnimplementedReconfigurationServiceServer
	address string
	stop    func()

	mu       sync.Mutex
	entries  map[string]*kvv1.Entry
	revision uint64
	// requests are those that came, in order.
	requests []any
	// hold, if not nil, is waited for before a write is answered.
	hold chan struct{}
	// silent servers do not tell their view.
	silent bool
	// streams says what becomes of streams: unknown methods, if nothing is said.
	streams streamKind
	// opened counts streams, streamed the requests on them; broken ends the streams that there are.
	opened, streamed int
	timeouts         []uint32
	broken           chan struct{}
	// patient counts the questions for it that leave more time than a call waits for the first of several endpoints.
	patient int
}

func startServer() (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{
		entries: make(map[string]*kvv1.Entry), revision: 100, address: listener.Addr().String(), broken: make(chan struct{}),
	}
	g := grpc.NewServer()
	kvv1.RegisterKeyValueServiceServer(g, s)
	reconfigurationv1.RegisterReconfigurationServiceServer(g, s)
	go func() { _ = g.Serve(listener) }()
	s.stop = g.Stop
	return s, nil
}

func newServer(t *testing.T) *server {
	t.Helper()
	s, err := startServer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.stop)
	return s
}

var clusterID = []byte("0123456789abcdef")

func (s *server) GetView(ctx context.Context, _ *reconfigurationv1.GetViewRequest) (*reconfigurationv1.GetViewResponse, error) {
	s.mu.Lock()
	if deadline, has := ctx.Deadline(); has && time.Until(deadline) > 250*time.Millisecond {
		s.patient++
	}
	silent := s.silent
	s.mu.Unlock()
	if silent {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &reconfigurationv1.GetViewResponse{
		Header: &kvv1.Header{ClusterId: clusterID, NodeId: 1, ViewEpoch: 1},
		View:   &reconfigurationv1.View{Epoch: 1, ClusterId: clusterID, PartitionCount: 256},
	}, nil
}

// header needs the lock.
func (s *server) header(key []byte) *kvv1.Header {
	position := sha256.Sum256(append(make([]byte, 4), key...))
	revision := &kvv1.Revision{Partition: uint32(position[0]), Revision: s.revision}
	return &kvv1.Header{ClusterId: clusterID, NodeId: 1, ViewEpoch: 1, Revision: revision, GroupEpoch: 1, WriterNodeId: 1}
}

func (s *server) Get(_ context.Context, request *kvv1.GetRequest) (*kvv1.GetResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, request)
	return &kvv1.GetResponse{
		Header: s.header(request.GetKey()), Entry: s.entries[string(request.GetKey())],
		Consistency: kvv1.Consistency_CONSISTENCY_LINEARIZABLE,
	}, nil
}

func (s *server) Put(_ context.Context, request *kvv1.PutRequest) (*kvv1.PutResponse, error) {
	s.mu.Lock()
	hold := s.hold
	s.requests = append(s.requests, request)
	s.mu.Unlock()
	if hold != nil {
		<-hold
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	version := s.store(request.GetKey(), request.GetValue())
	return &kvv1.PutResponse{Header: s.header(request.GetKey()), Version: version}, nil
}

func (s *server) CompareAndSet(_ context.Context, request *kvv1.CompareAndSetRequest) (*kvv1.CompareAndSetResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if found := s.entries[string(request.GetKey())]; found.GetVersion() != request.GetCondition().GetVersion() {
		return &kvv1.CompareAndSetResponse{Header: s.header(request.GetKey()), Version: found.GetVersion(), Found: found}, nil
	}
	version := s.store(request.GetKey(), request.GetValue())
	return &kvv1.CompareAndSetResponse{Header: s.header(request.GetKey()), Swapped: true, Version: version}, nil
}

func (s *server) Add(_ context.Context, request *kvv1.AddRequest) (*kvv1.AddResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	number, _ := strconv.ParseInt(string(s.entries[string(request.GetKey())].GetValue()), 10, 64)
	number += request.GetDelta()
	version := s.store(request.GetKey(), []byte(strconv.FormatInt(number, 10)))
	return &kvv1.AddResponse{Header: s.header(request.GetKey()), Version: version, Number: &number}, nil
}

// store needs the lock.
func (s *server) store(key, value []byte) uint64 {
	s.revision++
	s.entries[string(key)] = &kvv1.Entry{Value: value, Version: s.revision}
	return s.revision
}

func (s *server) patientViews() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.patient
}

func (s *server) came() []any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]any(nil), s.requests...)
}

// holdWrites leaves writes unanswered until the test ends.
func (s *server) holdWrites(t *testing.T) {
	t.Helper()
	hold := make(chan struct{})
	s.mu.Lock()
	s.hold = hold
	s.mu.Unlock()
	t.Cleanup(func() { close(hold) })
}
