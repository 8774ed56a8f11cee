/**
 * Switches on unions end in `unreachable`. Then the compiler names each of them when a kind is added, and none drops it
 * in silence. Others have a reason to end otherwise, and are listed here. They look at something from outside, or their
 * default is typed so that a new kind does not compile.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync, Visitor } from "rolldown/utils";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../src/", import.meta.url));

const OUTSIDE = "numbers and texts from outside, of which any may come";
const NEWER = "a node of a newer version may send kinds that this one does not know";
const TYPED = "the default hands on what is left to a function that takes just those kinds";
const FASTER = "a faster way for some kinds; the default is the way that takes all of them";

/** The file, and what is looked at. */
const OTHERWISE: Readonly<Record<string, string>> = {
  "codec/api/backup-file.ts: kind": OUTSIDE,
  "codec/api/operation.ts: wire.reason": NEWER,
  "codec/disk/entry.ts: kind": OUTSIDE,
  "codec/peer/hot-decode.ts: r.tag()": FASTER,
  "codec/peer/hot-encode.ts: message.kind": FASTER,
  "codec/peer/message-from-wire.ts: wire.$case": NEWER,
  "codec/peer/view-messages.ts: wire.$case": NEWER,
  "codec/peer/view-messages.ts: wire.kind": NEWER,
  "config/standard.ts: environment[SAMPLER]": OUTSIDE,
  "core/core.ts: message.kind": TYPED,
  "core/model/message.ts: message.kind": "all that are left have a ballot, as the compiler sees",
  "core/plausible/plausible.ts: message.kind": TYPED,
  "grpc/metadata/answer-status.ts: code": OUTSIDE,
  "grpc/metadata/answer-status.ts: httpStatus": OUTSIDE,
  "grpc/server/request-head.ts: field.name": OUTSIDE,
  "http2/connection/inbound.ts: type": OUTSIDE,
  "http2/connection/settings.ts: identifier": OUTSIDE,
  "http2/hpack/header-field.ts: name": OUTSIDE,
  "node/machine.ts: message.kind": TYPED,
  "wire/pipeline.ts: request?.$case": FASTER,
  "wire/pipeline.ts: response?.$case": FASTER,
  "wire/protobuf.ts: type & 7": OUTSIDE,
};

/** The switches of a text whose default is missing or not `unreachable`: each by the expression that it looks at. */
function openSwitches(text: string): string[] {
  const found: string[] = [];
  new Visitor({
    SwitchStatement: ({ discriminant, cases }) => {
      const last = cases.find(({ test: of }) => of === null);
      const end = last === undefined ? "" : text.slice(last.start, last.end);
      if (!/^default:\s*(return )?unreachable\(/.test(end))
        found.push(text.slice(discriminant.start, discriminant.end));
    },
  }).visit(parseSync("x.ts", text).program);
  return found;
}

test("switches on unions end in unreachable, and those that do not have a reason", () => {
  const found = readdirSync(root, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .flatMap((name) => openSwitches(readFileSync(join(root, name), "utf8")).map((of) => `${name}: ${of}`));
  expect(found.sort()).toEqual(Object.keys(OTHERWISE).sort());
});

test("the rule bites on a missing and on a silent default", () => {
  const cases = 'switch (a.kind) { case "b": return 1;';
  expect(openSwitches(`function f() { ${cases} } }`)).toEqual(["a.kind"]);
  expect(openSwitches(`function f() { ${cases} default: return null; } }`)).toEqual(["a.kind"]);
  expect(openSwitches(`function f() { ${cases} default: return unreachable(a); } }`)).toEqual([]);
});
