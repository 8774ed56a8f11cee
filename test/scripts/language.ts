/**
 * The language of the golden traces. A script is a text of blocks, separated by empty lines; a block is comments and
 * commands, then `---`, then what they caused. Playing a script makes the text again with what they cause now.
 *
 *   nodes 5 replicas 3          first line, if not 3 and 3; n1 is the writer once the script begins
 *     … purge after 400ms       tombstones rest so long, and passes are so far apart; otherwise nothing is purged
 *     … moving                  views move partitions: nodes tell each other what they know of views
 *     … partitions 4            so many, of which requests go to the first one
 *     … apart 1                 the last node is no member, and does not run
 *   given <command>             the same, without showing what it causes
 *   campaign n2                 takes the next ballot, whatever the election thinks
 *   put k=v at n1               also: cas k old → new, cas k absent → new, cas k v=3 → new, delete k, add k 5, get k, local get k
 *     … id=x after=3 within 500ms
 *   hold write n1→n3            messages of that kind on that way wait; kind or way may be left out; `n3` is both ways
 *   release, drop, double       what is held, all or by the same pattern: arrives, is lost, arrives although it stays held
 *   pass write n1→n3            later ones arrive; what is held stays held
 *   cut n1→n3, heal             loses messages; ends cuts, all or by the same pattern; `n1-n3` is both ways between the two
 *   freeze n1, resume n1        the process stands still
 *   jump n1 3600000ms           its clock goes ahead
 *   130 times put k=# at n1     # is the number; several commands have `; ` between them
 *   forward put k=w n3→n1 of epoch 2      as a node says it that knows a later view
 *   raise above 5000 at n1      what a restored backup asks of the writer: all further revisions are above, retries of before expire
 *   move n3 → n4 at n1,n2       a view is decided in which n3 gives way to n4; n1 and n2 learn it, as does a node by `learn n3`
 *   force move …                the same, though a bad key that was inherited waits
 *   ask drain n3 at n1 as X     also: remove n3, replace n3 by n4, prefer n3; asked again by its name: the same operation
 *   fate X at n1                what became of it, as far as the newest view there tells
 *   views                       the newest view that each node knows
 *   wish n4 for n3 at n1,n2     a node that is no member asks these to be one, at n3's address
 *   join n4                     it has heard that it is one, and runs
 *   writers                     who works, and whom each node takes for the writer
 *   rounds 10                   that many heartbeat rounds pass
 *   crash n1, restart n1        the disk stays
 *   leave n1                    it is told to stop: its office goes to another
 *   slow disk n1, sync n1       nothing becomes durable until told
 *   crowd log n1, fold log n1   its log has no room for transfers, until a fold has taken what is in it
 *   copy disk n1, put back n1   what is durable now; in the place of what is there, while n1 is down
 *   records n1                  how many are durable at n1, and how many the others know of
 *   spoil k at n1               n1's copy of k fails its checksum from now on; it notices when it looks, or at `scrub k at n1`
 *   revision k at n1            what a client is told as the revision of k's partition, by a local get
 *   copies k                    what is on the disks
 *   list at n1                  the keys of n1's copy, as a backup asks for them; `begin list at n1` asks for the first one alone,
 *                               and `end list at n1` for the rest
 *   lose link n1 n2             both ends are told that their stream broke; there is another at once, unless one of them is down
 *   wait 200ms                  time passes; heartbeats are shown after `show heartbeats`
 */
import { type Duration, duration } from "../../src/base/time.js";
import { fingerprintOf } from "../../src/codec/api/fingerprint.js";
import { key, type NodeId, nodeId, revision } from "../../src/core/model/ids.js";
import type { NodeMessage, Request } from "../../src/core/model/node-message.js";
import type { Condition, RequestId, WriteOperation } from "../../src/core/model/operation.js";
import type { Match } from "./post.js";
import { type AskedOperation, ROUND, ScriptWorld } from "./script-world.js";

const SEPARATOR = "---";
const USUAL_TIMEOUT: Duration = duration(5_000);

/** The script with what its commands cause now. */
export function play(script: string): string {
  const blocks = script.trimEnd().split(/\n{2,}/);
  let world: ScriptWorld | null = null;
  const played = blocks.map((block) => {
    const [head = ""] = block.split(`\n${SEPARATOR}`);
    for (const line of head.split("\n")) {
      if (line.startsWith("#") || line.trim() === "") continue;
      const size =
        /^nodes (\d+) replicas (\d+)( moving)?(?: partitions (\d+))?(?: apart (\d+))?(?: purge after (\d+ms))?$/.exec(
          line,
        );
      if (size !== null && world === null) {
        const purgeAfter = size[6] === undefined ? null : duration(millisecondsFrom(size[6]));
        const [, nodes, replicas, moving, partitions = 1, apart = 0] = size;
        world = new ScriptWorld(
          Number(nodes),
          Number(replicas),
          purgeAfter,
          moving !== undefined,
          Number(apart),
          Number(partitions),
        );
        world.begin();
      } else {
        if (world === null) {
          world = new ScriptWorld(3, 3);
          world.begin();
        }
        obey(world, line);
      }
    }
    const lines = world?.lines.splice(0) ?? [];
    return lines.length === 0 ? head : [head, SEPARATOR, ...lines].join("\n");
  });
  return `${played.join("\n\n")}\n`;
}

/** The answers to clients, without what nodes said. */
export const verdictsOf = (played: string): string[] => played.split("\n").filter((line) => line.includes(" ⇒ "));

function obey(world: ScriptWorld, line: string): void {
  if (line.startsWith("given ")) {
    world.quiet = true;
    obey(world, line.slice("given ".length));
    world.quiet = false;
    return;
  }
  const [verb = "", ...rest] = line.split(" ");
  const text = rest.join(" ");
  const rule = RULES.get(verb);
  if (rule !== undefined) {
    for (const match of patterns(text)) rule(world, match);
    return;
  }
  const atNode = AT_NODE.get(verb);
  if (atNode !== undefined) return atNode(world, nodeFrom(text.replace(/^(disk|log) /, "")));
  const move = /^(force )?move (n\d+|nobody) → (n\d+|nobody) at ([n\d,]+)$/.exec(line);
  if (move !== null) {
    const [leaves, comes] = move.slice(2, 4).map((name) => (name === "nobody" ? null : nodeFrom(name)));
    world.move(leaves ?? null, comes ?? null, move[1] !== undefined);
    for (const name of (move[4] ?? "").split(",")) world.learn(nodeFrom(name));
    return;
  }
  const wish = /^wish (n\d+) for (n\d+) at ([n\d,]+)$/.exec(line);
  if (wish !== null) {
    const [, node = "", at = "", called = ""] = wish;
    for (const name of called.split(",")) world.wish(nodeFrom(node), nodeFrom(at), nodeFrom(name));
    return;
  }
  const asked = ASK.exec(line)?.groups;
  if (asked !== undefined) {
    const { kind = "", node = "", by = "n0", at = "", name = "" } = asked;
    const operation = { kind: kind as AskedOperation["kind"], node: nodeFrom(node), by: nodeFrom(by), name };
    return world.ask(nodeFrom(at), operation);
  }
  if (rest[0] !== "times") return obeyOther(world, line, verb, rest);
  const repeated = rest.slice(1).join(" ").split("; ");
  for (let i = 1; i <= Number(verb); i++) for (const command of repeated) obey(world, command.replaceAll("#", `${i}`));
}

const ASK =
  /^ask (?<kind>drain|remove|replace|prefer) (?<node>n\d+)(?: by (?<by>n\d+))? at (?<at>n\d+) as (?<name>\S+)$/;

const RULES: ReadonlyMap<string, (world: ScriptWorld, match: Match) => void> = new Map([
  ["hold", (world, match) => world.post.hold(match)],
  ["pass", (world, match) => world.post.pass(match)],
  ["cut", (world, match) => world.post.cut(match)],
  ["heal", (world, match) => world.post.heal(match)],
  ["drop", (world, match) => world.post.drop(match)],
  ["release", (world, match) => world.release(match)],
  ["double", (world, match) => world.double(match)],
]);

const AT_NODE: ReadonlyMap<string, (world: ScriptWorld, node: NodeId) => void> = new Map([
  ["campaign", (world, node) => world.campaign(node)],
  ["freeze", (world, node) => world.freeze(node)],
  ["resume", (world, node) => world.resume(node)],
  ["crash", (world, node) => world.crash(node)],
  ["leave", (world, node) => world.leave(node)],
  ["join", (world, node) => world.join(node)],
  ["learn", (world, node) => world.learn(node)],
  ["restart", (world, node) => world.start(node)],
  ["copy", (world, node) => world.copyDisk(node)],
  ["records", (world, node) => world.tellPositions(node)],
  ["crowd", (world, node) => world.crowdLog(node)],
  ["fold", (world, node) => world.foldLog(node)],
  ["slow", (world, node) => world.slowDisk(node)],
  ["sync", (world, node) => world.sync(node)],
]);

function obeyOther(world: ScriptWorld, line: string, verb: string, rest: readonly string[]): void {
  const text = rest.join(" ");
  switch (verb) {
    case "jump":
      return world.jump(nodeFrom(rest[0] ?? ""), millisecondsFrom(rest[1] ?? ""));
    case "raise": {
      const [, above = "", node = ""] = /^above (\d+) at (n\d+)$/.exec(text) ?? [];
      return world.raise(nodeFrom(node), revision(Number(above)));
    }
    case "views":
      return world.tellViews();
    case "fate": {
      const [, name = "", node = ""] = /^(\S+) at (n\d+)$/.exec(text) ?? [];
      return world.tellFate(nodeFrom(node), name);
    }
    case "writers":
      return world.tellWriters();
    case "rounds":
      return world.wait(ROUND * Number(text));
    case "forward": {
      const [, call = "", from = "", to = "", epoch] = FORWARD.exec(text) ?? [];
      return world.forwardOfEpoch(nodeFrom(from), nodeFrom(to), requestFrom(call, undefined, undefined), Number(epoch));
    }
    case "put": {
      const node = /^back (n\d+)$/.exec(text)?.[1];
      return node === undefined ? requested(world, line) : world.putBack(nodeFrom(node));
    }
    case "spoil":
    case "scrub": {
      const [, name = "", node = ""] = /^(\S+) at (n\d+)$/.exec(text) ?? [];
      return verb === "spoil" ? world.spoil(nodeFrom(node), key(name)) : world.scrub(nodeFrom(node), key(name));
    }
    case "revision": {
      const [, name = "", node = ""] = /^(\S+) at (n\d+)$/.exec(text) ?? [];
      return world.tellRevision(nodeFrom(node), key(name));
    }
    case "copies":
      return world.tellCopies(key(text));
    case "list":
    case "begin":
    case "end": {
      const node = nodeFrom(/^(?:list )?at (n\d+)$/.exec(text)?.[1] ?? "");
      if (verb !== "end") world.beginList(node);
      return world.tellKeys(node, verb === "begin" ? 1 : null);
    }
    case "lose": {
      const [, a = "", b = ""] = rest;
      return world.linkLost(nodeFrom(a), nodeFrom(b));
    }
    case "wait":
      return world.wait(millisecondsFrom(text));
    case "show":
      world.showHeartbeats = true;
      return;
    default:
      return requested(world, line);
  }
}

const FORWARD = /^(.+) (n\d+)→(n\d+) of epoch (\d+)$/;
const REQUEST =
  /^(?<call>.+?) at (?<node>n\d+)(?: id=(?<id>\S+))?(?: after=(?<after>\d+))?(?: within (?<within>\d+ms))?$/;

function requested(world: ScriptWorld, line: string): void {
  const parts = REQUEST.exec(line)?.groups;
  if (parts === undefined) throw new Error(`not a command: ${line}`);
  const { call = "", node = "", id, after, within } = parts;
  const timeout = within === undefined ? USUAL_TIMEOUT : duration(millisecondsFrom(within));
  world.request(nodeFrom(node), requestFrom(call, id, after), timeout);
}

function requestFrom(call: string, id: string | undefined, after: string | undefined): Request {
  const read = /^(local )?get (\S+)$/.exec(call);
  if (read !== null) {
    return {
      kind: "read",
      read: { key: key(read[2] ?? ""), consistency: read[1] === undefined ? "linearizable" : "local" },
    };
  }
  const operation = operationFrom(call);
  if (id === undefined) return { kind: "write", write: { operation, requestId: null, after: null, fingerprint: 0 } };
  return {
    kind: "write",
    write: {
      operation,
      requestId: id.padEnd(16, ".") as RequestId,
      after: after === undefined ? null : revision(Number(after)),
      fingerprint: fingerprintOf(operation),
    },
  };
}

function operationFrom(call: string): WriteOperation {
  const put = /^put (\S+?)=(\S*)$/.exec(call);
  if (put !== null) return { kind: "put", key: key(put[1] ?? ""), value: bytes(put[2] ?? "") };
  const cas = /^cas (\S+) (\S+) → (\S*)$/.exec(call);
  if (cas !== null)
    return { kind: "cas", key: key(cas[1] ?? ""), condition: conditionFrom(cas[2] ?? ""), value: bytes(cas[3] ?? "") };
  const removal = /^delete (\S+)(?: if (\S+))?$/.exec(call);
  if (removal !== null) {
    return {
      kind: "delete",
      key: key(removal[1] ?? ""),
      condition: removal[2] === undefined ? null : conditionFrom(removal[2]),
    };
  }
  const add = /^add (\S+) (-?\d+)$/.exec(call);
  if (add !== null) return { kind: "add", key: key(add[1] ?? ""), delta: BigInt(add[2] ?? "0") };
  throw new Error(`not a request: ${call}`);
}

function conditionFrom(text: string): Condition {
  if (text === "absent" || text === "present") return { kind: text };
  const version = /^v=(\d+)$/.exec(text);
  return version === null
    ? { kind: "value", value: bytes(text) }
    : { kind: "version", version: revision(Number(version[1])) };
}

/** `write n1→n3`, `n1→n3`, `n3`, `write`, nothing: any. */
function patterns(text: string): Match[] {
  const words = text.split(" ").filter((word) => word !== "");
  const way = words.find((word) => /^n\d+([→-]n\d+)?$/.test(word));
  const kind = (words.find((word) => word !== way) ?? null) as NodeMessage["kind"] | null;
  if (way === undefined) return [{ kind, from: null, to: null }];
  const [a = "", b] = way.split(/[→-]/);
  if (b !== undefined && way.includes("-")) {
    return [
      { kind, from: nodeFrom(a), to: nodeFrom(b) },
      { kind, from: nodeFrom(b), to: nodeFrom(a) },
    ];
  }
  if (b !== undefined) return [{ kind, from: nodeFrom(a), to: nodeFrom(b) }];
  return [
    { kind, from: nodeFrom(a), to: null },
    { kind, from: null, to: nodeFrom(a) },
  ];
}

function nodeFrom(text: string): NodeId {
  const number = /^n(\d+)$/.exec(text)?.[1];
  if (number === undefined) throw new Error(`not a node: ${text}`);
  return nodeId(Number(number));
}

function millisecondsFrom(text: string): number {
  const number = /^(\d+)ms$/.exec(text)?.[1];
  if (number === undefined) throw new Error(`not a time: ${text}`);
  return Number(number);
}

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
