package onar

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
	"google.golang.org/grpc/codes"
)

const requestIDBytes = 16

// Get reads a key: linearizable, unless the option Local is given. A missing key is an answer. Its errors are NotDoneErrors.
func (c *Client) Get(ctx context.Context, key string, options ...GetOption) (GetResult, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	message := &kvv1.GetRequest{Key: []byte(key)}
	for _, option := range options {
		option.applyToGet(message)
	}
	answer, err := c.get(ctx, key, message, false)
	if err != nil {
		return GetResult{}, err
	}
	result := GetResult{Consistency: Linearizable}
	if answer.GetConsistency() == kvv1.Consistency_CONSISTENCY_LOCAL {
		result.Consistency = Local
	}
	if entry := answer.GetEntry(); entry != nil {
		result.Exists, result.Value, result.Version = true, entry.GetValue(), entry.GetVersion()
	}
	return result, nil
}

// Put stores a value, whatever was there.
func (c *Client) Put(ctx context.Context, key string, value []byte) (PutResult, error) {
	answer, err := write(ctx, c, key, func(ctx context.Context, kv keyCalls, id []byte, after *kvv1.Revision) (*kvv1.PutResponse, error) {
		return kv.Put(ctx, &kvv1.PutRequest{Key: []byte(key), Value: value, RequestId: id, After: after})
	})
	return PutResult{Version: answer.GetVersion()}, err
}

// CompareAndSet stores a value if the condition holds, and otherwise tells what was found.
func (c *Client) CompareAndSet(ctx context.Context, key string, condition Condition, value []byte) (CompareAndSetResult, error) {
	answer, err := write(ctx, c, key, func(ctx context.Context, kv keyCalls, id []byte, after *kvv1.Revision) (*kvv1.CompareAndSetResponse, error) {
		return kv.CompareAndSet(ctx, &kvv1.CompareAndSetRequest{
			Key: []byte(key), Value: value, Condition: condition.wire(), RequestId: id, After: after,
		})
	})
	return CompareAndSetResult{Swapped: answer.GetSwapped(), Version: answer.GetVersion(), Found: entryOf(answer.GetFound())}, err
}

// Delete removes a key, if it is there.
func (c *Client) Delete(ctx context.Context, key string) (DeleteResult, error) {
	return c.delete(ctx, key, nil)
}

// DeleteIf removes a key if the condition holds, and otherwise tells what was found.
func (c *Client) DeleteIf(ctx context.Context, key string, condition Condition) (DeleteResult, error) {
	return c.delete(ctx, key, condition.wire())
}

func (c *Client) delete(ctx context.Context, key string, condition *kvv1.Condition) (DeleteResult, error) {
	answer, err := write(ctx, c, key, func(ctx context.Context, kv keyCalls, id []byte, after *kvv1.Revision) (*kvv1.DeleteResponse, error) {
		return kv.Delete(ctx, &kvv1.DeleteRequest{Key: []byte(key), Condition: condition, RequestId: id, After: after})
	})
	return DeleteResult{Deleted: answer.GetDeleted(), Version: answer.GetVersion(), Found: entryOf(answer.GetFound())}, err
}

// Add adds to the signed 64-bit number that the key holds in decimal digits; an absent key counts as 0. NotDoneErrors with
// ReasonNotANumber and ReasonOverflow changed nothing.
func (c *Client) Add(ctx context.Context, key string, delta int64) (AddResult, error) {
	answer, err := write(ctx, c, key, func(ctx context.Context, kv keyCalls, id []byte, after *kvv1.Revision) (*kvv1.AddResponse, error) {
		return kv.Add(ctx, &kvv1.AddRequest{Key: []byte(key), Delta: delta, RequestId: id, After: after})
	})
	return AddResult{Number: answer.GetNumber(), NumberKnown: answer != nil && answer.Number != nil, Version: answer.GetVersion()}, err
}

func (c *Client) get(ctx context.Context, key string, message *kvv1.GetRequest, toWriter bool) (*kvv1.GetResponse, error) {
	var answer *kvv1.GetResponse
	err := c.perform(ctx, request{key: key, toWriter: toWriter, send: func(ctx context.Context, kv keyCalls) (*kvv1.Header, error) {
		var err error
		answer, err = kv.Get(ctx, message)
		return answer.GetHeader(), err
	}})
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// answered is any answer of a write.
type answered interface{ GetHeader() *kvv1.Header }

// write sends a request under one id and one `after` until it is answered. Without an error, the answer is not nil.
func write[Answer answered](
	ctx context.Context,
	c *Client,
	key string,
	send func(context.Context, keyCalls, []byte, *kvv1.Revision) (Answer, error),
) (Answer, error) {
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	var answer, none Answer
	count, err := c.partitionCount(ctx)
	if err != nil {
		return none, err
	}
	if !c.turns.take(ctx, c.nodes.life.Done(), key) {
		return none, (&trial{client: c, ctx: ctx}).finish()
	}
	defer c.turns.pass(key)
	partition := partitionOf(key, count)
	after, err := c.after(ctx, key, partition)
	if err != nil {
		return none, err
	}
	id := make([]byte, requestIDBytes)
	// Since Go 1.24 it never fails; before, it fails where there is no source of randomness at all.
	if _, err := rand.Read(id); err != nil {
		return none, &NotDoneError{Reason: ReasonCancelled, Code: codes.Internal, Message: "no random request id: " + err.Error()}
	}
	err = c.perform(ctx, request{key: key, write: true, toWriter: true, send: func(ctx context.Context, kv keyCalls) (*kvv1.Header, error) {
		var err error
		answer, err = send(ctx, kv, id, after)
		return answer.GetHeader(), err
	}})
	if err != nil {
		if errors.Is(err, ReasonRequestExpired) {
			c.turns.expired(key)
			c.revisions.expired(partition, time.Now())
		}
		return none, err
	}
	return answer, nil
}

// after returns the highest revision seen of the key's partition, having asked for one where there is none that is recent.
func (c *Client) after(ctx context.Context, key string, partition uint32) (*kvv1.Revision, error) {
	after, fresh := c.revisions.after(partition, time.Now())
	if fresh {
		return after, nil
	}
	message := &kvv1.GetRequest{Key: []byte(key), Consistency: kvv1.Consistency_CONSISTENCY_LOCAL}
	// Asked of the writer: no other node knows the newest one.
	for {
		answer, err := c.get(ctx, key, message, true)
		if err != nil {
			return nil, err
		}
		after, _ = c.revisions.after(partition, time.Now())
		if answer.GetHeader().GetRevision() != nil && after != nil {
			return after, nil
		}
		// All its nodes have just started: a writer tells it as soon as there is one.
		select {
		case <-ctx.Done():
			return nil, (&trial{client: c, ctx: ctx}).finish()
		case <-c.nodes.life.Done():
			return nil, (&trial{client: c, ctx: ctx}).finish()
		case <-time.After(untoldPause):
		}
	}
}

// untoldPause is the time between two questions for a revision that nobody can tell yet.
const untoldPause = 50 * time.Millisecond
