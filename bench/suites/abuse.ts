/**
 * Measures the cost of abuse of `src/grpc` for an honest client, and for its server. Every attack of `test/abuse` is
 * made again and again on new connections for as long as a round lasts, beside rounds without it.
 *
 * Intuition: attacker, target and client are processes of their own, on few cores. So the attacker takes time from the
 * others, whatever the target does. A latency that is twice that of a quiet round is the machine's, one of ten times is
 * the target's.
 */

import { ATTACKS, attackOf } from "../../test/abuse/attacks/all.js";
import { type Bout, type Honest, p99, Ring } from "../../test/abuse/bout.js";
import { TEST_CERTIFICATE, TEST_KEY } from "../../test/unit/http2/support/tls.js";
import { descriptors } from "../process/procfs.js";
import { median } from "../stats/summary.js";
import { progress, type SuiteOptions, type SuiteResult } from "./context.js";
import { type Column, tableOf } from "./table.js";

const MIB = 1_048_576;
/** Connections of attacks that are a matter of number, where descriptors allow. */
const SCALE = 10_000;
const SPARE_DESCRIPTORS = 500;

interface Round {
  readonly quiet: Honest;
  readonly bout: Bout;
}

export async function abuse(options: SuiteOptions): Promise<SuiteResult> {
  const { only, rounds, scripts, seconds } = options;
  const attacks = only.length === 0 ? ATTACKS : only.map(attackOf);
  const scale = Math.min(SCALE, descriptors() - SPARE_DESCRIPTORS);
  const compiled = `${scripts}/../test/abuse`;
  const ring = await Ring.open({ key: TEST_KEY, cert: TEST_CERTIFICATE, compiled });
  try {
    await ring.quiet(1_000);
    const rows: ReturnType<typeof summarize>[] = [];
    for (const attack of attacks) {
      const all: Round[] = [];
      for (let i = 0; i < rounds; i++) {
        const quiet = await ring.quiet(seconds * 1_000);
        all.push({ quiet, bout: await ring.attack(attack.name, scale, seconds * 1_000) });
      }
      const row = summarize(attack.name, attack.what, all);
      progress(`abuse: ${row.name}: p99 ${row.p99Ms.toFixed(1)} ms, ${row.quietMs.toFixed(1)} without it`);
      rows.push(row);
    }
    return {
      tables: [tableOf(`attacks on a server of src/grpc; medians of ${rounds} rounds of ${seconds} s`, rows, COLUMNS)],
      notes: [`attacks by number: ${scale} connections`, "goal: honest calls keep their p99 within twice; none fails"],
      problems: rows.flatMap(({ name, failures }) => (failures.length === 0 ? [] : [`${name}: ${failures[0]}`])),
      figures: { rows, scale },
    };
  } finally {
    await ring.close();
  }
}

const COLUMNS: readonly Column<ReturnType<typeof summarize>>[] = [
  ["attack", (r) => r.name],
  ["what", (r) => r.what],
  ["MiB sent", (r) => r.sentMiB.toFixed(1)],
  ["connections", (r) => r.connections.toFixed(0)],
  ["closed", (r) => r.closed.toFixed(0)],
  ["memory +MiB", (r) => r.growthMiB.toFixed(0)],
  ["kept MiB", (r) => r.keptMiB.toFixed(1)],
  ["honest p99 ms", (r) => r.p99Ms.toFixed(1)],
  ["without", (r) => r.quietMs.toFixed(1)],
  ["calls failed", (r) => `${r.failures.length}`],
];

function summarize(name: string, what: string, rounds: readonly Round[]) {
  const middle = (pick: (round: Round) => number): number => median(rounds.map(pick));
  return {
    name,
    what,
    sentMiB: middle(({ bout }) => bout.tally.sentBytes / MIB),
    connections: middle(({ bout }) => bout.tally.connections),
    closed: middle(({ bout }) => bout.tally.closed),
    growthMiB: middle(({ bout }) => (bout.target.peakBytes - bout.target.baseBytes) / MIB),
    keptMiB: middle(({ bout }) => bout.target.keptBytes / MIB),
    p99Ms: middle(({ bout }) => p99(bout.honest.latenciesMs)),
    quietMs: middle(({ quiet }) => p99(quiet.latenciesMs)),
    failures: rounds.flatMap(({ bout }) => bout.honest.failures),
  };
}
