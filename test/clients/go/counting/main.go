// Counts with the Go client until its standard input ends: see test/e2e/counting.test.ts.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	onar "github.com/onar-kv/onar/clients/go"
)

const patience = 60 * time.Second

type report struct {
	// Own are the sums of what was added to the keys that nobody else writes.
	Own []int64 `json:"own"`
	// Shared is how often one was added to the key of all.
	Shared int64 `json:"shared"`
	// Problems are calls that failed, and numbers that cannot be.
	Problems []string `json:"problems"`
}

func main() {
	endpoints, own, shared := strings.Split(os.Args[1], ","), strings.Split(os.Args[2], ","), os.Args[3]
	client, err := onar.New(onar.Options{Endpoints: endpoints, EndpointsOnly: true, Timeout: patience})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	over := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		close(over)
	}()
	result := report{Own: make([]int64, len(own)), Problems: []string{}}
	var problems sync.Mutex
	problem := func(format string, args ...any) {
		problems.Lock()
		defer problems.Unlock()
		result.Problems = append(result.Problems, fmt.Sprintf(format, args...))
	}
	add := func(key string, delta int64) onar.AddResult {
		added, err := client.Add(context.Background(), key, delta)
		if err != nil {
			problem("add %d to %s: %v", delta, key, err)
		}
		return added
	}
	var lanes sync.WaitGroup
	lanes.Add(len(own) + 1)
	for i, key := range own {
		go func() {
			defer lanes.Done()
			for delta := int64(1); !isOver(over); delta++ {
				added := add(key, delta)
				result.Own[i] += delta
				if !added.NumberKnown || added.Number != result.Own[i] {
					problem("%s is %d, and %d was added", key, added.Number, result.Own[i])
					return
				}
			}
		}()
	}
	go func() {
		defer lanes.Done()
		for ; !isOver(over); result.Shared++ {
			add(shared, 1)
		}
	}()
	lanes.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

func isOver(over <-chan struct{}) bool {
	select {
	case <-over:
		return true
	default:
		return false
	}
}
