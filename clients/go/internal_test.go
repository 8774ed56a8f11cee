package onar

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
)

func TestPartitionsAreThoseOfTheVectors(t *testing.T) {
	text, err := os.ReadFile("../../docs/vectors/placement.json")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Vectors []struct {
			Note      string            `json:"note"`
			Key       string            `json:"key"`
			Partition map[string]uint32 `json:"partition"`
		} `json:"vectors"`
	}
	if err := json.Unmarshal(text, &document); err != nil || len(document.Vectors) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, vector := range document.Vectors {
		key, err := hex.DecodeString(vector.Key)
		if err != nil {
			t.Fatal(err)
		}
		for text, partition := range vector.Partition {
			count, err := strconv.ParseUint(text, 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			if got := partitionOf(string(key), uint32(count)); got != partition {
				t.Errorf("%s: of %d partitions, expected %d, got %d", vector.Note, count, partition, got)
			}
		}
	}
}

func TestAfterIsTheHighestRevisionAndStale(t *testing.T) {
	var r revisions
	begin := time.Now()
	if after, fresh := r.after(7, begin); after != nil || fresh {
		t.Errorf("nothing was seen, got %v", after)
	}
	observe := func(revision uint64, asked time.Time) {
		r.observe(&kvv1.Revision{Partition: 7, Revision: revision}, asked)
	}
	expect := func(now time.Time, revision uint64, isFresh bool) {
		t.Helper()
		after, fresh := r.after(7, now)
		if after.GetRevision() != revision || after.GetPartition() != 7 || fresh != isFresh {
			t.Errorf("expected %d (fresh: %v), got %v (fresh: %v)", revision, isFresh, after, fresh)
		}
	}
	observe(5, begin)
	expect(begin.Add(freshFor-1), 5, true)
	expect(begin.Add(freshFor), 5, false)
	// A node that lags says nothing new.
	observe(4, begin.Add(freshFor))
	expect(begin.Add(freshFor), 5, false)
	observe(5, begin.Add(freshFor))
	expect(begin.Add(freshFor), 5, true)
	observe(9, begin.Add(freshFor))
	expect(begin.Add(freshFor), 9, true)
	// When requests are expired, there is much traffic.
	r.expired(7, begin.Add(freshFor))
	expect(begin.Add(freshFor+freshWhenBusy-1), 9, true)
	expect(begin.Add(freshFor+freshWhenBusy), 9, false)
}

func TestTurnsAreBoundedPerKeyAndGivenInOrder(t *testing.T) {
	var all turns
	closed := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	for range writesPerKey {
		if !all.take(ctx, closed, "k") {
			t.Fatal("a turn that is free is not given")
		}
	}
	if !all.take(ctx, closed, "other") {
		t.Error("another key has turns of its own")
	}
	gone := make(chan bool)
	go func() { gone <- all.take(ctx, closed, "k") }()
	waiting := func(count int) {
		for giveUp := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
			all.mu.Lock()
			n := len(all.keys["k"].waiting)
			all.mu.Unlock()
			if n == count {
				return
			}
			if time.Now().After(giveUp) {
				t.Fatalf("%d wait, not %d", n, count)
			}
		}
	}
	waiting(1)
	cancel()
	if <-gone {
		t.Error("a turn was taken in spite of the end of the context")
	}
	given := make(chan bool)
	go func() { given <- all.take(context.Background(), closed, "k") }()
	waiting(1)
	all.pass("k")
	if !<-given {
		t.Error("a turn that was passed is not given to who waits")
	}
	// One at a time after a request was expired.
	all.expired("k")
	for range writesPerKey - 1 {
		all.pass("k")
	}
	go func() { given <- all.take(context.Background(), closed, "k") }()
	waiting(1)
	close(closed)
	if <-given {
		t.Error("a turn was taken although the client is closed")
	}
	all.pass("k")
	all.pass("other")
	if len(all.keys) != 0 {
		t.Errorf("left: %v", all.keys)
	}
}

func TestTextOfServersIsOneLineThatSteersNoTerminal(t *testing.T) {
	for _, one := range []struct{ text, want string }{
		{"all is well", "all is well"},
		{"  a\r\n\tb ", "a b"},
		{"\x1b[2Jgone\x07", `\x1b[2Jgone\x07`},
		{"c1 \u009b31m", `c1 \x9b31m`},
		{"\u202egpj.exe\u2066", `\u202egpj.exe\u2066`},
		{"line\u2028of\u2029mine", `line\u2028of\u2029mine`},
		{"bäh 😀", "bäh 😀"},
		{"", ""},
	} {
		if got := printable(one.text); got != one.want {
			t.Errorf("printable(%q) is %q, not %q", one.text, got, one.want)
		}
	}
	if got := utf8.RuneCountInString(printable(strings.Repeat("\x1b", 5_000))); got > longestText {
		t.Errorf("%d characters are shown", got)
	}
}
