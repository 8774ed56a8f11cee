// Checks that one field number has one meaning in every request that clients send (proto/onar/kv/v1/kv.proto).
//
//   node scripts/gen/field-numbers.mjs DESCRIPTORS.binpb
//
// A request may use a number only for the field of that name. In the key-value services every other number of the table
// is reserved. Prints what is wrong and ends with 1, or ends with 0.

import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/** Number → names. Those of `held` are not in use yet: their names are reserved, too, where they may come. */
const meaning = new Map([
  [1, ["key"]],
  [2, ["value"]],
  [3, ["condition"]],
  [4, ["request_id"]],
  [5, ["after"]],
  [6, ["ttl"]],
  [7, ["lease"]],
  [8, ["return_previous"]],
  [9, ["attributes"]],
  [10, ["quorum"]],
  [11, ["consistency"]],
  [12, ["min_revision"]],
  [13, ["delta"]],
  [15, ["key_space"]],
  [16, ["partition", "partitions"]],
  [17, ["operation_id"]],
  [18, ["epoch"]],
  [19, ["dry_run"]],
  [20, ["node_id"]],
  [21, ["all"]],
  [22, ["member"]],
  [23, ["force"]],
  [24, ["by_node_id"]],
  [25, ["replicas"]],
  [26, ["settings"]],
  [27, ["unset"]],
]);
const held = new Set([6, 7, 8, 9, 10, 12]);
const requests = /^\.onar\.(kv|text|reconfiguration)\.v1\.\w+Request$/;
/** Frames around requests, with numbers of their own. */
const frames = new Set([".onar.kv.v1.PipelineRequest"]);
/** Messages in which the numbers that are not used are reserved. */
const strict = /^\.onar\.(kv|text)\./;

const set = fromBinary(FileDescriptorSetSchema, readFileSync(process.argv[2] ?? "/dev/stdin"));
const problems = [];
let checked = 0;
for (const file of set.file) {
  for (const message of file.messageType) {
    const name = `.${file.package}.${message.name}`;
    if (!requests.test(name) || frames.has(name)) continue;
    checked += 1;
    const used = new Set();
    for (const field of message.field) {
      used.add(field.number);
      if (!meaning.get(field.number)?.includes(field.name)) {
        problems.push(
          `${name}: ${field.name} = ${field.number}, but ${field.number} is ${meaning.get(field.number) ?? "free"}`,
        );
      }
      if (held.has(field.number))
        problems.push(`${name}: ${field.name} is not in use yet: update this check and the table`);
    }
    if (!strict.test(name)) continue;
    for (const number of meaning.keys()) {
      const reserved = message.reservedRange.some((range) => range.start <= number && number < range.end);
      if (number <= 13 && !used.has(number) && !reserved)
        problems.push(`${name}: ${number} is neither used nor reserved`);
    }
  }
}
if (checked < 12) problems.push(`only ${checked} requests were found`);
for (const problem of problems) console.error(`contract: ${problem}`);
process.exit(problems.length > 0 ? 1 : 0);
