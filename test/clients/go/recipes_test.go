package clients

import (
	"context"
	"encoding/hex"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	onar "github.com/onar-kv/onar/clients/go"
	"github.com/onar-kv/onar/clients/go/recipes"
)

// lease is long enough for a machine that is busy.
const lease = 2 * time.Second

func recipeClient(t *testing.T) (context.Context, *onar.Client, string) {
	endpoints := os.Getenv("ONAR_ENDPOINTS")
	if endpoints == "" {
		t.Skip("ONAR_ENDPOINTS is not set")
	}
	client, err := onar.New(onar.Options{Endpoints: strings.Split(endpoints, ","), Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx, client, "recipes/" + hex.EncodeToString(random(t))
}

func TestACounterCounts(t *testing.T) {
	ctx, client, name := recipeClient(t)
	counter := recipes.Counter{Client: client, Key: name}
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			if _, err := counter.Add(ctx, 1); err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	if count := must[int64](t)(counter.Add(ctx, -5)); count != 3 {
		t.Errorf("%d", count)
	}
}

func TestALockHasOneHolderAndGrowingTokens(t *testing.T) {
	ctx, client, name := recipeClient(t)
	first := must[*recipes.Lock](t)(recipes.Acquire(ctx, client, name, lease))
	// It watches for the lease, in which the lock is renewed.
	if other := must[*recipes.Lock](t)(recipes.Acquire(ctx, client, name, lease)); other != nil {
		t.Fatal("two hold the lock")
	}
	if !must[bool](t)(first.Release(ctx)) {
		t.Error("it was lost")
	}
	second := must[*recipes.Lock](t)(recipes.Acquire(ctx, client, name, lease))
	if second.Token <= first.Token {
		t.Errorf("%d after %d", second.Token, first.Token)
	}
	if !must[bool](t)(recipes.StoreFenced(ctx, client, name+"/protected", second.Token, "by the second")) {
		t.Error("the holder is fenced off")
	}
	if must[bool](t)(recipes.StoreFenced(ctx, client, name+"/protected", first.Token, "too late")) {
		t.Error("an earlier holder is not fenced off")
	}
	must[onar.PutResult](t)(client.Put(ctx, name, []byte("another 1000")))
	select {
	case <-second.Lost():
	case <-ctx.Done():
		t.Fatal("the lock is not lost")
	}
	if must[bool](t)(second.Release(ctx)) {
		t.Error("somebody else's lock was given back")
	}
}

func TestALockThatNobodyRenewsGoesToTheOneThatWatched(t *testing.T) {
	ctx, client, name := recipeClient(t)
	left := must[onar.PutResult](t)(client.Put(ctx, name, []byte("somebody 300")))
	lock := must[*recipes.Lock](t)(recipes.Acquire(ctx, client, name, lease))
	if lock == nil || lock.Token <= left.Version || !must[bool](t)(lock.Release(ctx)) {
		t.Error("it was not taken")
	}
}

func TestOneLeadsAtATime(t *testing.T) {
	ctx, client, name := recipeClient(t)
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	var leading atomic.Int32
	var mu sync.Mutex
	var tokens []uint64
	var all sync.WaitGroup
	for range 2 {
		all.Add(1)
		go func() {
			defer all.Done()
			recipes.Lead(stop, client, name, lease, func(_ context.Context, token uint64) {
				if leading.Add(1) != 1 {
					t.Error("two lead")
				}
				mu.Lock()
				tokens = append(tokens, token)
				if len(tokens) == 3 {
					cancel()
				}
				mu.Unlock()
				leading.Add(-1)
			})
		}()
	}
	all.Wait()
	if len(tokens) < 3 || !slices.IsSorted(tokens) {
		t.Errorf("%v", tokens)
	}
}

func TestEachJobGoesToOneWorkerAndOneThatIsLeftBehindToAnother(t *testing.T) {
	ctx, client, name := recipeClient(t)
	for i := range 4 {
		// Each adder begins at the first number.
		if number := must[int](t)(recipes.NewQueue(client, name).Add(ctx, "job")); number != i+1 {
			t.Errorf("%d", number)
		}
	}
	one, two := recipes.NewQueue(client, name), recipes.NewQueue(client, name)
	left := must[*recipes.Job](t)(one.Claim(ctx, time.Minute))
	finished := must[*recipes.Job](t)(two.Claim(ctx, time.Minute))
	if left.Number == finished.Number || !must[bool](t)(two.Finish(ctx, finished)) {
		t.Error("two have one job")
	}
	patient := recipes.NewQueue(client, name)
	var done []int
	for len(done) < 3 && !t.Failed() {
		if job := must[*recipes.Job](t)(patient.Claim(ctx, 0)); job != nil && must[bool](t)(patient.Finish(ctx, job)) {
			done = append(done, job.Number)
		}
	}
	if !slices.Contains(done, left.Number) || must[bool](t)(one.Finish(ctx, left)) {
		t.Errorf("%v", done)
	}
}

func TestARateLimiterLetsAsManyPassAsItSays(t *testing.T) {
	ctx, client, name := recipeClient(t)
	// A window that does not end before the test does.
	limiter := recipes.RateLimiter{Client: client, Name: name, Limit: 3, Window: 1 << 62}
	passed := 0
	for range 5 {
		if must[bool](t)(limiter.MayPass(ctx)) {
			passed++
		}
	}
	if passed != 3 {
		t.Errorf("%d", passed)
	}
}

func TestFlagsAreReadAnewByThemselves(t *testing.T) {
	ctx, client, name := recipeClient(t)
	flags := must[*recipes.Flags](t)(recipes.NewFlags(ctx, client, []string{name}, 20*time.Millisecond))
	if flags.IsOn(name) {
		t.Error("it is on")
	}
	if err := flags.Set(ctx, name, true); err != nil {
		t.Fatal(err)
	}
	for !flags.IsOn(name) {
		if sleepErr := ctx.Err(); sleepErr != nil {
			t.Fatal(sleepErr)
		}
		time.Sleep(5 * time.Millisecond)
	}
}
