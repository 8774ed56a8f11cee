/** Possible faults of the nodes, as seen from here: which of them answer, whether they agree, whether their clocks
 * do. */
import {
  ReconfigurationServiceDefinition,
  type StatusResponse,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { type Address, address, formatAddress } from "../../config/values.js";
import { version } from "../../version.js";
import { call } from "../calls/call.js";
import { messageOf } from "../ending/exit.js";
import { printableStatus, summarize } from "../status/status.js";
import type { Summary } from "../status/summary.js";
import { type Finding, fail, ok, warn } from "./finding.js";

const SERVICE = ReconfigurationServiceDefinition;
/** In answers to Status: the node's wall clock, milliseconds since 1970 (rpc/services/reconfiguration-service.ts). */
const CLOCK_HEADER = "onar-clock-ms";
/** The protocol asks no wall clock; people who compare logs, and certificates, do. */
const SKEW_MS = 1_000;
const SLOW_ANSWER_MS = 200;
/** A disk that stands still for less passes for slow. */
const STANDING_MS = 1_000;

interface Visit {
  readonly name: string;
  readonly status: StatusResponse;
  readonly tookMs: number;
  /** Its clock less ours, give or take half the time of the call; null: it did not tell. */
  readonly skewMs: number | null;
}

type Visited = Visit | { readonly name: string; readonly why: string };

/** `asked`: people named the endpoints, so that one which does not answer is a failure. */
export async function nodes(endpoints: readonly Address[], timeoutMs: number, asked: boolean): Promise<Finding[]> {
  const visited = await Promise.all(endpoints.map((endpoint) => visit(endpoint, timeoutMs)));
  const findings = visited.map((one): Finding => {
    if ("why" in one) {
      const text = `endpoint ${one.name}: ${one.why}`;
      return asked
        ? fail(text, "start a node there, see whether it is frozen, or look at firewalls and at the address")
        : warn(text, "start a node (onar demo), or name one with --endpoint");
    }
    const text = `endpoint ${one.name} answers in ${Math.round(one.tookMs)} ms: node ${one.status.header?.nodeId ?? "?"}`;
    return one.tookMs > SLOW_ANSWER_MS ? warn(text, "slow: a far or a busy node") : ok(text);
  });
  const named = visited.filter((one): one is Visit => "status" in one);
  const first = named[0];
  if (first === undefined) return findings;
  const others = await Promise.all(unvisited(first.status, endpoints).map((one) => visit(one, timeoutMs)));
  for (const one of others) {
    if ("why" in one) {
      findings.push(
        warn(
          `node at ${one.name}, which ${first.name} names: ${one.why}`,
          "if it runs, clients cannot reach it by the address that it advertises (--advertise)",
        ),
      );
    }
  }
  const visits = [...named, ...others.filter((one): one is Visit => "status" in one)];
  return [...findings, ...agreement(visits), clocks(visits), ...health(visits)];
}

async function visit(endpoint: Address, timeoutMs: number): Promise<Visited> {
  const name = formatAddress(endpoint);
  let clock: number | null = null;
  let sentAt = 0;
  let tookMs = 0;
  try {
    const status = await call({ endpoints: [endpoint], timeoutMs }, async (channel, options) => {
      sentAt = Date.now();
      const began = performance.now();
      const answer = await channel.unary(
        SERVICE,
        SERVICE.methods.status,
        { partitions: [] },
        {
          ...options,
          onHeaders: (headers) => {
            const text = headers.get(CLOCK_HEADER);
            clock = text === undefined ? null : Number(text);
          },
        },
      );
      tookMs = performance.now() - began;
      return answer;
    });
    return {
      name,
      status: printableStatus(status),
      tookMs,
      skewMs: clock === null ? null : clock - (sentAt + tookMs / 2),
    };
  } catch (error) {
    return { name, why: messageOf(error) };
  }
}

/** Nodes of the cluster that are not among the endpoints. */
function unvisited(status: StatusResponse, endpoints: readonly Address[]): Address[] {
  const known = new Set(endpoints.map(formatAddress));
  return status.nodes.flatMap(({ id, clientAddress }) =>
    clientAddress === "" || known.has(clientAddress) || id === status.header?.nodeId
      ? []
      : [address("client address", clientAddress, 1)],
  );
}

function agreement(visits: readonly Visit[]): Finding[] {
  const clusters = groups(visits, ({ status }) => status.header?.clusterId.toString("hex") ?? "");
  const versions = groups(visits, ({ status }) => {
    const own = status.nodes.find((node) => node.id === status.header?.nodeId);
    return own?.softwareVersion ?? "unknown";
  });
  const findings: Finding[] = [];
  if (clusters.size === 1) findings.push(ok(`cluster ${[...clusters.keys()][0] || "not founded yet"}`));
  else
    findings.push(
      fail(`the nodes are of ${clusters.size} clusters: ${listed(clusters)}`, "name the nodes of one cluster"),
    );
  const all = new Set([...versions.keys(), version]);
  if (all.size === 1) findings.push(ok(`version ${version} here and at every node`));
  else {
    findings.push(
      warn(
        `versions differ: ${version} here, ${listed(versions)}`,
        "bring all to one version, unless you are in the middle of it",
      ),
    );
  }
  const epochs = groups(visits, ({ status }) => String(status.header?.viewEpoch ?? 0n));
  if (epochs.size > 1)
    findings.push(warn(`view epochs differ: ${listed(epochs)}`, "look again: it should pass in seconds"));
  return findings;
}

function clocks(visits: readonly Visit[]): Finding {
  const told = visits.filter((one) => one.skewMs !== null);
  if (told.length === 0) return warn("no node told its clock", "they are of an older version");
  const off = (one: Visit): number => Math.max(0, Math.abs(one.skewMs ?? 0) - one.tookMs / 2);
  const worst = told.reduce((a, b) => (off(b) > off(a) ? b : a));
  const text = `clocks: this machine and ${told.length} nodes are within ${Math.max(1, Math.round(off(worst)))} ms`;
  if (off(worst) <= SKEW_MS) return ok(text);
  return warn(
    `the clock of ${worst.name} is ${(Math.abs(worst.skewMs ?? 0) / 1_000).toFixed(1)} s ${(worst.skewMs ?? 0) > 0 ? "ahead of" : "behind"} this one`,
    "set both by NTP. Onar's promises do not depend on clocks; times in logs, and certificates, do",
  );
}

function health(visits: readonly Visit[]): Finding[] {
  const summary = summarize(visits.map(({ status }) => status));
  if (summary.viewEpoch === 0n) {
    return [fail("there is no cluster yet", "start the nodes that are missing; onar status names them")];
  }
  const findings: Finding[] = [];
  const unheard = summary.nodes.filter(({ node }) => !node.heard);
  if (unheard.length > 0) {
    findings.push(
      warn(
        `${unheard.length} of ${summary.nodes.length} nodes are not heard: ${unheard.map(({ node }) => node.clientAddress || `node ${node.id}`).join(", ")}`,
        "start them again, or look at the links between the nodes",
      ),
    );
  } else findings.push(ok(`all ${summary.nodes.length} nodes are heard`));
  findings.push(...disks(summary), ...descriptors(summary));
  for (const { node } of summary.nodes) {
    if (node.trouble !== "") {
      findings.push(
        fail(`node ${node.id} at ${node.peerAddress}: ${node.trouble}`, "see docs/security.md and docs/errors.md"),
      );
    }
  }
  const { withoutWriter, partitions } = summary;
  if (withoutWriter.length === 0) findings.push(ok(`each of ${partitions} partitions has a writer`));
  else {
    findings.push(
      fail(
        `${withoutWriter.length} of ${partitions} partitions have no writer`,
        "they take no writes: if it lasts, a majority of their replicas is gone or cut off",
      ),
    );
  }
  return findings;
}

function disks({ nodes: rows }: Summary): Finding[] {
  const findings: Finding[] = [];
  for (const { node, diskFull, diskStandingMs } of rows) {
    const name = node.clientAddress || `node ${node.id}`;
    if (diskFull) findings.push(fail(`the disk of ${name} is full`, "make room: until then other nodes write for it"));
    if (diskStandingMs >= STANDING_MS) {
      const seconds = (diskStandingMs / 1_000).toFixed(1);
      findings.push(
        fail(`the disk of ${name} has stood still for ${seconds} s`, "look whether it is frozen, broken or overloaded"),
      );
    }
  }
  return findings;
}

function descriptors({ nodes: rows }: Summary): Finding[] {
  return rows
    .filter(({ descriptorsShortMs }) => descriptorsShortMs > 0)
    .map(({ node, descriptorsShortMs }) => {
      const text = `no file descriptor has been left at ${node.clientAddress || `node ${node.id}`} for ${(descriptorsShortMs / 1_000).toFixed(1)} s`;
      const todo =
        "it takes no new connection: raise its limit (ulimit -n), or look which program has so many files open";
      return fail(text, todo);
    });
}

function groups(visits: readonly Visit[], by: (visit: Visit) => string): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const one of visits) found.set(by(one), [...(found.get(by(one)) ?? []), one.name]);
  return found;
}

const listed = (found: ReadonlyMap<string, readonly string[]>): string =>
  [...found].map(([what, names]) => `${what} at ${names.join(", ")}`).join("; ");
