package recipes

import (
	"context"
	"fmt"
	"strings"
	"time"

	onar "github.com/onar-kv/onar/clients/go"
)

// Job is claimed by one worker.
type Job struct {
	Number  int
	Payload string

	version uint64
}

// Queue has jobs in numbered keys without gaps. A job that was not finished within the lease goes to another worker. One goroutine at a time
// may use it.
type Queue struct {
	client *onar.Client
	name   string
	// claims of others, as this worker has seen them.
	seen map[int]claim
	// All jobs before these are known to be there, or to be done.
	tail, head int
}

type claim struct {
	version uint64
	at      time.Time
}

// NewQueue makes a queue, or a worker of one.
func NewQueue(client *onar.Client, name string) *Queue {
	return &Queue{client: client, name: name, seen: make(map[int]claim), tail: 1, head: 1}
}

// Add returns the job's number. An UnknownError: it may be in the queue.
func (q *Queue) Add(ctx context.Context, payload string) (int, error) {
	for ; ; q.tail++ {
		added, err := q.client.CompareAndSet(ctx, q.key(q.tail), onar.IfAbsent(), []byte("todo "+payload))
		if err != nil {
			return 0, err
		}
		if added.Swapped {
			q.tail++
			return q.tail - 1, nil
		}
	}
}

// Claim returns the first job that is free, or that nobody finished while this worker watched for the lease. nil without an error: there is
// none.
func (q *Queue) Claim(ctx context.Context, lease time.Duration) (*Job, error) {
	for number := q.head; ; number++ {
		got, err := q.client.Get(ctx, q.key(number))
		if err != nil || !got.Exists {
			return nil, err
		}
		state, payload, _ := strings.Cut(string(got.Value), " ")
		if state == "done" {
			if number == q.head {
				q.head++
			}
			delete(q.seen, number)
			continue
		}
		if state == "taken" && !q.isLate(number, got.Version, lease) {
			continue
		}
		taken, err := q.client.CompareAndSet(ctx, q.key(number), onar.IfVersion(got.Version), []byte("taken "+payload))
		if err != nil {
			return nil, err
		}
		if taken.Swapped {
			return &Job{Number: number, Payload: payload, version: taken.Version}, nil
		}
	}
}

// Finish tells false when it took too long, and another worker has the job.
func (q *Queue) Finish(ctx context.Context, job *Job) (bool, error) {
	done, err := q.client.CompareAndSet(ctx, q.key(job.Number), onar.IfVersion(job.version), []byte("done"))
	return done.Swapped, err
}

func (q *Queue) isLate(number int, version uint64, lease time.Duration) bool {
	if seen, found := q.seen[number]; found && seen.version == version {
		return time.Since(seen.at) >= lease
	}
	q.seen[number] = claim{version: version, at: time.Now()}
	return false
}

func (q *Queue) key(number int) string { return fmt.Sprintf("%s/%d", q.name, number) }
