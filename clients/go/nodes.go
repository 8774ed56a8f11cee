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
	"google.golang.org/grpc"
)

const (
	// introducePause is how often an address that cannot be reached is tried in the background.
	introducePause = time.Second
	refreshBudget  = 2 * time.Second
)

// nodes are the addresses that may be called, and what is known of the cluster: enough to go straight to the node that serves a key.
//
//  1. A request goes only to an address that has shown its cluster.
//  2. The cluster is the one that was pinned, or else the first one that answered; it never changes.
//  3. A call never waits for the best node while another one can be asked: any node serves any call.
type nodes struct {
	direct bool
	dial   []grpc.DialOption
	// run is inBackground where calls may ride streams; otherwise nil.
	run func(func())

	// life ends with close; background counts what still asks then.
	life       context.Context
	end        context.CancelFunc
	background sync.WaitGroup

	mu     sync.Mutex
	closed bool
	// clusterID is the pinned cluster, or the first one seen; nil before.
	clusterID []byte
	// configured endpoints stay; named is those beside them that the view names. Both slices are replaced, never changed in place.
	configured, named []*endpoint
	// epoch of the view that is known, partitions of the cluster; 0 before one was seen.
	epoch      uint64
	partitions uint32
	// members are the addresses of nodes, replicas the nodes of each partition.
	members  map[uint32]string
	replicas map[uint32][]uint32
	// writers holds, per partition, the node that is believed to be its writer.
	writers    map[uint32]uint32
	turn       int
	refreshing bool
}

func newNodes(options Options) (*nodes, error) {
	n := &nodes{direct: !options.EndpointsOnly, dial: options.dialOptions(), writers: make(map[uint32]uint32)}
	if !options.WithoutStream {
		n.run = n.inBackground
	}
	if len(options.ClusterID) > 0 {
		n.clusterID = bytes.Clone(options.ClusterID)
	}
	n.life, n.end = context.WithCancel(context.Background())
	for _, address := range options.Endpoints {
		one, err := newEndpoint(address, n.dial, n.run)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("onar: endpoint %s: %w", address, err), n.close())
		}
		n.configured = append(n.configured, one)
	}
	return n, nil
}

// close ends all connections and waits for what runs in the background. Closing again does nothing.
func (n *nodes) close() error {
	n.mu.Lock()
	already := n.closed
	n.closed = true
	all := n.all()
	n.mu.Unlock()
	if already {
		return nil
	}
	n.end()
	var failed []error
	for _, one := range all {
		failed = append(failed, one.close())
	}
	n.background.Wait()
	return errors.Join(failed...)
}

func (n *nodes) isClosed() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.closed
}

// partitionCount is 0 before a view was seen; then it never changes.
func (n *nodes) partitionCount() uint32 {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.partitions
}

// endpoints are all that may be called now.
func (n *nodes) endpoints() []*endpoint {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.all()
}

// all needs the lock.
func (n *nodes) all() []*endpoint {
	return append(append(make([]*endpoint, 0, len(n.configured)+len(n.named)), n.configured...), n.named...)
}

// choose names the endpoint for the next attempt of a call that has tried some. When it has tried all, it begins anew, at another one
// than the last.
func (n *nodes) choose(r request, tried map[*endpoint]bool, last *endpoint) *endpoint {
	order := n.order(r)
	now := time.Now()
	pick := func(fit func(*endpoint) bool) *endpoint {
		for _, one := range order {
			if !tried[one] && fit(one) {
				return one
			}
		}
		return nil
	}
	for {
		chosen := pick(func(one *endpoint) bool { return one.node() != 0 && !one.suspect(now) })
		if chosen == nil {
			chosen = pick(func(one *endpoint) bool { return !one.suspect(now) })
		}
		if chosen == nil {
			chosen = pick(func(*endpoint) bool { return true })
		}
		if chosen != nil {
			return chosen
		}
		clear(tried)
		if last != nil && len(order) > 1 {
			tried[last] = true
		}
		// Without this one, a lone endpoint that is named twice would never be chosen.
		last = nil
	}
}

// order lists the endpoints, the best first: for a write the writer, then the replicas of the key; for a read the replicas by turns; then
// all. Those that serve the key are asked in the background who they are, if that is not known.
func (n *nodes) order(r request) []*endpoint {
	n.mu.Lock()
	var ids []uint32
	if n.partitions != 0 && r.key != "" {
		partition := partitionOf(r.key, n.partitions)
		replicas := n.replicas[partition]
		start := 0
		if r.toWriter {
			if writer := n.writers[partition]; writer != 0 {
				ids = append(ids, writer)
			}
		} else if len(replicas) > 0 {
			n.turn++
			start = n.turn % len(replicas)
		}
		for i := range replicas {
			ids = append(ids, replicas[(start+i)%len(replicas)])
		}
	}
	all, members := n.all(), n.members
	n.mu.Unlock()
	order := make([]*endpoint, 0, len(ids)+len(all))
	for _, id := range ids {
		if one := endpointOf(id, members[id], all); one != nil {
			order = append(order, one)
			if one.node() == 0 {
				n.meet(one)
			}
		}
	}
	return append(order, all...)
}

// endpointOf finds a node by who answered, otherwise where the view says that it is; nil when it is at none of the endpoints.
func endpointOf(id uint32, address string, all []*endpoint) *endpoint {
	for _, one := range all {
		if one.node() == id {
			return one
		}
	}
	for _, one := range all {
		if one.address == address && one.node() == 0 {
			return one
		}
	}
	return nil
}

// accept takes the view that an endpoint shows, or says why it is not of the client's cluster.
func (n *nodes) accept(response *reconfigurationv1.GetViewResponse) *failure {
	view := response.GetView()
	id, count := view.GetClusterId(), view.GetPartitionCount()
	if len(id) != clusterIDBytes || !isPartitionCount(count) || response.GetHeader().GetNodeId() == 0 {
		return &failure{reason: ReasonUnreachable, message: "what answers is not an Onar node, or is of another version", bare: true}
	}
	n.mu.Lock()
	if n.clusterID == nil {
		n.clusterID = bytes.Clone(id)
	}
	f := n.wrongCluster(id)
	var gone []*endpoint
	if f == nil && !n.closed && (n.partitions == 0 || view.GetEpoch() > n.epoch) {
		gone = n.take(view)
	}
	n.mu.Unlock()
	for _, one := range gone {
		_ = one.close()
	}
	return f
}

// take replaces the view and returns the endpoints that it does not name any more. It needs the lock.
func (n *nodes) take(view *reconfigurationv1.View) (gone []*endpoint) {
	n.epoch, n.partitions = view.GetEpoch(), view.GetPartitionCount()
	n.members = make(map[uint32]string)
	n.replicas = make(map[uint32][]uint32)
	clear(n.writers)
	for _, partition := range view.GetPartitions() {
		n.replicas[partition.GetPartition()] = partition.GetReplicas()
	}
	have := make(map[string]*endpoint)
	for _, one := range n.all() {
		have[one.address] = one
	}
	named := append([]*endpoint(nil), n.named...)
	addresses := make(map[string]bool)
	for _, member := range view.GetMembers() {
		address := member.GetClientAddress()
		n.members[member.GetId()] = address
		addresses[address] = true
		if !n.direct || address == "" || have[address] != nil {
			continue
		}
		// An address that gRPC does not take is one that cannot be called.
		if one, err := newEndpoint(address, n.dial, n.run); err == nil {
			have[address] = one
			named = append(named, one)
		}
	}
	n.named = nil
	for _, one := range named {
		if addresses[one.address] {
			n.named = append(n.named, one)
		} else {
			gone = append(gone, one)
		}
	}
	return gone
}

// wrongCluster needs the lock.
func (n *nodes) wrongCluster(id []byte) *failure {
	if bytes.Equal(id, n.clusterID) {
		return nil
	}
	return &failure{reason: ReasonWrongCluster, message: fmt.Sprintf("it is a node of cluster %x, not of %x", id, n.clusterID), bare: true}
}

// learn takes the header of an answer, or says that another cluster made it.
func (n *nodes) learn(from *endpoint, header *kvv1.Header) *failure {
	n.mu.Lock()
	f := n.wrongCluster(header.GetClusterId())
	refresh := false
	if f == nil {
		if revision := header.GetRevision(); revision != nil && header.GetWriterNodeId() != 0 {
			n.writers[revision.GetPartition()] = header.GetWriterNodeId()
		}
		refresh = header.GetViewEpoch() > n.epoch && !n.refreshing
		n.refreshing = n.refreshing || refresh
	}
	n.mu.Unlock()
	if f != nil {
		return f
	}
	from.trust(header.GetNodeId())
	if refresh {
		n.inBackground(func() { n.refresh(from) })
	}
	return nil
}

// refresh asks for a view that is newer than the one known.
func (n *nodes) refresh(from *endpoint) {
	ctx, cancel := context.WithTimeout(n.life, refreshBudget)
	defer cancel()
	if response, err := from.cluster.GetView(ctx, &reconfigurationv1.GetViewRequest{}); err == nil {
		_ = n.accept(response)
	}
	n.mu.Lock()
	n.refreshing = false
	n.mu.Unlock()
}

// failed takes what a failed attempt says of the endpoint.
func (n *nodes) failed(at *endpoint, f *failure, key string) {
	n.mu.Lock()
	if n.partitions != 0 && key != "" {
		if partition := partitionOf(key, n.partitions); n.writers[partition] == at.node() {
			delete(n.writers, partition)
		}
	}
	n.mu.Unlock()
	if f.bare || f.reason == ReasonDraining {
		at.doubt(time.Now(), f.bare)
	}
}

// meet asks an endpoint in the background who it is, unless somebody did a moment ago.
func (n *nodes) meet(stranger *endpoint) {
	if stranger.introductionDue(time.Now(), introducePause) {
		n.askOn(stranger)
	}
}

// askOn asks an endpoint in the background who it is.
func (n *nodes) askOn(stranger *endpoint) {
	n.inBackground(func() {
		ctx, cancel := context.WithTimeout(n.life, connectBudget)
		defer cancel()
		_ = stranger.introduce(ctx, n.accept)
	})
}

func (n *nodes) inBackground(do func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return
	}
	n.background.Add(1)
	go func() {
		defer n.background.Done()
		do()
	}()
}
