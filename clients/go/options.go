package onar

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"
)

// DefaultTimeout is the time of a call whose context has no deadline, unless Options say otherwise.
const DefaultTimeout = 10 * time.Second

const clusterIDBytes = 16

// Options of a client. Only Endpoints are required.
type Options struct {
	// Endpoints are the client addresses of some nodes, HOST:PORT, where the client begins. One is enough, several are better: when
	// one is down, the client begins at another. The cluster tells the addresses of all its nodes.
	Endpoints []string
	// EndpointsOnly keeps the client to Endpoints, where nodes advertise addresses that cannot be reached from here. Otherwise it calls
	// the node that serves a key at the address which that advertises.
	EndpointsOnly bool
	// ClusterID pins the cluster: 16 bytes, as Client.ClusterID returns them. Without it, the cluster of the first endpoint that
	// answers is the one.
	ClusterID []byte
	// Timeout of calls whose context has no deadline; 0 means DefaultTimeout.
	Timeout time.Duration
	// WithoutStream makes each call a gRPC call of its own. Otherwise calls to a node ride one stream (Pipeline) where the way allows it,
	// which costs a fraction. A stream sticks to one node: a balancer of calls cannot spread what rides it. Interceptors of unary calls
	// see what does not ride it only.
	WithoutStream bool
	// DialOptions are passed on to gRPC, after the client's own: credentials, interceptors. Without credentials among them, connections
	// are not encrypted.
	DialOptions []grpc.DialOption
}

func (o Options) validate() error {
	if len(o.Endpoints) == 0 {
		return errors.New("onar: Options.Endpoints: at least one HOST:PORT is required")
	}
	given := make(map[string]bool, len(o.Endpoints))
	for i, endpoint := range o.Endpoints {
		host, port, err := net.SplitHostPort(endpoint)
		number, numberErr := strconv.Atoi(port)
		if err != nil || host == "" || strings.ContainsAny(endpoint, " \t\r\n/") || numberErr != nil || number < 1 || number > 65_535 {
			return fmt.Errorf("onar: Options.Endpoints[%d]: %q is not HOST:PORT, for example 127.0.0.1:4600", i, endpoint)
		}
		if given[endpoint] {
			return fmt.Errorf("onar: Options.Endpoints[%d]: %q is given twice", i, endpoint)
		}
		given[endpoint] = true
	}
	if n := len(o.ClusterID); n != 0 && n != clusterIDBytes {
		return fmt.Errorf("onar: Options.ClusterID: must be %d bytes, is %d", clusterIDBytes, n)
	}
	if o.Timeout < 0 {
		return fmt.Errorf("onar: Options.Timeout: must not be negative, is %v", o.Timeout)
	}
	return nil
}

func (o Options) timeout() time.Duration {
	if o.Timeout == 0 {
		return DefaultTimeout
	}
	return o.Timeout
}

// dialOptions: retries are this client's business, not gRPC's; a node that comes back is found soon; answers may be of any length.
func (o Options) dialOptions() []grpc.DialOption {
	own := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithNoProxy(),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32), grpc.MaxCallSendMsgSize(math.MaxInt32)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: connectBudget,
		}),
	}
	return append(own, o.DialOptions...)
}
