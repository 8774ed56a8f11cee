package onar_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	onar "github.com/onar-kv/onar/clients/go"
	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
)

func newClient(t *testing.T, options onar.Options) *onar.Client {
	t.Helper()
	client, err := onar.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// closedAddress is one where nobody listens.
func closedAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func TestWrongOptionsAreNamed(t *testing.T) {
	for _, one := range []struct {
		options onar.Options
		named   string
	}{
		{onar.Options{}, "Options.Endpoints: at least one"},
		{onar.Options{Endpoints: []string{"localhost"}}, "Options.Endpoints[0]: \"localhost\""},
		{onar.Options{Endpoints: []string{"a:1", "b:70000"}}, "Options.Endpoints[1]: \"b:70000\""},
		{onar.Options{Endpoints: []string{"a:1", "a:1"}}, "given twice"},
		{onar.Options{Endpoints: []string{" a:1"}}, "Options.Endpoints[0]: \" a:1\" is not HOST:PORT"},
		{onar.Options{Endpoints: []string{"a:1"}, ClusterID: []byte("short")}, "Options.ClusterID: must be 16 bytes, is 5"},
		{onar.Options{Endpoints: []string{"a:1"}, Timeout: -1}, "Options.Timeout: must not be negative"},
	} {
		if _, err := onar.New(one.options); err == nil || !strings.Contains(err.Error(), one.named) {
			t.Errorf("expected %q, got %v", one.named, err)
		}
	}
}

func TestDialSaysWhyNoEndpointAnswers(t *testing.T) {
	address := closedAddress(t)
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	_, err := onar.Dial(ctx, onar.Options{Endpoints: []string{address}})
	if !errors.Is(err, onar.ReasonUnreachable) || !errors.Is(err, onar.ErrNotDone) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("expected UNREACHABLE, got %v", err)
	}
	if !strings.Contains(err.Error(), address) {
		t.Errorf("the endpoint is not named: %v", err)
	}
}

func TestASlowEndpointIsAskedOnWhileAnotherOneAnswers(t *testing.T) {
	slow, well := newServer(t), newServer(t)
	slow.silent = true
	client, err := onar.New(onar.Options{Endpoints: []string{slow.address, well.address}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Get(context.Background(), "k"); err != nil {
		t.Fatal(err)
	}
	if len(well.came()) != 1 || len(slow.came()) != 0 {
		t.Fatalf("the one that answers was asked %d times, the other %d times", len(well.came()), len(slow.came()))
	}
	// The question that nobody waits for has more time than the one that a call waited for.
	for giveUp := time.Now().Add(30 * time.Second); slow.patientViews() == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(giveUp) {
			t.Fatal("it was not asked on")
		}
	}
}

func TestAContextThatIsOverIsNotDone(t *testing.T) {
	client, err := onar.New(onar.Options{Endpoints: []string{newServer(t).address}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Hour))
	defer cancel()
	_, err = client.Put(ctx, "k", []byte("v"))
	if !errors.Is(err, onar.ReasonDeadlineExceeded) || !errors.Is(err, onar.ErrNotDone) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("expected DEADLINE_EXCEEDED, got %v", err)
	}
}

func TestDialPinsTheFirstClusterSeen(t *testing.T) {
	client, err := onar.Dial(context.Background(), onar.Options{Endpoints: []string{newServer(t).address}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if string(client.ClusterID()) != string(clusterID) {
		t.Errorf("got %x", client.ClusterID())
	}
}

func TestCancelledWriteIsUnknownAndCancelledReadIsNotDone(t *testing.T) {
	s := newServer(t)
	s.holdWrites(t)
	client := newClient(t, onar.Options{Endpoints: []string{s.address}})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for !isPut(s.came()) {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	_, err := client.Put(ctx, "k", nil)
	if !errors.Is(err, onar.ErrUnknown) || !errors.Is(err, onar.ReasonCancelled) || !errors.Is(err, context.Canceled) {
		t.Errorf("expected an unknown outcome, got %v", err)
	}
	_, err = client.Get(ctx, "k")
	if !errors.Is(err, onar.ErrNotDone) || !errors.Is(err, onar.ReasonCancelled) || !errors.Is(err, context.Canceled) {
		t.Errorf("expected not done, got %v", err)
	}
}

func isPut(requests []any) bool {
	for _, one := range requests {
		if _, is := one.(*kvv1.PutRequest); is {
			return true
		}
	}
	return false
}

func TestClosedClientDoesNothing(t *testing.T) {
	s := newServer(t)
	client := newClient(t, onar.Options{Endpoints: []string{s.address}})
	for range 2 {
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := client.Put(context.Background(), "k", nil)
	var notDone *onar.NotDoneError
	if !errors.As(err, &notDone) || notDone.Reason != onar.ReasonClosed || notDone.Attempts != 0 {
		t.Errorf("expected CLOSED, got %v", err)
	}
	if came := s.came(); len(came) != 0 {
		t.Errorf("it was sent %v", came)
	}
}

func TestCloseEndsAWriteThatWaits(t *testing.T) {
	s := newServer(t)
	s.holdWrites(t)
	client := newClient(t, onar.Options{Endpoints: []string{s.address}})
	failed := make(chan error)
	go func() {
		_, err := client.Put(context.Background(), "k", nil)
		failed <- err
	}()
	for !isPut(s.came()) {
		time.Sleep(time.Millisecond)
	}
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, onar.ErrUnknown) || !errors.Is(err, onar.ReasonClosed) {
		t.Errorf("expected an unknown outcome, got %v", err)
	}
}

func TestFirstWriteOfAPartitionAsksForARevisionFirst(t *testing.T) {
	s := newServer(t)
	client := newClient(t, onar.Options{Endpoints: []string{s.address}})
	for range 2 {
		if _, err := client.Put(context.Background(), "k", nil); err != nil {
			t.Fatal(err)
		}
	}
	came := s.came()
	if asked, is := came[0].(*kvv1.GetRequest); !is || asked.GetConsistency() != kvv1.Consistency_CONSISTENCY_LOCAL {
		t.Errorf("expected a local read, got %v", came[0])
	}
	var puts []*kvv1.PutRequest
	for _, one := range came {
		// On a slow machine, the second write may ask again.
		if put, is := one.(*kvv1.PutRequest); is {
			puts = append(puts, put)
		}
	}
	for i, after := range []uint64{100, 101} {
		if put := puts[i]; put.GetAfter().GetRevision() != after || len(put.GetRequestId()) != 16 {
			t.Errorf("expected a write after %d, got %v", after, put)
		}
	}
}

func TestConditionThatSaysNothingIsSentAsSuch(t *testing.T) {
	s := newServer(t)
	client := newClient(t, onar.Options{Endpoints: []string{s.address}})
	_, err := client.DeleteIf(context.Background(), "k", onar.Condition{})
	// This server has no Delete at all; what matters is that none without condition arrived.
	if !errors.Is(err, onar.Reason("UNIMPLEMENTED")) {
		t.Errorf("got %v", err)
	}
}

func TestCallsOfManyGoroutinesCountEachOnce(t *testing.T) {
	s := newServer(t)
	client := newClient(t, onar.Options{Endpoints: []string{closedAddress(t), s.address}})
	var calls sync.WaitGroup
	for range 20 {
		calls.Add(1)
		go func() {
			defer calls.Done()
			for range 20 {
				if _, err := client.Add(context.Background(), "n", 1); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	calls.Wait()
	if got, err := client.Get(context.Background(), "n"); err != nil || string(got.Value) != "400" {
		t.Errorf("expected 400, got %q, %v", got.Value, err)
	}
}

func TestNothingIsLeftAfterClose(t *testing.T) {
	s := newServer(t)
	nothingIsLeft(t, func() {
		for i := range 5 {
			client, err := onar.New(onar.Options{Endpoints: []string{closedAddress(t), s.address}})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.Put(context.Background(), fmt.Sprint(i), nil); err != nil {
				t.Error(err)
			}
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestNothingIsLeftAfterCloseUnderCallsThatRunWaitAndPause(t *testing.T) {
	s := newServer(t)
	s.holdWrites(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	nothingIsLeft(t, func() {
		var calls sync.WaitGroup
		for _, endpoints := range [][]string{{s.address}, {silent.Addr().String(), s.address}, {closedAddress(t)}} {
			client, err := onar.New(onar.Options{Endpoints: endpoints})
			if err != nil {
				t.Fatal(err)
			}
			for range 3 * 8 {
				calls.Add(1)
				go func() {
					defer calls.Done()
					if _, err := client.Put(context.Background(), "k", nil); !errors.Is(err, onar.ReasonClosed) {
						t.Errorf("expected CLOSED, got %v", err)
					}
				}()
			}
			time.Sleep(200 * time.Millisecond)
			if err := client.Close(); err != nil {
				t.Error(err)
			}
		}
		calls.Wait()
	})
}

// nothingIsLeft fails the test when goroutines remain of what is done. Those of calls that the server still holds are its own.
func nothingIsLeft(t *testing.T, do func()) {
	t.Helper()
	ours := func() int {
		stacks := make([]byte, 1<<20)
		count := 0
		for _, one := range strings.Split(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(one, "clients/go.(") || strings.Contains(one, "http2Client") ||
				strings.Contains(one, "addrConn") || strings.Contains(one, "CallbackSerializer") {
				count++
			}
		}
		return count
	}
	before := ours()
	do()
	for giveUp := time.Now().Add(20 * time.Second); ours() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(giveUp) {
			stacks := make([]byte, 1<<16)
			t.Fatalf("%d goroutines, %d before:\n%s", ours(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}
