package onar

import (
	"context"
	"sync"
	"time"

	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
	reconfigurationv1 "github.com/onar-kv/onar/gen/go/onar/reconfiguration/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
)

const (
	// connectBudget bounds the wait for one endpoint.
	connectBudget = 2 * time.Second
	// firstConnectBudget bounds it while others were not asked yet: then the next one is asked as well.
	firstConnectBudget = 250 * time.Millisecond
	// suspectFor is how long an endpoint that failed is left for others.
	suspectFor = time.Second
)

// endpoint is one address and what this client knows of it.
//
// Nothing is sent there before the endpoint has shown which cluster it is of. That is asked again after the connection broke: what
// answers then may be something else, and a write is to leave only on a connection that stands, so that an endpoint which is down
// means "not done" rather than "unknown".
type endpoint struct {
	address string
	conn    *grpc.ClientConn
	kv      *lane
	cluster reconfigurationv1.ReconfigurationServiceClient
	// asking holds one token: one question at a time, the others wait for its answer.
	asking chan struct{}

	mu sync.Mutex
	// nodeID of the node that answered last; 0 while it is not known which one, and of which cluster.
	nodeID       uint32
	suspectUntil time.Time
	introducedAt time.Time
}

// newEndpoint: run is the lane's, see there.
func newEndpoint(address string, options []grpc.DialOption, run func(func())) (*endpoint, error) {
	conn, err := grpc.NewClient("passthrough:///"+address, options...)
	if err != nil {
		return nil, err
	}
	return &endpoint{
		address: address,
		conn:    conn,
		kv: &lane{
			unary:  kvv1.NewKeyValueServiceClient(conn),
			stands: func() bool { return conn.GetState() == connectivity.Ready },
			run:    run,
		},
		cluster: reconfigurationv1.NewReconfigurationServiceClient(conn),
		asking:  make(chan struct{}, 1),
	}, nil
}

// node returns the node that answered last, 0 when that has to be asked (again).
func (e *endpoint) node() uint32 {
	if e.conn.GetState() != connectivity.Ready {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.nodeID
}

func (e *endpoint) suspect(now time.Time) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return now.Before(e.suspectUntil)
}

// doubt leaves the endpoint for others for a while; lost: its connection may lead elsewhere the next time.
func (e *endpoint) doubt(now time.Time, lost bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.suspectUntil = now.Add(suspectFor)
	if lost {
		e.nodeID = 0
	}
}

func (e *endpoint) trust(node uint32) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.nodeID = node
	e.suspectUntil = time.Time{}
}

// introduce makes sure that the endpoint has shown its cluster: accept is given the view, and its objection is returned.
func (e *endpoint) introduce(ctx context.Context, accept func(*reconfigurationv1.GetViewResponse) *failure) *failure {
	select {
	case e.asking <- struct{}{}:
	case <-ctx.Done():
		return &failure{reason: ReasonUnreachable, message: "no answer in time", retryable: true, bare: true}
	}
	defer func() { <-e.asking }()
	if e.node() != 0 {
		return nil
	}
	e.mu.Lock()
	e.introducedAt = time.Now()
	e.mu.Unlock()
	response, err := e.cluster.GetView(ctx, &reconfigurationv1.GetViewRequest{})
	if err != nil {
		f := failureOf(err, false)
		if f.bare {
			f.reason = ReasonUnreachable
		}
		return f
	}
	if f := accept(response); f != nil {
		return f
	}
	e.trust(response.GetHeader().GetNodeId())
	e.kv.streams.reset()
	e.kv.openStream()
	return nil
}

// close ends the connection, and all that is under way on it.
func (e *endpoint) close() error {
	e.kv.close()
	return e.conn.Close()
}

// introductionDue tells whether nobody asked lately, and notes that somebody will.
func (e *endpoint) introductionDue(now time.Time, pause time.Duration) bool {
	if e.node() != 0 {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if now.Sub(e.introducedAt) < pause {
		return false
	}
	e.introducedAt = now
	return true
}
