package clients

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	onar "github.com/onar-kv/onar/clients/go"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
	"gopkg.in/yaml.v3"
)

// runner runs the steps of one case.
type runner struct {
	// What the client was given.
	endpoints []string

	client *onar.Client
	// timeout of steps that say nothing; the context always has a deadline, since Go's calls take theirs from it.
	timeout time.Duration
	prefix  string
	// cluster is nil unless the case may kill its nodes.
	cluster *localCluster
	saved   map[string]uint64
}

func TestSharedCases(t *testing.T) {
	cases, err := loadCases(root + "/test/clients/cases.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("there are no cases")
	}
	fake := startFakeServer(t)
	for _, one := range cases {
		t.Run(one.Name, func(t *testing.T) {
			// They mostly wait.
			t.Parallel()
			switch one.On {
			case "cluster":
				endpoints := os.Getenv("ONAR_ENDPOINTS")
				if endpoints == "" {
					t.Skip("ONAR_ENDPOINTS is not set")
				}
				runCase(t, one, nil, fakeCase{Endpoints: strings.Split(endpoints, ",")}, "go/"+hex.EncodeToString(random(t))+"/")
			case "killable":
				cluster := startCluster(t)
				runCase(t, one, cluster, fakeCase{Endpoints: cluster.endpoints}, "go/")
			case "fake":
				run := func(t *testing.T, options onar.Options) {
					begun := fake.begin(t, one.Name)
					runWith(t, one, nil, begun, "", options)
					fake.end(t, begun.Run)
				}
				t.Run("by calls of their own", func(t *testing.T) { run(t, onar.Options{WithoutStream: true}) })
				if one.Pipeline == nil || *one.Pipeline {
					t.Run("on a stream", func(t *testing.T) { run(t, onar.Options{}) })
				}
			default:
				t.Fatalf("on: %q is not known", one.On)
			}
		})
	}
}

func runCase(t *testing.T, one testCase, cluster *localCluster, on fakeCase, prefix string) {
	runWith(t, one, cluster, on, prefix, onar.Options{})
}

func runWith(t *testing.T, one testCase, cluster *localCluster, on fakeCase, prefix string, options onar.Options) {
	options.Endpoints = on.Endpoints
	timeout := 10 * time.Second
	if one.Client.TimeoutMs != nil {
		timeout = milliseconds(*one.Client.TimeoutMs)
		options.Timeout = timeout
	}
	if one.Client.Direct != nil {
		options.EndpointsOnly = !*one.Client.Direct
	}
	switch one.Client.ClusterID {
	case "":
	case "ours", "other":
		id := on.ClusterID
		if one.Client.ClusterID == "other" {
			id = on.OtherClusterID
		}
		pinned, err := hex.DecodeString(id)
		if err != nil {
			t.Fatal(err)
		}
		options.ClusterID = pinned
	default:
		t.Fatalf("client.cluster_id: %q is not known", one.Client.ClusterID)
	}
	client, err := onar.New(options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := client.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	r := &runner{client: client, endpoints: on.Endpoints, timeout: timeout, prefix: prefix, cluster: cluster, saved: make(map[string]uint64)}
	for number, one := range one.Steps {
		for repetition := 1; repetition <= max(1, one.Times); repetition++ {
			if one.KillWriterAt == repetition {
				cluster.killWriter(t, r.key(one.Key))
			}
			if one.CloseAfterMs != nil {
				time.AfterFunc(milliseconds(*one.CloseAfterMs), func() { _ = client.Close() })
			}
			problems := make(chan string)
			for range max(1, one.AtOnce) {
				go func() { problems <- r.run(t, one, repetition) }()
			}
			for range max(1, one.AtOnce) {
				if problem := <-problems; problem != "" {
					t.Errorf("step %d (%s), repetition %d: %s", number+1, one.Call, repetition, problem)
				}
			}
			if t.Failed() {
				return
			}
		}
	}
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

func (r *runner) key(key caseKey) string {
	if key.exact {
		return string(key.bytes)
	}
	return r.prefix + string(key.bytes)
}

// answer is what any call answered, with what it tells.
type answer struct {
	version     uint64
	found       *bool
	value       []byte
	consistency string
	swapped     *bool
	deleted     *bool
	number      *int64
}

func (r *runner) call(ctx context.Context, t *testing.T, one step) (answer, error) {
	key := r.key(one.Key)
	switch one.Call {
	case "get":
		consistency := onar.Linearizable
		if one.Consistency == "local" {
			consistency = onar.Local
		}
		got, err := r.client.Get(ctx, key, consistency)
		return answer{version: got.Version, found: &got.Exists, value: got.Value, consistency: got.Consistency.String()}, err
	case "put":
		got, err := r.client.Put(ctx, key, one.Value)
		return answer{version: got.Version}, err
	case "compareAndSet":
		got, err := r.client.CompareAndSet(ctx, key, r.condition(t, one.Condition), one.Value)
		found, value := entryParts(got.Found)
		return answer{version: got.Version, swapped: &got.Swapped, found: found, value: value}, err
	case "delete":
		var got onar.DeleteResult
		var err error
		if one.Condition == nil {
			got, err = r.client.Delete(ctx, key)
		} else {
			got, err = r.client.DeleteIf(ctx, key, r.condition(t, one.Condition))
		}
		found, value := entryParts(got.Found)
		return answer{version: got.Version, deleted: &got.Deleted, found: found, value: value}, err
	case "add":
		delta, err := strconv.ParseInt(one.Delta.Value, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.client.Add(ctx, key, delta)
		result := answer{version: got.Version}
		if got.NumberKnown {
			result.number = &got.Number
		}
		return result, err
	default:
		t.Fatalf("call: %q is not known", one.Call)
		return answer{}, nil
	}
}

func entryParts(entry *onar.Entry) (found *bool, value []byte) {
	exists := entry != nil
	if exists {
		value = entry.Value
	}
	return &exists, value
}

func (r *runner) condition(t *testing.T, wanted *condition) onar.Condition {
	switch {
	case wanted == nil:
		return onar.Condition{}
	case wanted.Presence == "absent":
		return onar.IfAbsent()
	case wanted.Presence == "present":
		return onar.IfPresent()
	case wanted.Value != nil:
		return onar.IfValue(*wanted.Value)
	default:
		return onar.IfVersion(r.version(t, wanted.Version))
	}
}

// version is a number or the name of a saved one.
func (r *runner) version(t *testing.T, node yaml.Node) uint64 {
	t.Helper()
	if version, err := strconv.ParseUint(node.Value, 10, 64); err == nil {
		return version
	}
	version, saved := r.saved[node.Value]
	if !saved {
		t.Fatalf("no version is saved as %q", node.Value)
	}
	return version
}

// run makes the call of a step and says what is not as expected.
func (r *runner) run(t *testing.T, one step, repetition int) string {
	timeout := r.timeout
	if one.TimeoutMs != nil {
		timeout = milliseconds(*one.TimeoutMs)
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if one.CancelAfterMs != nil {
		time.AfterFunc(milliseconds(*one.CancelAfterMs), cancel)
	}
	got, err := r.call(ctx, t, one)
	outcome := string(onar.OutcomeOf(err))
	said := "done"
	if err != nil {
		said = err.Error()
	}
	if outcome != one.Expect.Outcome {
		return "expected " + one.Expect.Outcome + ", got " + said
	}
	if err != nil {
		return r.compareError(one.Expect, err)
	}
	if one.Save != "" {
		r.saved[one.Save] = got.version
	}
	return r.compare(t, one.Expect, got, repetition)
}

// compareError says what of an error is not as expected.
func (r *runner) compareError(expected expectation, err error) string {
	var reason onar.Reason
	var status codes.Code
	var address string
	var notDone *onar.NotDoneError
	var unknown *onar.UnknownError
	switch {
	case errors.As(err, &notDone):
		reason, status, address = notDone.Reason, notDone.Code, notDone.Address
	case errors.As(err, &unknown):
		reason, status, address = unknown.Reason, unknown.Code, unknown.Address
	default:
		return "an error of no kind: " + err.Error()
	}
	if len(expected.Reason) > 0 && !slices.Contains(expected.Reason, string(reason)) {
		return "expected " + strings.Join(expected.Reason, " or ") + ", got " + err.Error()
	}
	if name := code.Code(status).String(); expected.Code != "" && name != expected.Code {
		return "expected " + expected.Code + ", got " + name + ": " + err.Error()
	}
	named := true
	for _, one := range strings.Split(address, ", ") {
		named = named && strings.Contains(err.Error(), one)
	}
	switch expected.Names {
	case "":
		return ""
	case "none":
		named = address == ""
	case "one":
		named = named && slices.Contains(r.endpoints, address)
	case "all":
		named = named && address == strings.Join(r.endpoints, ", ")
	default:
		return "names: " + expected.Names + " is not known"
	}
	if !named {
		return "expected it to name " + expected.Names + " of " + strings.Join(r.endpoints, ", ") + ", got " + address + ": " + err.Error()
	}
	return ""
}

func (r *runner) compare(t *testing.T, expected expectation, got answer, repetition int) string {
	var wrong []string
	differs := func(what string, expected, got any) {
		wrong = append(wrong, what+": expected "+text(expected)+", got "+text(got))
	}
	flag := func(what string, expected, got *bool) {
		if expected != nil && (got == nil || *got != *expected) {
			differs(what, expected, got)
		}
	}
	flag("found", expected.Found, got.found)
	flag("swapped", expected.Swapped, got.swapped)
	flag("deleted", expected.Deleted, got.deleted)
	if expected.Value != nil && !bytes.Equal(*expected.Value, got.value) {
		differs("value", []byte(*expected.Value), got.value)
	}
	if expected.Consistency != "" && expected.Consistency != got.consistency {
		differs("consistency", expected.Consistency, got.consistency)
	}
	switch expected.Version.Kind {
	case 0:
	case yaml.ScalarNode:
		if wanted := r.version(t, expected.Version); wanted != got.version {
			differs("version", wanted, got.version)
		}
	default:
		relation, other := expected.Version.Content[0].Value, r.version(t, *expected.Version.Content[1])
		switch {
		case relation == "equals" && got.version != other, relation == "above" && got.version <= other:
			differs("version "+relation, other, got.version)
		case relation != "equals" && relation != "above":
			t.Fatalf("version: %q is not known", relation)
		}
	}
	if expected.Number.Kind != 0 {
		wanted := expected.Number.Value
		if expected.Number.Kind == yaml.MappingNode {
			wanted = strconv.Itoa(repetition)
		}
		told := "null"
		if got.number != nil {
			told = strconv.FormatInt(*got.number, 10)
		}
		if wanted != told {
			differs("number", wanted, told)
		}
	}
	return strings.Join(wrong, "; ")
}

func text(value any) string {
	switch value := value.(type) {
	case *bool:
		if value == nil {
			return "nothing"
		}
		return strconv.FormatBool(*value)
	case []byte:
		return strconv.Quote(string(value[:min(len(value), 100)]))
	case uint64:
		return strconv.FormatUint(value, 10)
	case string:
		return value
	default:
		return "?"
	}
}
