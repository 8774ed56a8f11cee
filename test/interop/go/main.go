// Command interop carries out the interoperability cases of gRPC as grpc-go has them, and serves grpc-go's test service.
//
//	interop client [-ca FILE] HOST:PORT CASE
//	interop server
//
// Grpc-go has no cases of compression, and its service does not look at it: those two are written here.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/interop"
	pb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

const (
	requestSize  = 271828
	responseSize = 314159
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: interop client [-ca FILE] HOST:PORT CASE | interop server")
	}
	switch os.Args[1] {
	case "client":
		flags := flag.NewFlagSet("client", flag.ExitOnError)
		ca := flags.String("ca", "", "file of the certificate that signed the server's; without it there is no TLS")
		if err := flags.Parse(os.Args[2:]); err != nil || flags.NArg() != 2 {
			log.Fatal("usage: interop client [-ca FILE] HOST:PORT CASE")
		}
		client(flags.Arg(0), *ca, flags.Arg(1))
	case "server":
		server()
	default:
		log.Fatalf("unknown command %q", os.Args[1])
	}
}

func client(address, ca, name string) {
	secrets := insecure.NewCredentials()
	if ca != "" {
		var err error
		if secrets, err = credentials.NewClientTLSFromFile(ca, "localhost"); err != nil {
			log.Fatal(err)
		}
	}
	seen := new(compression)
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(secrets), grpc.WithStatsHandler(seen))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	service := pb.NewTestServiceClient(connection)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	cases := map[string]func(){
		"empty_unary":                 func() { interop.DoEmptyUnaryCall(ctx, service) },
		"large_unary":                 func() { interop.DoLargeUnaryCall(ctx, service) },
		"client_streaming":            func() { interop.DoClientStreaming(ctx, service) },
		"server_streaming":            func() { interop.DoServerStreaming(ctx, service) },
		"ping_pong":                   func() { interop.DoPingPong(ctx, service) },
		"empty_stream":                func() { interop.DoEmptyStream(ctx, service) },
		"timeout_on_sleeping_server":  func() { interop.DoTimeoutOnSleepingServer(ctx, service) },
		"cancel_after_begin":          func() { interop.DoCancelAfterBegin(ctx, service) },
		"cancel_after_first_response": func() { interop.DoCancelAfterFirstResponse(ctx, service) },
		"status_code_and_message":     func() { interop.DoStatusCodeAndMessage(ctx, service) },
		"special_status_message":      func() { interop.DoSpecialStatusMessage(ctx, service) },
		"unimplemented_method":        func() { interop.DoUnimplementedMethod(ctx, connection) },
		"unimplemented_service":       func() { interop.DoUnimplementedService(ctx, pb.NewUnimplementedServiceClient(connection)) },
		"custom_metadata":             func() { interop.DoCustomMetadata(ctx, service) },
		"client_compressed_unary":     func() { clientCompressed(ctx, service) },
		"server_compressed_unary":     func() { serverCompressed(ctx, service, seen) },
		"rpc_soak":                    func() { soak(ctx, service) },
	}
	run, ok := cases[name]
	if !ok {
		log.Fatalf("unknown case %q", name)
	}
	run()
	fmt.Println("passed")
}

func largeRequest() *pb.SimpleRequest {
	return &pb.SimpleRequest{ResponseSize: responseSize, Payload: interop.ClientNewPayload(pb.PayloadType_COMPRESSABLE, requestSize)}
}

func clientCompressed(ctx context.Context, service pb.TestServiceClient) {
	request := largeRequest()
	request.ExpectCompressed = &pb.BoolValue{Value: true}
	if _, err := service.UnaryCall(ctx, request); status.Code(err) != codes.InvalidArgument {
		log.Fatalf("a request that was not compressed, and should be: %v", err)
	}
	if response, err := service.UnaryCall(ctx, request, grpc.UseCompressor(gzip.Name)); err != nil {
		log.Fatalf("a compressed request: %v", err)
	} else if got := len(response.GetPayload().GetBody()); got != responseSize {
		log.Fatalf("a response of %d bytes", got)
	}
	request.ExpectCompressed.Value = false
	if _, err := service.UnaryCall(ctx, request); err != nil {
		log.Fatalf("a request that is not compressed: %v", err)
	}
}

func serverCompressed(ctx context.Context, service pb.TestServiceClient, seen *compression) {
	for _, want := range []bool{true, false} {
		request := largeRequest()
		request.ResponseCompressed = &pb.BoolValue{Value: want}
		response, err := service.UnaryCall(ctx, request)
		if err != nil {
			log.Fatalf("compressed %v: %v", want, err)
		}
		if got := len(response.GetPayload().GetBody()); got != responseSize {
			log.Fatalf("a response of %d bytes", got)
		}
		if seen.last.Load() != want {
			log.Fatalf("response compressed: %v, want %v", !want, want)
		}
	}
}

// soak makes calls for two seconds, eight at a time: none may fail, whatever becomes of connections meanwhile.
func soak(ctx context.Context, service pb.TestServiceClient) {
	until := time.Now().Add(2 * time.Second)
	var callers sync.WaitGroup
	for i := 0; i < 8; i++ {
		callers.Add(1)
		go func() {
			defer callers.Done()
			for n := 0; time.Now().Before(until); n++ {
				if _, err := service.EmptyCall(ctx, &pb.Empty{}); err != nil {
					log.Fatalf("call %d: %v", n, err)
				}
			}
		}()
	}
	callers.Wait()
}

// compression notes whether the message that came last was compressed.
type compression struct{ last atomic.Bool }

type key struct{}

func (c *compression) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, key{}, new(atomic.Bool))
}

func (c *compression) HandleRPC(ctx context.Context, event stats.RPCStats) {
	if payload, ok := event.(*stats.InPayload); ok {
		compressed := payload.CompressedLength != payload.Length
		c.last.Store(compressed)
		ctx.Value(key{}).(*atomic.Bool).Store(compressed)
	}
}

func (c *compression) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (c *compression) HandleConn(context.Context, stats.ConnStats)                       {}

// service is grpc-go's own, which also heeds what a unary call says of compression.
type service struct{ pb.TestServiceServer }

func (s service) UnaryCall(ctx context.Context, request *pb.SimpleRequest) (*pb.SimpleResponse, error) {
	if expected := request.GetExpectCompressed(); expected != nil && ctx.Value(key{}).(*atomic.Bool).Load() != expected.GetValue() {
		return nil, status.Errorf(codes.InvalidArgument, "request compressed: %v", !expected.GetValue())
	}
	if request.GetResponseCompressed().GetValue() {
		if err := grpc.SetSendCompressor(ctx, gzip.Name); err != nil {
			return nil, err
		}
	}
	return s.TestServiceServer.UnaryCall(ctx, request)
}

// server prints its port, and serves until its standard input ends.
func server() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	served := grpc.NewServer(grpc.StatsHandler(new(compression)))
	pb.RegisterTestServiceServer(served, service{interop.NewTestServer()})
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	go func() {
		_, _ = os.Stdin.Read(make([]byte, 1))
		served.Stop()
	}()
	if err := served.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
