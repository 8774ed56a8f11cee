package onar

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/grpc/codes"
)

// Reason says why a call was not done, or why its outcome is unknown: Onar's own short reason where there is one (onar.kv.v1.
// ErrorReason without its prefix), for a status that is not Onar's the name of the gRPC status, or a reason of this client. Clusters
// newer than this client may have more. A Reason is an error so that errors.Is finds it in what a call returned.
type Reason string

func (r Reason) Error() string { return "onar: " + string(r) }

// Reasons of this client.
const (
	// ReasonDeadlineExceeded: the time was over.
	ReasonDeadlineExceeded Reason = "DEADLINE_EXCEEDED"
	// ReasonCancelled: the caller's context was cancelled.
	ReasonCancelled Reason = "CANCELLED"
	// ReasonUnreachable: no endpoint could be connected, or none answered.
	ReasonUnreachable Reason = "UNREACHABLE"
	// ReasonWrongCluster: every endpoint that answers is of another cluster than Options.ClusterID, or than the first one seen.
	ReasonWrongCluster Reason = "WRONG_CLUSTER"
	// ReasonClosed: the client is closed.
	ReasonClosed Reason = "CLOSED"
)

// Reasons of the cluster; docs/errors.md tells when each is given.
const (
	ReasonKeyEmpty         Reason = "KEY_EMPTY"
	ReasonKeyTooLong       Reason = "KEY_TOO_LONG"
	ReasonValueTooLong     Reason = "VALUE_TOO_LONG"
	ReasonConditionMissing Reason = "CONDITION_MISSING"
	ReasonVersionZero      Reason = "VERSION_ZERO"
	ReasonNotANumber       Reason = "NOT_A_NUMBER"
	ReasonOverflow         Reason = "OVERFLOW"
	ReasonNoWriter         Reason = "NO_WRITER"
	ReasonMoving           Reason = "MOVING"
	ReasonNoQuorum         Reason = "NO_QUORUM"
	ReasonDraining         Reason = "DRAINING"
	ReasonOverloaded       Reason = "OVERLOADED"
	ReasonDiskFull         Reason = "DISK_FULL"
	ReasonQuotaExceeded    Reason = "QUOTA_EXCEEDED"
	ReasonOutcomeUnknown   Reason = "OUTCOME_UNKNOWN"
	ReasonRequestExpired   Reason = "REQUEST_EXPIRED"
	ReasonUnauthenticated  Reason = "UNAUTHENTICATED"
	ReasonForbidden        Reason = "FORBIDDEN"
)

// What errors.Is tells apart in the error of any call.
var (
	// ErrNotDone: the call was not executed and will not be.
	ErrNotDone = errors.New("onar: not done")
	// ErrUnknown: the write may have been executed, or may yet be.
	ErrUnknown = errors.New("onar: unknown outcome")
)

// Outcome is what became of a call: Done, NotDone or Unknown.
type Outcome string

const (
	// Done: the call was executed.
	Done Outcome = "done"
	// NotDone: the call was not executed and will not be.
	NotDone Outcome = "notDone"
	// Unknown: the write may have been executed, or may yet be.
	Unknown Outcome = "unknown"
)

// OutcomeOf tells what the error of a call means: Done for nil, NotDone and Unknown for errors of this package that say so. For other
// errors, such as those about options, it is NotDone as well: they come before anything is sent.
func OutcomeOf(err error) Outcome {
	switch {
	case err == nil:
		return Done
	case errors.Is(err, ErrUnknown):
		return Unknown
	default:
		return NotDone
	}
}

// NotDoneError says that a call definitely was not executed and will not be. It matches ErrNotDone and its Reason, and
// context.DeadlineExceeded or context.Canceled when the context had ended.
type NotDoneError struct {
	Reason Reason
	// Code is the gRPC status: the one that was told, or for the client's own reasons the one that fits.
	Code codes.Code
	// Address is HOST:PORT of the node that said so, or that did not answer; of all endpoints, with commas between them, when none could
	// be reached; "" when nobody was asked.
	Address string
	Message string
	// Metadata is what the cluster tells about the reason: "field", "bound" and "value" of a bad argument, "missing" nodes.
	Metadata map[string]string
	// Attempts is how often the call was sent. 0: it never left.
	Attempts int

	ended error
}

func (e *NotDoneError) Error() string {
	return describe("not done", e.Reason, e.Message, e.Address, e.Attempts)
}

// Is makes errors.Is match ErrNotDone and the reason.
func (e *NotDoneError) Is(target error) bool {
	return target == ErrNotDone || target == error(e.Reason)
}

// Unwrap returns the error of the context, if that had ended.
func (e *NotDoneError) Unwrap() error { return e.ended }

// UnknownError says that a write may have been executed, or may yet be. It matches ErrUnknown and its Reason, and
// context.DeadlineExceeded or context.Canceled when the context had ended. Read the key to find out.
type UnknownError struct {
	Reason Reason
	// Code and Address are as in NotDoneError.
	Code    codes.Code
	Address string
	Message string
	// Attempts is how often the call was sent.
	Attempts int

	ended error
}

func (e *UnknownError) Error() string {
	return describe("it is not known whether the write was executed", e.Reason, e.Message, e.Address, e.Attempts)
}

// Is makes errors.Is match ErrUnknown and the reason.
func (e *UnknownError) Is(target error) bool {
	return target == ErrUnknown || target == error(e.Reason)
}

// Unwrap returns the error of the context, if that had ended.
func (e *UnknownError) Unwrap() error { return e.ended }

func describe(what string, reason Reason, message, address string, attempts int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "onar: %s: %s", what, reason)
	if message != "" {
		fmt.Fprintf(&text, ": %s", message)
	}
	for _, one := range strings.Split(address, ", ") {
		if !strings.Contains(message, one) {
			fmt.Fprintf(&text, ", at %s", one)
		}
	}
	if attempts > 1 {
		fmt.Fprintf(&text, " (sent %d times)", attempts)
	}
	return text.String()
}
