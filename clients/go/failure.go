package onar

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// errorDomain marks an ErrorInfo as Onar's own.
const errorDomain = "onar"

// failure is why one attempt has no answer.
//
// The rule (onar/kv/v1/error.proto): Onar's own errors carry an ErrorInfo of domain "onar" and, of writes, an Outcome that says
// whether the write may have been executed. A status without them was made by something in between, or by a broken connection: the
// codes that those make up for a request that may have arrived mean unknown.
type failure struct {
	reason  Reason
	message string
	// code is the gRPC status; OK when nobody has told one.
	code codes.Code
	// address of the endpoint that said so, or that did not answer; "" when none did.
	address  string
	metadata map[string]string
	// unknown: a write in this attempt may have been executed.
	unknown bool
	// retryable: another attempt, at another node or later, may succeed.
	retryable bool
	// decided: the cluster has decided the request id. The write was and will be executed by no copy of the request. Any other refusal
	// speaks for its own copy only.
	decided bool
	// bare: not Onar's own. The connection, or what it leads to, is in doubt.
	bare bool
	// retryAfter is how long the cluster asks to wait; 0 when it does not say.
	retryAfter time.Duration
	// revision is what the node tells of the key's partition; may be nil.
	revision *kvv1.Revision
}

func failureOf(err error, write bool) *failure {
	said := status.Convert(err)
	var info *errdetails.ErrorInfo
	var outcome *kvv1.Outcome
	f := &failure{message: printable(said.Message()), code: said.Code()}
	for _, detail := range said.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == errorDomain {
				info = detail
			}
		case *errdetails.RetryInfo:
			f.retryAfter = detail.GetRetryDelay().AsDuration()
		case *kvv1.Outcome:
			outcome = detail
		}
	}
	if info == nil || info.GetReason() == "" {
		return bareFailure(f, said.Code(), write)
	}
	f.reason = Reason(printable(info.GetReason()))
	f.metadata = info.GetMetadata()
	f.revision = outcome.GetRevision()
	expired := f.reason == ReasonRequestExpired
	if write {
		f.unknown = expired || f.reason == ReasonOutcomeUnknown
		if outcome != nil {
			f.unknown = outcome.GetExecution() != kvv1.Execution_EXECUTION_NOT_EXECUTED
		}
	}
	f.decided = !f.unknown && (f.reason == ReasonNotANumber || f.reason == ReasonOverflow)
	f.retryable = !expired && (f.unknown || mayPass(said.Code(), f.reason))
	return f
}

func bareFailure(f *failure, statusCode codes.Code, write bool) *failure {
	f.reason = Reason(code.Code(statusCode).String())
	f.bare = true
	// The one refusal that gRPC itself makes of too long a request. This side takes answers of any length.
	tooLong := statusCode == codes.ResourceExhausted && strings.Contains(strings.ToLower(f.message), "message larger than max")
	if statusCode == codes.Unimplemented {
		f.message = "what answers is not an Onar node, or is of another version: " + f.message
	}
	refused := tooLong || refuses(statusCode)
	f.retryable = !refused
	f.unknown = write && !refused
	f.retryAfter = 0
	return f
}

// status is the gRPC status that was told, or that fits the client's own reason.
func (f *failure) status() codes.Code {
	if f.code != codes.OK {
		return f.code
	}
	switch f.reason {
	case ReasonDeadlineExceeded:
		return codes.DeadlineExceeded
	case ReasonCancelled, ReasonClosed:
		return codes.Canceled
	case ReasonUnreachable:
		return codes.Unavailable
	case ReasonWrongCluster:
		return codes.FailedPrecondition
	default:
		return codes.Unknown
	}
}

// refuses tells the statuses that mean, whoever made them, that nothing was executed and that the same call will fail again.
func refuses(statusCode codes.Code) bool {
	switch statusCode {
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.PermissionDenied, codes.Unauthenticated,
		codes.FailedPrecondition, codes.OutOfRange, codes.Unimplemented, codes.DataLoss:
		return true
	default:
		return false
	}
}

// mayPass tells whether an error of Onar's own may pass by itself. What is full stays full.
func mayPass(statusCode codes.Code, reason Reason) bool {
	return !refuses(statusCode) && reason != ReasonDiskFull && reason != ReasonQuotaExceeded
}

// longestText is how much of a server's text is shown, in characters.
const longestText = 1_000

// unseen are characters that steer a terminal, end a line where none ends, or change the direction of text, besides control characters.
var unseen = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x061c, Hi: 0x061c, Stride: 1},
	{Lo: 0x200e, Hi: 0x200f, Stride: 1},
	{Lo: 0x2028, Hi: 0x202e, Stride: 1},
	{Lo: 0x2066, Hi: 0x2069, Stride: 1},
}}

// printable puts a server's text on one line of bounded length. What would not be seen becomes \x1b or \u202e, as in the other clients.
func printable(text string) string {
	var line strings.Builder
	length := 0
	ended := false
	for _, r := range text {
		shown := string(r)
		switch {
		case r == '\t' || r == '\r' || r == '\n':
			if ended {
				continue
			}
			shown = " "
		case unicode.Is(unicode.Cc, r):
			shown = fmt.Sprintf(`\x%02x`, r)
		case unicode.Is(unseen, r):
			shown = fmt.Sprintf(`\u%04x`, r)
		}
		ended = shown == " " && r != ' '
		if length += utf8.RuneCountInString(shown); length >= longestText {
			line.WriteRune('…')
			break
		}
		line.WriteString(shown)
	}
	return strings.TrimSpace(line.String())
}
