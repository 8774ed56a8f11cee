package onar

import (
	"bytes"
	"context"
	"time"
)

// Client calls one cluster. It may be used by any number of goroutines at once. Close it when it is not needed any more.
type Client struct {
	timeout   time.Duration
	nodes     *nodes
	revisions revisions
	turns     turns
}

// New makes a client that connects when it is first used. Its errors are about the options.
func New(options Options) (*Client, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	nodes, err := newNodes(options)
	if err != nil {
		return nil, err
	}
	return &Client{timeout: options.timeout(), nodes: nodes}, nil
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
	c.nodes.mu.Lock()
	defer c.nodes.mu.Unlock()
	return bytes.Clone(c.nodes.clusterID)
}

// Close ends all connections. Calls that are under way end as CLOSED: reads are not done, writes that were sent are unknown. Closing
// again does nothing.
func (c *Client) Close() error { return c.nodes.close() }
