// Package clients calls a running cluster as any Go program would: with the generated stubs and nothing else.
//
// ONAR_ENDPOINTS names the client ports of its nodes: host:port,host:port. Without it every test is skipped.
package clients

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
	reconfigurationv1 "github.com/onar-kv/onar/gen/go/onar/reconfiguration/v1"
	textv1 "github.com/onar-kv/onar/gen/go/onar/text/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// cluster holds a connection to the first and to the last of the endpoints, which may be the same.
type cluster struct {
	ctx         context.Context
	first, last *grpc.ClientConn
	here, there kvv1.KeyValueServiceClient
}

func connect(t *testing.T) *cluster {
	t.Helper()
	value := os.Getenv("ONAR_ENDPOINTS")
	if value == "" {
		t.Skip("ONAR_ENDPOINTS is not set")
	}
	endpoints := strings.Split(value, ",")
	dial := func(endpoint string) *grpc.ClientConn {
		conn, err := grpc.NewClient(strings.TrimSpace(endpoint), grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatalf("connect to %s: %v", endpoint, err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	c := &cluster{ctx: ctx, first: dial(endpoints[0]), last: dial(endpoints[len(endpoints)-1])}
	c.here, c.there = kvv1.NewKeyValueServiceClient(c.first), kvv1.NewKeyValueServiceClient(c.last)
	return c
}

func random(t *testing.T) []byte {
	t.Helper()
	id := make([]byte, 16)
	if _, err := rand.Read(id); err != nil {
		t.Fatal(err)
	}
	return id
}

// newKey returns a key that no other test or run uses.
func newKey(t *testing.T) []byte {
	t.Helper()
	return []byte("go/" + t.Name() + "/" + hex.EncodeToString(random(t)))
}

// must returns the answer of a call that has to succeed.
func must[T any](t *testing.T) func(T, error) T {
	return func(answer T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("unexpected error: %v", err)
		}
		return answer
	}
}

func expect(t *testing.T, holds bool, what string, got any) {
	t.Helper()
	if !holds {
		t.Fatalf("expected %s, got %v", what, got)
	}
}

// details returns the ErrorInfo and the Outcome of an error, nil where there is none.
func details(err error) (*errdetails.ErrorInfo, *kvv1.Outcome) {
	var info *errdetails.ErrorInfo
	var outcome *kvv1.Outcome
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			info = detail
		case *kvv1.Outcome:
			outcome = detail
		}
	}
	return info, outcome
}

func TestPutAtOneNodeIsReadAtAnother(t *testing.T) {
	c, key := connect(t), newKey(t)
	put := must[*kvv1.PutResponse](t)(c.here.Put(c.ctx, &kvv1.PutRequest{Key: key, Value: []byte("value"), RequestId: random(t)}))
	expect(t, put.GetVersion() > 0, "a version", put)
	header := put.GetHeader()
	expect(t, len(header.GetClusterId()) == 16, "a cluster id of 16 bytes", header)
	expect(t, header.GetNodeId() != 0, "a node id", header)
	expect(t, header.GetViewEpoch() >= 1, "a view epoch", header)
	expect(t, header.GetRevision().GetRevision() >= put.GetVersion(), "a revision that is not below the version", header)

	get := must[*kvv1.GetResponse](t)(c.there.Get(c.ctx, &kvv1.GetRequest{Key: key}))
	expect(t, string(get.GetEntry().GetValue()) == "value", "the value", get)
	expect(t, get.GetEntry().GetVersion() == put.GetVersion(), "the version of the put", get)
	expect(t, get.GetConsistency() == kvv1.Consistency_CONSISTENCY_LINEARIZABLE, "a linearizable read", get)
}

func TestMissingKeyIsAnAnswer(t *testing.T) {
	c, key := connect(t), newKey(t)
	get := must[*kvv1.GetResponse](t)(c.here.Get(c.ctx, &kvv1.GetRequest{Key: key}))
	expect(t, get.GetEntry() == nil, "no entry", get)
}

func TestCompareAndSetSwapsOnceAndShowsWhatItFound(t *testing.T) {
	c, key := connect(t), newKey(t)
	absent := &kvv1.Condition{Expected: &kvv1.Condition_Presence{Presence: kvv1.Presence_PRESENCE_ABSENT}}
	first := must[*kvv1.CompareAndSetResponse](t)(c.here.CompareAndSet(c.ctx,
		&kvv1.CompareAndSetRequest{Key: key, Value: []byte("1"), Condition: absent, RequestId: random(t)}))
	expect(t, first.GetSwapped() && first.GetVersion() > 0 && first.GetFound() == nil, "a swap", first)

	again := must[*kvv1.CompareAndSetResponse](t)(c.there.CompareAndSet(c.ctx,
		&kvv1.CompareAndSetRequest{Key: key, Value: []byte("2"), Condition: absent, RequestId: random(t)}))
	expect(t, !again.GetSwapped() && again.GetVersion() == first.GetVersion(), "no swap", again)
	expect(t, string(again.GetFound().GetValue()) == "1" && again.GetFound().GetVersion() == first.GetVersion(), "the entry found", again)

	atVersion := &kvv1.Condition{Expected: &kvv1.Condition_Version{Version: first.GetVersion()}}
	second := must[*kvv1.CompareAndSetResponse](t)(c.there.CompareAndSet(c.ctx,
		&kvv1.CompareAndSetRequest{Key: key, Value: []byte("2"), Condition: atVersion, RequestId: random(t)}))
	expect(t, second.GetSwapped() && second.GetVersion() > first.GetVersion(), "a swap", second)
	get := must[*kvv1.GetResponse](t)(c.here.Get(c.ctx, &kvv1.GetRequest{Key: key}))
	expect(t, string(get.GetEntry().GetValue()) == "2", "the second value", get)
}

func TestDeleteRemovesAndThenFindsNothing(t *testing.T) {
	c, key := connect(t), newKey(t)
	put := must[*kvv1.PutResponse](t)(c.here.Put(c.ctx, &kvv1.PutRequest{Key: key, Value: []byte("value")}))
	wrong := &kvv1.Condition{Expected: &kvv1.Condition_Value{Value: []byte("other")}}
	refused := must[*kvv1.DeleteResponse](t)(c.there.Delete(c.ctx, &kvv1.DeleteRequest{Key: key, Condition: wrong}))
	expect(t, !refused.GetDeleted() && string(refused.GetFound().GetValue()) == "value", "the entry found", refused)

	deleted := must[*kvv1.DeleteResponse](t)(c.there.Delete(c.ctx, &kvv1.DeleteRequest{Key: key, RequestId: random(t)}))
	expect(t, deleted.GetDeleted() && deleted.GetVersion() == put.GetVersion(), "a removal", deleted)
	get := must[*kvv1.GetResponse](t)(c.here.Get(c.ctx, &kvv1.GetRequest{Key: key}))
	expect(t, get.GetEntry() == nil, "no entry", get)
	again := must[*kvv1.DeleteResponse](t)(c.here.Delete(c.ctx, &kvv1.DeleteRequest{Key: key}))
	expect(t, !again.GetDeleted() && again.GetVersion() == 0, "nothing to remove", again)
}

func TestAddCountsFromZero(t *testing.T) {
	c, key := connect(t), newKey(t)
	first := must[*kvv1.AddResponse](t)(c.here.Add(c.ctx, &kvv1.AddRequest{Key: key, Delta: 40, RequestId: random(t)}))
	expect(t, first.GetNumber() == 40, "40", first)
	second := must[*kvv1.AddResponse](t)(c.there.Add(c.ctx, &kvv1.AddRequest{Key: key, Delta: -42, RequestId: random(t)}))
	expect(t, second.GetNumber() == -2 && second.GetVersion() > first.GetVersion(), "-2", second)
	get := must[*kvv1.GetResponse](t)(c.here.Get(c.ctx, &kvv1.GetRequest{Key: key}))
	expect(t, string(get.GetEntry().GetValue()) == "-2", "the number in digits", get)
}

func TestAddToWhatIsNotANumberIsRefused(t *testing.T) {
	c, key := connect(t), newKey(t)
	must[*kvv1.PutResponse](t)(c.here.Put(c.ctx, &kvv1.PutRequest{Key: key, Value: []byte("ten")}))
	_, err := c.there.Add(c.ctx, &kvv1.AddRequest{Key: key, Delta: 1})
	expect(t, status.Code(err) == codes.FailedPrecondition, "FAILED_PRECONDITION", err)
	info, _ := details(err)
	expect(t, info.GetReason() == "NOT_A_NUMBER", "NOT_A_NUMBER", info)
}

func TestRepeatedRequestIsAppliedOnce(t *testing.T) {
	c, key, id := connect(t), newKey(t), random(t)
	first := must[*kvv1.AddResponse](t)(c.here.Add(c.ctx, &kvv1.AddRequest{Key: key, Delta: 5, RequestId: id}))
	repeated := must[*kvv1.AddResponse](t)(c.there.Add(c.ctx, &kvv1.AddRequest{Key: key, Delta: 5, RequestId: id}))
	expect(t, repeated.GetVersion() == first.GetVersion() && repeated.GetNumber() == 5, "the first answer", repeated)
}

func TestErrorNamesItsReason(t *testing.T) {
	c := connect(t)
	_, err := c.here.Put(c.ctx, &kvv1.PutRequest{Value: []byte("value")})
	expect(t, status.Code(err) == codes.InvalidArgument, "INVALID_ARGUMENT", err)
	info, outcome := details(err)
	expect(t, info.GetDomain() == "onar" && info.GetReason() == "KEY_EMPTY", "KEY_EMPTY", info)
	expect(t, info.GetMetadata()["field"] == "key", "the field", info)
	expect(t, outcome.GetExecution() == kvv1.Execution_EXECUTION_NOT_EXECUTED, "not executed", outcome)
	_, known := kvv1.ErrorReason_value["ERROR_REASON_"+info.GetReason()]
	expect(t, known, "a reason of the contract", info)
}

func TestPipelineAnswersByTag(t *testing.T) {
	c, key := connect(t), newKey(t)
	stream := must[grpc.BidiStreamingClient[kvv1.PipelineRequest, kvv1.PipelineResponse]](t)(c.here.Pipeline(c.ctx))
	exchange := func(request *kvv1.PipelineRequest) *kvv1.PipelineResponse {
		if err := stream.Send(request); err != nil {
			t.Fatalf("send: %v", err)
		}
		response := must[*kvv1.PipelineResponse](t)(stream.Recv())
		expect(t, response.GetTag() == request.GetTag(), "the tag", response)
		return response
	}
	put := exchange(&kvv1.PipelineRequest{Tag: 7, Request: &kvv1.PipelineRequest_Put{Put: &kvv1.PutRequest{Key: key, Value: []byte("value")}}})
	expect(t, put.GetPut().GetVersion() > 0, "a version", put)
	get := exchange(&kvv1.PipelineRequest{Tag: 8, Request: &kvv1.PipelineRequest_Get{Get: &kvv1.GetRequest{Key: key}}})
	expect(t, string(get.GetGet().GetEntry().GetValue()) == "value", "the value", get)
	bad := exchange(&kvv1.PipelineRequest{Tag: 9, Request: &kvv1.PipelineRequest_Get{Get: &kvv1.GetRequest{}}})
	expect(t, codes.Code(bad.GetStatus().GetCode()) == codes.InvalidArgument, "INVALID_ARGUMENT", bad)
	if err := stream.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != io.EOF {
		t.Fatalf("expected the end of the stream, got %v", err)
	}
}

func TestTextIsTheSameKey(t *testing.T) {
	c, key := connect(t), newKey(t)
	text := textv1.NewTextServiceClient(c.first)
	must[*textv1.PutResponse](t)(text.Put(c.ctx, &textv1.PutRequest{Key: string(key), Value: "grüße"}))
	get := must[*kvv1.GetResponse](t)(c.there.Get(c.ctx, &kvv1.GetRequest{Key: key}))
	expect(t, string(get.GetEntry().GetValue()) == "grüße", "the text in UTF-8", get)
}

func TestKeyIsLocatedInTheView(t *testing.T) {
	c, key := connect(t), newKey(t)
	reconfiguration := reconfigurationv1.NewReconfigurationServiceClient(c.first)
	view := must[*reconfigurationv1.GetViewResponse](t)(reconfiguration.GetView(c.ctx, &reconfigurationv1.GetViewRequest{})).GetView()
	expect(t, view.GetEpoch() >= 1 && len(view.GetMembers()) > 0, "a view with members", view)
	expect(t, len(view.GetPartitions()) == int(view.GetPartitionCount()), "every partition", len(view.GetPartitions()))
	located := must[*reconfigurationv1.LocateResponse](t)(reconfiguration.Locate(c.ctx,
		&reconfigurationv1.LocateRequest{Target: &reconfigurationv1.LocateRequest_Key{Key: key}}))
	expect(t, located.GetPartition() < view.GetPartitionCount(), "a partition", located)
	expect(t, len(located.GetReplicas()) > 0, "replicas", located)
	state := must[*reconfigurationv1.StatusResponse](t)(reconfiguration.Status(c.ctx, &reconfigurationv1.StatusRequest{}))
	expect(t, len(state.GetNodes()) == len(view.GetMembers()), "a status of every member", state)
}
