package onar

import (
	"bytes"
	"context"
	"time"

	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	// mostStreamed is the longest value that rides the stream: a longer one is a call of its own, which holds up no other.
	mostStreamed = 64 << 10
	// After a stream that broke under calls none is tried for firstStreamPause, longer each time.
	firstStreamPause = 10 * time.Second
	mostStreamPause  = 10 * time.Minute
)

// keyCalls are the calls on keys, whichever way they take.
type keyCalls interface {
	Get(context.Context, *kvv1.GetRequest, ...grpc.CallOption) (*kvv1.GetResponse, error)
	Put(context.Context, *kvv1.PutRequest, ...grpc.CallOption) (*kvv1.PutResponse, error)
	CompareAndSet(context.Context, *kvv1.CompareAndSetRequest, ...grpc.CallOption) (*kvv1.CompareAndSetResponse, error)
	Delete(context.Context, *kvv1.DeleteRequest, ...grpc.CallOption) (*kvv1.DeleteResponse, error)
	Add(context.Context, *kvv1.AddRequest, ...grpc.CallOption) (*kvv1.AddResponse, error)
}

// lane is the way of calls to one endpoint: on one stream where the way allows it, and otherwise each as a call of its own.
//
// Whether it does is found out, not believed. A proxy may keep a request back until all of it is there. So no call goes on the stream
// before the node has said that it serves it.
type lane struct {
	unary kvv1.KeyValueServiceClient
	// stands: the connection does. A stream is never what makes a connection, as another node may be at its end.
	stands func() bool
	// run does something in the background, which the client's Close waits for; nil: calls ride no stream.
	run func(func())

	streams streamBox
}

// openStream begins to ask whether the node serves a stream, unless there is one, or one failed a moment ago.
func (l *lane) openStream() {
	if l.run == nil || !l.stands() || !l.streams.begin(time.Now()) {
		return
	}
	l.run(func() {
		s, err := openStream(l.unary)
		if err != nil {
			l.streams.failed(time.Now())
			return
		}
		l.streams.serves(s)
		if s.receive() {
			l.streams.failed(time.Now())
		} else {
			l.streams.ended()
		}
	})
}

// close ends the stream that there is.
func (l *lane) close() { l.streams.close() }

func (l *lane) Get(ctx context.Context, in *kvv1.GetRequest, options ...grpc.CallOption) (*kvv1.GetResponse, error) {
	s := l.stream(0)
	if s == nil {
		return l.unary.Get(ctx, in, options...)
	}
	return answerOf(s, ctx, &kvv1.PipelineRequest{Request: &kvv1.PipelineRequest_Get{Get: in}}, (*kvv1.PipelineResponse).GetGet)
}

func (l *lane) Put(ctx context.Context, in *kvv1.PutRequest, options ...grpc.CallOption) (*kvv1.PutResponse, error) {
	s := l.stream(len(in.GetValue()))
	if s == nil {
		return l.unary.Put(ctx, in, options...)
	}
	// Who gives a call up may use its bytes again, while they wait here to be sent.
	in.Value = bytes.Clone(in.Value)
	return answerOf(s, ctx, &kvv1.PipelineRequest{Request: &kvv1.PipelineRequest_Put{Put: in}}, (*kvv1.PipelineResponse).GetPut)
}

func (l *lane) CompareAndSet(ctx context.Context, in *kvv1.CompareAndSetRequest, options ...grpc.CallOption) (*kvv1.CompareAndSetResponse, error) {
	s := l.stream(len(in.GetValue()) + len(in.GetCondition().GetValue()))
	if s == nil {
		return l.unary.CompareAndSet(ctx, in, options...)
	}
	in = proto.Clone(in).(*kvv1.CompareAndSetRequest)
	request := &kvv1.PipelineRequest{Request: &kvv1.PipelineRequest_CompareAndSet{CompareAndSet: in}}
	return answerOf(s, ctx, request, (*kvv1.PipelineResponse).GetCompareAndSet)
}

func (l *lane) Delete(ctx context.Context, in *kvv1.DeleteRequest, options ...grpc.CallOption) (*kvv1.DeleteResponse, error) {
	s := l.stream(len(in.GetCondition().GetValue()))
	if s == nil {
		return l.unary.Delete(ctx, in, options...)
	}
	in = proto.Clone(in).(*kvv1.DeleteRequest)
	return answerOf(s, ctx, &kvv1.PipelineRequest{Request: &kvv1.PipelineRequest_Delete{Delete: in}}, (*kvv1.PipelineResponse).GetDelete)
}

func (l *lane) Add(ctx context.Context, in *kvv1.AddRequest, options ...grpc.CallOption) (*kvv1.AddResponse, error) {
	s := l.stream(0)
	if s == nil {
		return l.unary.Add(ctx, in, options...)
	}
	return answerOf(s, ctx, &kvv1.PipelineRequest{Request: &kvv1.PipelineRequest_Add{Add: in}}, (*kvv1.PipelineResponse).GetAdd)
}

// stream is the one to ride with values of that length; nil: none.
func (l *lane) stream(length int) *stream {
	if l.run == nil || length > mostStreamed {
		return nil
	}
	s := l.streams.now()
	if s == nil {
		l.openStream()
	}
	return s
}

// answerOf sends a request on the stream. pick takes the answer of its kind out of what comes.
func answerOf[Answer interface {
	comparable
	GetHeader() *kvv1.Header
}](s *stream, ctx context.Context, request *kvv1.PipelineRequest, pick func(*kvv1.PipelineResponse) Answer) (Answer, error) {
	var none Answer
	response, err := s.call(ctx, request)
	if err != nil {
		return none, err
	}
	if failed := response.GetStatus(); failed != nil {
		return none, status.FromProto(failed).Err()
	}
	answer := pick(response)
	if answer == none {
		return none, status.Error(codes.Internal, "an answer of another kind")
	}
	return answer, nil
}
