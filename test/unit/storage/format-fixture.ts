/**
 * Directories of earlier formats, kept as they were written: `npx tsx test/unit/storage/format-fixture.ts NAME` writes
 * a new one, which is for a new format only. Its content is said here, so that later versions can tell whether they
 * read it right.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { ballot } from "../../../src/core/model/ballot.js";
import type { CopyEntry } from "../../../src/core/model/copy-entry.js";
import type { Entry } from "../../../src/core/model/entry.js";
import { changeNumber, groupEpoch, type Key, nodeId, partition, revision } from "../../../src/core/model/ids.js";
import { diskHome, type Home, type HomeEvents } from "../../../src/storage/home.js";
import { appendAll, keyOf, register } from "../../conformance/operations.js";
import { viewOf } from "../node/cluster.js";

const P = partition(2);
const Q = partition(7);
const B = ballot(groupEpoch(1), 5, nodeId(9));
export const SEEN = { node: nodeId(44), position: 2 ** 33 + 5 };
export const VOTES = { peers: ["a:1", "b:1"], promised: { round: 3, node: nodeId(9) }, accepted: null };

const put = (key: Key, change: number, value: string | null): Entry & { kind: "register" } => ({
  kind: "register",
  partition: P,
  register: register(key, { value, seq: change }),
  change: changeNumber(change),
});

/** In the checkpoint … */
export const FOLDED: readonly Entry[] = [
  { kind: "promise", partition: P, ballot: B },
  { kind: "reservation", partition: P, reservation: revision(2 ** 40) },
  put(keyOf(0), 1, "under a long key"),
  put(keyOf(1), 2, "one"),
  put(keyOf(2), 3, null),
  put(keyOf(3), 4, "removed later"),
  { kind: "cursor", partition: P, source: nodeId(3), copy: groupEpoch(1), change: changeNumber(12) },
];
/** … and in the log over it. */
export const LOGGED: readonly Entry[] = [
  put(keyOf(1), 5, "one again"),
  { kind: "removed", partition: P, key: keyOf(3), change: changeNumber(6) },
  { kind: "floor", partition: P, floor: revision(77) },
  { kind: "settled", partition: P, ballot: B, seq: 5 },
  put(keyOf(4), 7, "four"),
];

/** From format 3 on, in the log: copies that came and went. */
export const COPIES: readonly (Entry | CopyEntry)[] = [
  { ...put(keyOf(1), 1, "of the first copy"), partition: Q },
  { kind: "begun", partition: Q, copy: groupEpoch(3) },
  { ...put(keyOf(1), 1, "of the second"), partition: Q },
  { kind: "floor", partition: Q, floor: revision(3) },
  { kind: "begun", partition: Q, copy: groupEpoch(5) },
  { ...put(keyOf(2), 1, "of the third"), partition: Q },
  { kind: "dropped", partition: Q, copy: groupEpoch(3) },
];

/** The same with the lives of copies: one took over, got ready, stayed in the next group and left the one after it. */
export const LIVES: readonly (Entry | CopyEntry)[] = [
  ...COPIES,
  { kind: "took-over", partition: Q, groupEpoch: groupEpoch(5) },
  { kind: "merged", partition: Q, groupEpoch: groupEpoch(5), upTo: keyOf(2) },
  { kind: "inherited", partition: Q, key: keyOf(5), mark: 2 },
  { kind: "ready", partition: Q, epoch: groupEpoch(5) },
  { kind: "sealed", partition: Q, epoch: groupEpoch(7), stays: true },
  { ...put(keyOf(3), 2, "of the group after"), partition: Q },
  { kind: "sealed", partition: Q, epoch: groupEpoch(9), stays: false },
];

const EVENTS: HomeEvents = {
  notice: () => {},
  failed: (why) => {
    throw new Error(why);
  },
  bad: () => {},
  space: () => {},
};

export const openHome = (path: string): Promise<Home> =>
  diskHome({ path, memoryMib: 16, shortOfTime: () => false, events: EVENTS });

interface Fixture {
  readonly node: number;
  /** Path → content, compressed, in base64. */
  readonly files: Readonly<Record<string, string>>;
}

/** Lays the directory out; returns the node's id. */
export function layOut(fixture: string, path: string): number {
  const { node, files } = JSON.parse(readFileSync(new URL(fixture, import.meta.url), "utf8")) as Fixture;
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), gunzipSync(Buffer.from(content, "base64")));
  }
  return node;
}

async function make(name: string): Promise<void> {
  const path = mkdtempSync(join(tmpdir(), "onar-fixture-"));
  const home = await openHome(path);
  const append = (entries: readonly (Entry | CopyEntry)[]): Promise<void> => {
    appendAll(home.storage, entries);
    return new Promise((resolve) => home.storage.append([], resolve));
  };
  await home.saveVotes(VOTES);
  await home.saveView(encodedView(viewOf(3)));
  home.storage.sawPosition(SEEN.node, SEEN.position);
  await append(FOLDED);
  await home.fold();
  await append(LOGGED);
  await append(LIVES);
  await home.close();
  const files: Record<string, string> = {};
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    // Made anew when they are missing.
    if (!entry.isFile() || entry.name === "reserve" || entry.name === "lock.mdb") continue;
    files[relative(path, file)] = gzipSync(readFileSync(file), { level: 9 }).toString("base64");
  }
  writeFileSync(new URL(name, import.meta.url), `${JSON.stringify({ node: home.node, files }, null, 1)}\n`);
  rmSync(path, { recursive: true });
}

if (process.argv[1]?.endsWith("format-fixture.ts")) await make(process.argv[2] ?? "format-new.json");
