package onar

import (
	kvv1 "github.com/onar-kv/onar/gen/go/onar/kv/v1"
)

// Entry is what a key holds.
type Entry struct {
	// Value may be empty, which is not the same as an absent key.
	Value []byte
	// Version is never 0 and changes with every write that is applied to the key, also of the same value.
	Version uint64
}

// GetResult answers a Get.
type GetResult struct {
	// Exists tells whether there is such a key. Without it, Value is nil and Version 0.
	Exists  bool
	Value   []byte
	Version uint64
	// Consistency is how the read was served: Local only if that was asked for. An absent key is always Linearizable.
	Consistency Consistency
}

// PutResult answers a Put.
type PutResult struct {
	// Version is the key's version with this write.
	Version uint64
}

// CompareAndSetResult answers a CompareAndSet.
type CompareAndSetResult struct {
	// Swapped tells whether the condition held and the value was stored.
	Swapped bool
	// Version is the key's version now: with this write when swapped, otherwise the one found; 0 when there is no such key.
	Version uint64
	// Found is what was found when the condition did not hold; nil when swapped and when there is no such key. Of a call that was
	// sent more than once it may be missing, too: it is told only while the key still has that version.
	Found *Entry
}

// DeleteResult answers a Delete or DeleteIf.
type DeleteResult struct {
	// Deleted tells whether a key was removed: false when there was none, or the condition did not hold.
	Deleted bool
	// Version is the version that was found and, if deleted, removed; 0 when there was no such key.
	Version uint64
	// Found is what was found when the condition did not hold, as in CompareAndSetResult.
	Found *Entry
}

// AddResult answers an Add.
type AddResult struct {
	// Number is the number after the addition, if NumberKnown.
	Number int64
	// NumberKnown is false only when the call had to be sent more than once and the key was written again in between. The addition
	// was done all the same, once.
	NumberKnown bool
	// Version is the key's version with this write.
	Version uint64
}

// Consistency says how fresh a read is. It is a GetOption.
type Consistency int

const (
	// Linearizable reads see every write that was answered before the read began, through whatever client. The default.
	Linearizable Consistency = iota
	// Local reads are the settled copy of the node that answers, without a round among the replicas. It may be old, but is never a
	// value that could still vanish. Where there is no such copy, the read is done as a linearizable one; the result tells.
	Local
)

func (c Consistency) String() string {
	if c == Local {
		return "local"
	}
	return "linearizable"
}

// GetOption says how a key is to be read.
type GetOption interface{ applyToGet(*kvv1.GetRequest) }

func (c Consistency) applyToGet(request *kvv1.GetRequest) {
	request.Consistency = kvv1.Consistency_CONSISTENCY_LINEARIZABLE
	if c == Local {
		request.Consistency = kvv1.Consistency_CONSISTENCY_LOCAL
	}
}

// Condition is what must be true of a key for a write to be applied. Made by IfVersion, IfValue, IfAbsent and IfPresent; the zero
// value is no condition and is refused.
type Condition struct{ message *kvv1.Condition }

// IfVersion holds when the key exists and has this version. 0 is refused: use IfAbsent.
func IfVersion(version uint64) Condition {
	return Condition{&kvv1.Condition{Expected: &kvv1.Condition_Version{Version: version}}}
}

// IfValue holds when the key exists and its value equals these bytes. An empty value is not an absent key.
func IfValue(value []byte) Condition {
	return Condition{&kvv1.Condition{Expected: &kvv1.Condition_Value{Value: value}}}
}

// IfAbsent holds when there is no such key.
func IfAbsent() Condition {
	return Condition{&kvv1.Condition{Expected: &kvv1.Condition_Presence{Presence: kvv1.Presence_PRESENCE_ABSENT}}}
}

// IfPresent holds when the key exists, with whatever value.
func IfPresent() Condition {
	return Condition{&kvv1.Condition{Expected: &kvv1.Condition_Presence{Presence: kvv1.Presence_PRESENCE_PRESENT}}}
}

// wire is never nil: a Condition without content says nothing, which the cluster refuses, rather than "always".
func (c Condition) wire() *kvv1.Condition {
	if c.message == nil {
		return &kvv1.Condition{}
	}
	return c.message
}

func entryOf(message *kvv1.Entry) *Entry {
	if message == nil {
		return nil
	}
	return &Entry{Value: message.GetValue(), Version: message.GetVersion()}
}
