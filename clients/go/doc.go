// Package onar is the Go client of Onar, a linearizable, replicated, partitioned key-value store.
//
//	client, err := onar.Dial(ctx, onar.Options{Endpoints: []string{"localhost:4600", "localhost:4601", "localhost:4602"}})
//	if err != nil {
//		return err
//	}
//	defer client.Close()
//	sum, err := client.Add(ctx, "visits", 1)
//
// # Outcomes
//
// A call ends in one of three ways, and never in a fourth:
//
//   - done: the error is nil. A missing key and a condition that did not hold are answers, not errors.
//   - definitely not done: the error is a [NotDoneError] and matches [ErrNotDone]. Nothing was and nothing will be executed.
//   - unknown: the error is an [UnknownError] and matches [ErrUnknown]. The write may have been executed, or may yet be. Read the
//     key to find out. Reads are never unknown.
//
// Both kinds carry a [Reason], which errors.Is finds as well: errors.Is(err, onar.ReasonNotANumber).
//
// # Exactly once
//
// The client gives each write a request id and keeps it for all its attempts, at all endpoints, so that a write is applied once
// however often it was sent. With the id goes the highest revision that the client had seen of the key's partition; a retry that
// comes so late that the cluster may have forgotten the id is refused instead of being applied again. Both happen unseen.
//
// # Deadlines
//
// The deadline is the context's. A context without one gets [Options.Timeout]. Within it, the client tries again whatever may be
// tried again, at one endpoint after the other, with pauses that grow and vary. The deadline travels to the cluster.
package onar
