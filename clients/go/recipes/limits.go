package recipes

import (
	"context"
	"fmt"
	"sync"
	"time"

	onar "github.com/onar-kv/onar/clients/go"
)

// RateLimiter lets at most Limit calls pass in each Window, by all that share the Name.
type RateLimiter struct {
	Client *onar.Client
	Name   string
	Limit  int64
	Window time.Duration
}

// MayPass tells whether one more may pass now. An error: that is not known.
func (r RateLimiter) MayPass(ctx context.Context) (bool, error) {
	window := time.Now().UnixNano() / int64(r.Window)
	added, err := r.Client.Add(ctx, fmt.Sprintf("%s/%d", r.Name, window), 1)
	if err != nil {
		return false, err
	}
	if added.NumberKnown && added.Number == 1 {
		if _, err := r.Client.Delete(ctx, fmt.Sprintf("%s/%d", r.Name, window-2)); err != nil {
			return false, err
		}
	}
	return added.NumberKnown && added.Number <= r.Limit, nil
}

// Flags are in the memory of this process, and read anew all the time. While nobody answers, they stay as they were.
type Flags struct {
	client *onar.Client
	names  []string
	mu     sync.Mutex
	values map[string]string
}

// NewFlags returns when all were read once. They are read anew until the context is over.
func NewFlags(ctx context.Context, client *onar.Client, names []string, every time.Duration) (*Flags, error) {
	f := &Flags{client: client, names: names, values: make(map[string]string)}
	if err := f.refresh(ctx); err != nil {
		return nil, err
	}
	go func() {
		for sleep(ctx, every) == nil {
			_ = f.refresh(ctx)
		}
	}()
	return f, nil
}

// IsOn tells whether the flag was on when it was read last.
func (f *Flags) IsOn(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.values[name] == "on"
}

// Set turns a flag on or off.
func (f *Flags) Set(ctx context.Context, name string, on bool) error {
	value := "off"
	if on {
		value = "on"
	}
	_, err := f.client.Put(ctx, "flag/"+name, []byte(value))
	return err
}

func (f *Flags) refresh(ctx context.Context) error {
	for _, name := range f.names {
		got, err := f.client.Get(ctx, "flag/"+name, onar.Local)
		if err != nil {
			return err
		}
		f.mu.Lock()
		f.values[name] = string(got.Value)
		f.mu.Unlock()
	}
	return nil
}
