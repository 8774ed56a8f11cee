package clients

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	reconfigurationv1 "github.com/onar-kv/onar/gen/go/onar/reconfiguration/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// root is the folder of the repository.
const root = "../../.."

const startMost = 60 * time.Second

// fakeServer is test/clients/fake-server.ts, running.
type fakeServer struct{ control string }

type fakeCase struct {
	Run            string   `json:"run"`
	Endpoints      []string `json:"endpoints"`
	ClusterID      string   `json:"cluster_id"`
	OtherClusterID string   `json:"other_cluster_id"`
}

func startFakeServer(t *testing.T) *fakeServer {
	t.Helper()
	lines := start(t, "node", "--import", "tsx", "test/clients/fake-server.ts")
	line, ok := <-lines
	var first struct {
		Control string `json:"control"`
	}
	if !ok || json.Unmarshal([]byte(line), &first) != nil {
		t.Fatalf("the fake server does not say where it is: %q", line)
	}
	go drain(lines)
	return &fakeServer{first.Control}
}

func (s *fakeServer) post(t *testing.T, path string, into any) {
	t.Helper()
	response, err := http.Post(s.control+path, "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("the fake server answers %s: %s %v", response.Status, body, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatalf("the fake server answers %s: %v", body, err)
	}
}

func (s *fakeServer) begin(t *testing.T, name string) fakeCase {
	t.Helper()
	var begun fakeCase
	s.post(t, "/begin?case="+url.QueryEscape(name), &begun)
	return begun
}

// end fails the test if the server found anything wrong.
func (s *fakeServer) end(t *testing.T, run string) {
	t.Helper()
	var ended struct {
		Problems []string          `json:"problems"`
		Calls    []json.RawMessage `json:"calls"`
	}
	s.post(t, "/end?run="+url.QueryEscape(run), &ended)
	for _, problem := range ended.Problems {
		t.Errorf("problem: %s", problem)
	}
	if t.Failed() {
		for _, call := range ended.Calls {
			t.Logf("call: %s", call)
		}
	}
}

// localCluster is `onar cluster` with nodes of its own.
type localCluster struct {
	endpoints []string
	pids      map[string]int
}

func startCluster(t *testing.T) *localCluster {
	t.Helper()
	base := freeBase(t)
	lines := start(t, "node", "dist/bin/onar.cjs", "cluster", "--nodes", "3", "--base-port", strconv.Itoa(base), "--memory")
	c := &localCluster{pids: make(map[string]int)}
	var heard []string
	for line := range lines {
		heard = append(heard, line)
		var number, pid int
		var client string
		if n, _ := fmt.Sscanf(line, "node %d pid %d client %s", &number, &pid, &client); n == 3 {
			c.endpoints = append(c.endpoints, client)
			c.pids[client] = pid
		}
		if strings.HasPrefix(line, "ready") {
			go drain(lines)
			if len(c.endpoints) != 3 {
				t.Fatalf("not three nodes in %q", heard)
			}
			return c
		}
	}
	t.Fatalf("the cluster ended: %q", heard)
	return nil
}

// killWriter kills the process of the node that is writer of the key.
func (c *localCluster) killWriter(t *testing.T, key string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	conn, err := grpc.NewClient(c.endpoints[0], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cluster := reconfigurationv1.NewReconfigurationServiceClient(conn)
	for ctx.Err() == nil {
		located, err := cluster.Locate(ctx, &reconfigurationv1.LocateRequest{Target: &reconfigurationv1.LocateRequest_Key{Key: []byte(key)}})
		for _, replica := range located.GetReplicas() {
			if pid := c.pids[replica.GetClientAddress()]; err == nil && replica.GetId() == located.GetWriterNodeId() && pid != 0 {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				t.Logf("killed the writer, %s", replica.GetClientAddress())
				return
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("no writer of %s is known", key)
}

// start runs a program until the test ends and returns its lines.
func start(t *testing.T, program string, args ...string) <-chan string {
	t.Helper()
	command := exec.Command(program, args...)
	command.Dir = root
	command.Env = os.Environ()
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr := &tail{}
	command.Stderr = stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	lines := make(chan string)
	late := time.AfterFunc(startMost+5*time.Minute, func() { _ = command.Process.Kill() })
	go func() {
		defer close(lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		late.Stop()
		_ = stdin.Close()
		_ = command.Process.Signal(syscall.SIGTERM)
		go func() {
			drain(lines)
			_ = command.Wait()
			close(ended)
		}()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = command.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Logf("%s %s said: %s", program, strings.Join(args, " "), stderr)
		}
	})
	return lines
}

func drain(lines <-chan string) {
	for range lines {
	}
}

// tail keeps the end of what a program says.
type tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *tail) Write(bytes []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.text.Len() > 16_384 {
		t.text.Reset()
	}
	return t.text.Write(bytes)
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// freeBase returns a base port for `onar cluster` whose ports nobody listens at just now, below those that the system gives to
// outgoing connections.
func freeBase(t *testing.T) int {
	t.Helper()
	for range 1_000 {
		base := 12_000 + rand.IntN(18_000)
		free := true
		for _, port := range []int{base, base + 1, base + 2, base + 100, base + 101, base + 102} {
			listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
			if err != nil {
				free = false
				break
			}
			_ = listener.Close()
		}
		if free {
			return base
		}
	}
	t.Fatal("no free ports")
	return 0
}
