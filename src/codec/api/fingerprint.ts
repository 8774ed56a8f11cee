/** CRC-32 of a write's call and arguments: tells a retry from a request id that was used for something else. */
import { unreachable } from "../../base/assert.js";
import type { Condition, WriteOperation } from "../../core/model/operation.js";
import { bytesOf } from "../bytes/bytes.js";
import { crc32 } from "../bytes/checksum.js";

const OF_KINDS = { put: crc32("put"), cas: crc32("cas"), delete: crc32("delete"), add: crc32("add") };

export function fingerprintOf(operation: WriteOperation): number {
  const crc = crc32(bytesOf(operation.key), OF_KINDS[operation.kind]);
  switch (operation.kind) {
    case "put":
      return crc32(operation.value, crc);
    case "cas":
      return withCondition(operation.condition, crc32(operation.value, crc32(`${operation.value.length}/`, crc)));
    case "delete":
      return operation.condition === null ? crc : withCondition(operation.condition, crc);
    case "add":
      return crc32(operation.delta.toString(), crc);
    default:
      return unreachable(operation);
  }
}

function withCondition(condition: Condition, start: number): number {
  const crc = crc32(condition.kind, start);
  if (condition.kind === "version") return crc32(condition.version.toString(), crc);
  if (condition.kind === "value") return crc32(condition.value, crc);
  return crc;
}
