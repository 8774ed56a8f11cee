package onar

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
)

// partitionOf returns the partition of a key in the default key space: the top log2(count) bits of the key's position, which is
// the first 16 bytes of SHA-256(key space id as 4 bytes big-endian, then the key). The count is a power of two up to 65,536.
func partitionOf(key string, count uint32) uint32 {
	hash := sha256.New()
	hash.Write([]byte{0, 0, 0, 0})
	hash.Write([]byte(key))
	top := binary.BigEndian.Uint32(hash.Sum(nil))
	// Shifting by 32, for one partition, gives 0.
	return top >> (32 - uint(bits.TrailingZeros32(count)))
}

// maxPartitions is the most that a cluster can have.
const maxPartitions = 65_536

func isPartitionCount(count uint32) bool {
	return count >= 1 && count <= maxPartitions && count&(count-1) == 0
}
