/**
 * Measures the cost of attacks for an honest client. It sends PUTs at fixed times through the node that is attacked and
 * through another one, with and without the attack in turns. An answer counts when it comes within the limit. Attacks
 * by a member take the place of one, whose node is killed. From then on each PUT needs the attacked node, whichever
 * node it goes through.
 */
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { ATTACKS } from "../attacks/all.js";
import type { Attack } from "../attacks/attack.js";
import { identityText, type Roles, rolesIn } from "../attacks/identity.js";
import { endpointText, PEER_PORT_OFFSET } from "../cluster.js";
import type { Endpoint } from "../load/options.js";
import { type Child, startChild } from "../process/child.js";
import { median } from "../stats/summary.js";
import { progress, type Suite, type SuiteOptions, withCluster } from "./context.js";
import { PutProbe } from "./put-probe.js";
import { tableOf } from "./table.js";

/** An answer that comes later counts as none. */
const LIMIT_MS = 1_000;
const LOOK_MS = 20;
const KEYS = 2;
const GOALS = { same: 0.95, other: 1 } as const;

type Where = keyof typeof GOALS;

interface Kept {
  readonly attack: Attack;
  readonly where: Where;
  /** The rate under attack against the rate without, of the same round. */
  readonly rates: readonly number[];
  /** Milliseconds, the median over the rounds. */
  readonly p99Ms: number;
  readonly p99WithoutMs: number;
}

interface Window {
  /** The part of the calls that were answered in time. */
  readonly rate: number;
  readonly p99Ms: number;
}

export const attacks: Suite = (options) =>
  withCluster(options, async (cluster) => {
    const kept: Kept[] = [];
    const roles = await rolesIn(cluster);
    let gone = false;
    for (const attack of ATTACKS.values()) {
      if (options.only.length > 0 && !options.only.includes(attack.name)) continue;
      if (attack.member === true && !gone) {
        cluster.kill(roles.mad);
        gone = true;
      }
      kept.push(...(await under(attack, options, roles)));
    }
    return {
      tables: [
        tableOf(`honest PUTs under attack, ${100 * KEYS} a second through each of two nodes`, kept, [
          ["attack", ({ attack }) => attack.name],
          ["through", ({ where }) => (where === "same" ? "the attacked node" : "another node")],
          [
            "rate kept",
            ({ rates }) => `${percent(median(rates))} (${percent(Math.min(...rates))}-${percent(Math.max(...rates))})`,
          ],
          ["p99 ms", ({ p99Ms }) => p99Ms.toFixed(1)],
          ["without", ({ p99WithoutMs }) => p99WithoutMs.toFixed(1)],
          ["goal", ({ where }) => percent(GOALS[where])],
          ["", verdict],
        ]),
      ],
      notes: [...ATTACKS.values()].map(({ name, what, port }) => `${name}: ${what}, at the ${port} port`),
      figures: kept.map(({ attack, ...figures }) => ({ attack: attack.name, ...figures })),
    };
  });

/**
 * A client at a fixed rate keeps all of it, or loses calls: half a percent is what one late answer of a window makes.
 */
const reached = ({ rates, where }: Kept): boolean => median(rates) >= GOALS[where] - 0.005;
/** A round in which not even the quiet window was served says nothing. */
const SERVED = 0.9;
const verdict = (one: Kept): string =>
  one.rates.every(Number.isFinite) ? (reached(one) ? "reached" : "MISSED") : "not measured: the machine was busy";
const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

async function under(attack: Attack, options: SuiteOptions, roles: Roles): Promise<Kept[]> {
  const probes = { same: probe(roles.attacked.client), other: probe(roles.other.client) };
  const measured: Record<Where, { readonly quiet: Window[]; readonly loud: Window[] }> = {
    same: { quiet: [], loud: [] },
    other: { quiet: [], loud: [] },
  };
  try {
    for (const one of Object.values(probes)) {
      await one.ready();
      one.start();
    }
    const began = performance.now();
    await Promise.all(Object.values(probes).map((one) => one.firstSuccessOfEach(began, 20_000)));
    await sleep(1_000);
    for (let round = 1; round <= options.attackRounds; round++) {
      progress(`attacks: ${attack.name}, round ${round} of ${options.attackRounds}`);
      for (const loud of [false, true]) {
        const attacker = loud ? await attackerOf(attack, options, roles) : null;
        const from = performance.now();
        await sleep(options.attackSeconds * 1_000);
        const to = performance.now();
        await lastAnswers(Object.values(probes), from, to);
        await attacker?.stop();
        for (const where of ["same", "other"] as const) {
          measured[where][loud ? "loud" : "quiet"].push(windowOf(probes[where], from, to));
        }
      }
    }
  } finally {
    for (const one of Object.values(probes)) one.close();
  }
  return (["same", "other"] as const).map((where) => {
    const { quiet, loud } = measured[where];
    return {
      attack,
      where,
      rates: loud.map(({ rate }, i) => {
        const before = quiet[i]?.rate ?? Number.NaN;
        return before >= SERVED ? rate / before : Number.NaN;
      }),
      p99Ms: median(loud.map(({ p99Ms }) => p99Ms)),
      p99WithoutMs: median(quiet.map(({ p99Ms }) => p99Ms)),
    };
  });
}

/** Answers of the last calls may still come in time. */
async function lastAnswers(probes: readonly PutProbe[], from: number, to: number): Promise<void> {
  const isMissing = (one: PutProbe): boolean => one.latenciesOf(from, to).length < one.invokedIn(from, to);
  while (performance.now() < to + LIMIT_MS && probes.some(isMissing)) await sleep(LOOK_MS);
}

function probe(endpoint: Endpoint): PutProbe {
  const keys = Array.from({ length: KEYS }, (_, i) => Buffer.from(`attacked-${i}`.padEnd(16, "-")));
  return new PutProbe(endpoint, keys);
}

function windowOf(one: PutProbe, from: number, to: number): Window {
  const latencies = one.latenciesOf(from, to).filter((ms) => ms <= LIMIT_MS);
  const sorted = latencies.toSorted((a, b) => a - b);
  return {
    rate: latencies.length / one.invokedIn(from, to),
    p99Ms: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
  };
}

function attackerOf(attack: Attack, { scripts }: SuiteOptions, { attacked, as }: Roles): Promise<Child> {
  const { host, port } = attacked.client;
  const at = { host, port: attack.port === "client" ? port : port + PEER_PORT_OFFSET };
  const identity = attack.member === true ? [identityText(as)] : [];
  return startChild([`${scripts}/attacker.js`, attack.name, endpointText(at), ...identity], 20_000);
}
