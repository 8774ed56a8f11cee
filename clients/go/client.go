package onar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
	reconfigurationv1 "github.com/onar-kv/onar/gen/go/onar/reconfiguration/v1"
)

// introducePause is how often endpoints that nothing is known of are asked in the background.
const introducePause = 5 * time.Second

// Client calls one cluster. It may be used by any number of goroutines at once. Close it when it is not needed any more.
type Client struct {
	timeout   time.Duration
	endpoints []*endpoint
	revisions revisions
	turns     turns

	// life ends with Close; background counts what still asks then.
	life       context.Context
	end        context.CancelFunc
	background sync.WaitGroup

	mu sync.Mutex
	// clusterID is the pinned cluster, or the first one seen; nil before.
	clusterID []byte
	// partitions of the cluster; 0 before it was seen. Never changes.
	partitions uint32
	// writers holds, per partition, the node that is believed to be its writer.
	writers map[uint32]uint32
	// start is the endpoint for keys whose writer is not among the endpoints.
	start  int
	closed bool
}

// New makes a client that connects when it is first used. Its errors are about the options.
func New(options Options) (*Client, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	client := &Client{timeout: options.timeout(), writers: make(map[uint32]uint32)}
	if len(options.ClusterID) > 0 {
		client.clusterID = bytes.Clone(options.ClusterID)
	}
	client.life, client.end = context.WithCancel(context.Background())
	for _, address := range options.Endpoints {
		endpoint, err := newEndpoint(address, options.dialOptions())
		if err != nil {
			return nil, errors.Join(fmt.Errorf("onar: endpoint %s: %w", address, err), client.Close())
		}
		client.endpoints = append(client.endpoints, endpoint)
	}
	return client, nil
}

// Dial makes a client and waits until one endpoint answers. Besides errors about the options it returns a NotDoneError: UNREACHABLE,
// WRONG_CLUSTER or what the endpoints answered. The context bounds the dialling, not the client.
func Dial(ctx context.Context, options Options) (*Client, error) {
	client, err := New(options)
	if err != nil {
		return nil, err
	}
	if _, err := client.partitionCount(ctx); err != nil {
		_ = client.Close()
		return nil, err
	}
	return client, nil
}

// ClusterID returns the 16 bytes that identify the cluster: what Options.ClusterID pins. nil before an endpoint has answered, unless
// it was pinned.
func (c *Client) ClusterID() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.clusterID)
}

// Close ends all connections. Calls that are under way end as CLOSED: reads are not done, writes that were sent are unknown. Closing
// again does nothing.
func (c *Client) Close() error {
	c.mu.Lock()
	already := c.closed
	c.closed = true
	c.mu.Unlock()
	if already {
		return nil
	}
	c.end()
	var failed []error
	for _, endpoint := range c.endpoints {
		failed = append(failed, endpoint.conn.Close())
	}
	c.background.Wait()
	return errors.Join(failed...)
}

func (c *Client) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// accept takes the view of an endpoint, or says why this is not the client's cluster.
func (c *Client) accept(response *reconfigurationv1.GetViewResponse) *failure {
	id, count := response.GetView().GetClusterId(), response.GetView().GetPartitionCount()
	if len(id) != clusterIDBytes || !isPartitionCount(count) || response.GetHeader().GetNodeId() == 0 {
		return &failure{reason: ReasonUnreachable, message: "what answers is not an Onar node, or is of another version", bare: true}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.clusterID == nil {
		c.clusterID = bytes.Clone(id)
	}
	if f := c.wrongCluster(id); f != nil {
		return f
	}
	c.partitions = count
	return nil
}

// wrongCluster needs the lock.
func (c *Client) wrongCluster(id []byte) *failure {
	if bytes.Equal(id, c.clusterID) {
		return nil
	}
	return &failure{reason: ReasonWrongCluster, message: fmt.Sprintf("it is a node of cluster %x, not of %x", id, c.clusterID), bare: true}
}

// learn takes the header of an answer to something that was asked at that time.
func (c *Client) learn(from *endpoint, header *kvv1.Header, asked time.Time) *failure {
	c.mu.Lock()
	f := c.wrongCluster(header.GetClusterId())
	if f == nil && header.GetRevision() != nil {
		if writer := header.GetWriterNodeId(); writer == 0 {
			delete(c.writers, header.GetRevision().GetPartition())
		} else {
			c.writers[header.GetRevision().GetPartition()] = writer
		}
	}
	c.mu.Unlock()
	if f != nil {
		return f
	}
	from.trust(header.GetNodeId())
	c.revisions.observe(header.GetRevision(), asked)
	c.meet(header.GetWriterNodeId())
	return nil
}

// meet asks, in the background, endpoints of which nothing is known who they are, when the writer told is none that is known.
func (c *Client) meet(writer uint32) {
	if writer == 0 || c.endpointOf(writer) != nil {
		return
	}
	now := time.Now()
	for _, stranger := range c.endpoints {
		if !stranger.introductionDue(now, introducePause) {
			continue
		}
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return
		}
		c.background.Add(1)
		c.mu.Unlock()
		go func() {
			defer c.background.Done()
			ctx, cancel := context.WithTimeout(c.life, connectBudget)
			defer cancel()
			_ = stranger.introduce(ctx, c.accept)
		}()
	}
}

func (c *Client) endpointOf(node uint32) *endpoint {
	for _, endpoint := range c.endpoints {
		if node != 0 && endpoint.node() == node {
			return endpoint
		}
	}
	return nil
}

// first chooses the endpoint for the first attempt of a call: the writer's, if it is one of ours and not in doubt.
func (c *Client) first(key string) int {
	c.mu.Lock()
	start, writer := c.start, uint32(0)
	if c.partitions != 0 && key != "" {
		writer = c.writers[partitionOf(key, c.partitions)]
	}
	c.mu.Unlock()
	now := time.Now()
	for i, endpoint := range c.endpoints {
		if writer != 0 && endpoint.node() == writer && !endpoint.suspect(now) {
			return i
		}
	}
	if c.endpoints[start].suspect(now) {
		return c.next(start)
	}
	return start
}

// next chooses the endpoint after one that failed: the next one in order that is not in doubt, otherwise the next one.
func (c *Client) next(failed int) int {
	now := time.Now()
	n := len(c.endpoints)
	chosen := (failed + 1) % n
	for i := 1; i < n; i++ {
		if other := (failed + i) % n; !c.endpoints[other].suspect(now) {
			chosen = other
			break
		}
	}
	c.mu.Lock()
	if c.start == failed {
		c.start = chosen
	}
	c.mu.Unlock()
	return chosen
}
