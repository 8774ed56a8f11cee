// Package recipes has small things built on the client, to use or to take. docs/recipes.md says why each is as it is.
package recipes

import (
	"context"
	"strconv"

	onar "github.com/onar-kv/onar/clients/go"
)

// Counter is a number that many add to.
type Counter struct {
	Client *onar.Client
	Key    string
}

// Add returns the count after it. An UnknownError: it was added or not, and never twice.
func (c Counter) Add(ctx context.Context, delta int64) (int64, error) {
	added, err := c.Client.Add(ctx, c.Key, delta)
	if err != nil || added.NumberKnown {
		return added.Number, err
	}
	// Added, but somebody wrote again before a lost answer was repeated.
	return c.Count(ctx)
}

// Count returns the count; 0 when nothing was added yet.
func (c Counter) Count(ctx context.Context) (int64, error) {
	got, err := c.Client.Get(ctx, c.Key)
	if err != nil || !got.Exists {
		return 0, err
	}
	return strconv.ParseInt(string(got.Value), 10, 64)
}
