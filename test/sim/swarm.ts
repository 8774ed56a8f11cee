/**
 * The world of one seed. Not every fault is in every run. Each seed draws which are on and how strongly (swarm testing,
 * Groce et al., ISSTA 2012). A fault that is always on hides what only happens without it.
 */
import { Prng } from "../../src/base/prng.js";

export interface Swarm {
  readonly nodes: number;
  /** δ. */
  readonly replicas: number;
  readonly partitions: number;
  readonly keys: number;
  readonly clients: number;
  /** Length of a heartbeat round. */
  readonly roundMs: number;
  /** How long faults go on. */
  readonly safetyMs: number;
  /** Messages go through the codec instead of by reference. */
  readonly codec: boolean;
  /** Inputs within so long are taken in by one turn of a node. */
  readonly turnMs: number;
  /** Each node's clock runs up to this share too fast or too slow. */
  readonly drift: number;
  /** How long tombstones rest, and passes are apart; 0: nothing is purged. */
  readonly purgeAfterMs: number;
  readonly network: NetworkFaults;
  readonly disk: DiskFaults;
  readonly storage: StorageSwarm;
  readonly nemesis: Nemesis;
  readonly load: Load;
  /** null: the members stay as they are. */
  readonly views: ViewsSwarm | null;
}

/** Members that come, move and leave. */
export interface ViewsSwarm {
  /** Voters in the first view: so many of its first members. */
  readonly voters: number;
  /** Nodes that may ask to be members. */
  readonly newcomers: number;
  /** Nodes are started with names that lead to wherever members are; otherwise with their addresses. */
  readonly names: boolean;
  /** Mean milliseconds between two of a kind; 0: never. */
  readonly join: number;
  readonly move: number;
  readonly moveAll: number;
  readonly farewell: number;
  /**
   * A replica of a partition gives way to another member. Missing: never. Newcomers get nothing here: so no node is
   * lost.
   */
  readonly replace?: number;
  /** Somebody asks for a drain, a replacement, a removal, a rebalance or other writers. Missing: never. */
  readonly ask?: number;
  /** A member that is not heard for so long gives its replicas to others, milliseconds. Missing: never. */
  readonly heal?: number;
  /** A newcomer that a group of two waits for is lost for good. Missing: never. */
  readonly block?: number;
  /** Every partition is to have another number of replicas. Missing: never. No node is lost then. */
  readonly resize?: number;
  /** Share of faults that pick the proposer. */
  readonly aimed: number;
}

export interface NetworkFaults {
  /** A stream keeps order and loses everything on its way when it breaks; otherwise each message fares by itself. */
  readonly stream: boolean;
  readonly delayMs: number;
  readonly spreadMs: number;
  /** Share of messages that take up to `tailMs`. */
  readonly tail: number;
  readonly tailMs: number;
  /** Share of the ways from one node to another that always take up to `slowMs` more. */
  readonly slow: number;
  readonly slowMs: number;
  /**
   * Share of deaths that a peer notices, as its stream to the process breaks. The others are like that of a machine, of
   * which nothing comes any more.
   */
  readonly noticed: number;
  readonly loss: number;
  readonly doubled: number;
  /** The extra time of every way, always, in the liveness phase too: nodes are far apart. 0: they are not. */
  readonly latencyMs: number;
  /** It is the same on every way; otherwise each way has its own, up to that. */
  readonly evenLatency: boolean;
}

/**
 * One way. With rounds of 200 ms a round trip of up to two rounds is within what the protocol promises to stand
 * (docs/protocol.md).
 */
const LATENCIES = [30, 60, 60, 100, 150, 150];
const LATENT_ROUND_MS = 200;

export interface DiskFaults {
  /** 0: what is appended is durable at once. */
  readonly syncMs: number;
  readonly slow: number;
  readonly slowMs: number;
}

/** How nodes keep what they must not forget. */
export interface StorageSwarm {
  /** By the real storage on faulty files; otherwise a model takes its place. */
  readonly real: boolean;
  readonly segmentBytes: number;
  /** The log is folded when it is longer. */
  readonly foldLogBytes: number;
  /** Keys of one transaction. */
  readonly foldKeys: number;
  readonly cacheBytes: number;
}

/** Mean milliseconds between two of a kind; 0: never. */
export interface Nemesis {
  readonly crash: number;
  /** How long a crashed node stays down. */
  readonly downMs: number;
  /** Crashed nodes do not come back, as long as every group keeps a majority. */
  readonly stops: boolean;
  readonly crashAll: number;
  readonly cut: number;
  readonly cutMs: number;
  readonly pause: number;
  readonly pauseMs: number;
  readonly linkLost: number;
  /** A node is told to stop, and stops for good a little later. */
  readonly leave: number;
  /** The revisions of a partition are raised. */
  readonly raise: number;
  /** A register goes bad, on at most a minority of a key's replicas in the whole run. */
  readonly rot: number;
  /**
   * Share of bad registers that storage finds by itself, within so many milliseconds; the others are found when
   * somebody looks.
   */
  readonly scrubbed: number;
  readonly scrubMs: number;
  /**
   * A write fails, and the node ends; it comes back on a disk that is well again. With real storage only, as the two
   * that follow.
   */
  readonly diskError: number;
  readonly full: number;
  readonly fullMs: number;
  /** A disk stands still for long; whatever is asked of its node is answered by its deadline all the same. */
  readonly stall: number;
  readonly stallMs: number;
  /** A directory is lost for good: put back as it was, emptied, or unreadable. */
  readonly ruin: number;
  /**
   * Replicas so few that one bad register takes the key's majority: it is lost, and nobody may be told anything wrong
   * of it.
   */
  readonly rotsLast: boolean;
  /** Share of faults that pick a working writer. */
  readonly aimed: number;
  /**
   * A fault that lasts for minutes, after the other faults of the safety phase and with clients that go on; null:
   * nothing.
   */
  readonly wait: LongWait | null;
}

/** One thing that lasts: a node that is cut off, a disk that stands still, or a key that no majority can tell. */
export interface LongWait {
  readonly kind: "cut" | "stall" | "unrecoverable";
  readonly forMs: number;
}

export interface Load {
  /** Mean milliseconds between an answer and the client's next request. */
  readonly thinkMs: number;
  /** Operations of all clients together. */
  readonly operations: number;
  /** Share of operations on the first key, besides those that fall on it. */
  readonly hot: number;
  readonly gets: number;
  /** Share of writes that are deletes, besides those that every load has. */
  readonly deletes: number;
  readonly locals: number;
  /** Share of writes with a request id. */
  readonly ids: number;
  /** Share of requests with an id that are sent with `after`. */
  readonly afters: number;
  /** Share of those whose `after` no writer ever reached. */
  readonly wrongAfters: number;
  /** Share of requests with an id of which a proxy sends a second copy. */
  readonly copies: number;
  /** By how much that copy may be late. */
  readonly copyLateMs: number;
  readonly timeoutMs: number;
  readonly vanish: number;
}

const MINUTE_MS = 60_000;
/** Share of seeds in which the members change. */
const VIEWS = 0.25;

export function drawSwarm(seed: number): Swarm {
  const chance = new Prng(seed).fork("swarm");
  const on = (probability: number, strength: () => number): number => (chance.chance(probability) ? strength() : 0);
  const nodes = chance.pick([3, 3, 3, 3, 4, 5, 5, 7]);
  const replicas = chance.pick(
    nodes >= 5 ? [1, 2, 3, 3, 3, 4, 5, 5] : nodes === 4 ? [2, 3, 3, 4] : [1, 2, 3, 3, 3, 3, 3],
  );
  const calm = chance.chance(0.05);
  const shortRoundMs = chance.pick([40, 40, 80, 200]);
  const faults = calm ? 0 : 1;
  const waits = new Prng(seed).fork("waits");
  // It takes long in virtual time, and some in real time.
  const wait: LongWait | null =
    faults === 1 && waits.chance(0.02)
      ? {
          kind: waits.pick(["cut", "stall", "unrecoverable", "unrecoverable"]),
          forMs: MINUTE_MS * waits.pick([2, 2, 5, 16]),
        }
      : null;
  const apart = new Prng(seed).fork("latency");
  const latencyMs =
    process.env.LAT !== undefined ? Number(process.env.LAT) : apart.chance(0.15) ? apart.pick(LATENCIES) : 0;
  const roundMs = latencyMs > 0 || wait !== null ? LATENT_ROUND_MS : shortRoundMs;
  const safetyMs = roundMs * chance.pick([60, 90, 120]);
  // Long enough on few keys for records to be forgotten.
  const long = chance.chance(0.04);
  // From a stream of their own: what the others draw does not depend on these.
  const upkeep = new Prng(seed).fork("upkeep");
  const purges = upkeep.chance(0.5);
  const rots = faults === 1 && upkeep.chance(0.35);
  const storage = new Prng(seed).fork("storage");
  const real = storage.chance(0.5);
  const disks = real ? faults : 0;
  const stalls = new Prng(seed).fork("stalls");
  const streams = new Prng(seed).fork("streams");
  const restarts = new Prng(seed).fork("restarts");
  // Records of one key that were forgotten before all nodes were down must not come back as the low revision of
  // another.
  const restarted = long && restarts.chance(0.5);
  const lost = new Prng(seed).fork("lost");
  const ends = new Prng(seed).fork("ends");
  const views = new Prng(seed).fork("views");
  const changing = views.chance(VIEWS);
  const sometimes = (probability: number, rounds: readonly number[]): number =>
    disks > 0 && storage.chance(probability) ? roundMs * storage.pick(rounds) : 0;
  return {
    nodes,
    replicas,
    partitions: chance.pick([1, 1, 1, 2, 4]),
    keys: long ? (restarted ? 2 : 1) : chance.pick([1, 1, 2, 2, 3, 4]),
    clients: chance.pick([2, 3, 4, 6]),
    roundMs,
    safetyMs,
    codec: chance.chance(0.15),
    turnMs: chance.pick([0, 0, 0.2, 2]),
    drift: chance.pick([0, 0, 0.02, 0.2]),
    // A pass and its new ballot take some round trips.
    purgeAfterMs: purges ? roundMs * upkeep.pick([3, 3, 5, 10, 20]) + 20 * latencyMs : 0,
    network: {
      stream: chance.chance(0.3),
      delayMs: chance.pick([0.2, 1, 5]),
      spreadMs: chance.pick([0, 1, 5, 20]),
      tail: faults * on(0.6, () => chance.pick([0.01, 0.05, 0.2])),
      tailMs: chance.pick([50, 300, 1_000, 2_000]),
      slow: on(0.4, () => chance.pick([0.1, 0.3])),
      slowMs: roundMs * chance.pick([0.5, 2, 4]),
      noticed: faults * (streams.chance(0.5) ? streams.pick([0.75, 1]) : 0),
      loss: faults * on(0.5, () => chance.pick([0.01, 0.05, 0.2])),
      doubled: faults * on(0.5, () => chance.pick([0.01, 0.1, 0.5])),
      latencyMs,
      evenLatency: apart.chance(0.5),
    },
    disk: {
      syncMs: chance.pick([0, 0.5, 2, 10]),
      slow: faults * on(0.3, () => chance.pick([0.01, 0.1])),
      slowMs: chance.pick([50, 500]),
    },
    storage: {
      real,
      segmentBytes: storage.pick([512, 2_048, 16_384]),
      foldLogBytes: storage.pick([1_024, 4_096, 16_384, 1e9]),
      foldKeys: storage.pick([1, 2, 64]),
      cacheBytes: storage.pick([0, 65_536]),
    },
    nemesis: {
      crash: faults * on(0.6, () => roundMs * chance.pick([5, 12, 30])),
      downMs: roundMs * chance.pick([1, 5, 15]),
      stops: chance.chance(0.25) && !restarted,
      crashAll:
        faults *
        Math.max(
          on(0.1, () => roundMs * 30),
          restarted ? roundMs * 30 : 0,
        ),
      cut: faults * on(0.6, () => roundMs * chance.pick([4, 10, 20])),
      cutMs: roundMs * chance.pick([2, 6, 15]),
      pause: faults * on(0.4, () => roundMs * chance.pick([4, 12])),
      pauseMs: roundMs * chance.pick([1, 6, 12]),
      linkLost: faults * on(0.3, () => roundMs * chance.pick([3, 10])),
      leave: faults * (ends.chance(0.3) ? roundMs * ends.pick([8, 20]) : 0),
      raise: faults * (ends.chance(0.2) ? roundMs * ends.pick([10, 30]) : 0),
      rot: rots ? roundMs * upkeep.pick([2, 5, 20]) : 0,
      scrubbed: upkeep.pick([0, 0.5, 1]),
      scrubMs: roundMs * upkeep.pick([1, 10]),
      diskError: sometimes(0.25, [10, 30]),
      full: sometimes(0.2, [10, 30]),
      fullMs: roundMs * storage.pick([1, 5, 15, 90]),
      stall: faults * (stalls.chance(0.15) ? roundMs * stalls.pick([8, 20]) : 0),
      stallMs: roundMs * stalls.pick([5, 15, 40]),
      ruin: sometimes(0.4, [10, 40]),
      rotsLast: replicas <= 2 && lost.chance(0.5),
      aimed: chance.pick([0, 0.5, 0.9]),
      wait,
    },
    load: {
      thinkMs: long ? 1 : chance.pick([1, 5, 20, 60]),
      operations: long ? 400 : chance.pick([60, 120, 200]),
      hot: restarted ? 0.95 : 0,
      gets: long ? 0.1 : chance.pick([0.2, 0.4, 0.6]),
      deletes: purges ? upkeep.pick([0.1, 0.3, 0.6]) : 0,
      locals: on(0.4, () => 0.3),
      ids: long ? 1 : chance.pick([0, 0.3, 0.7, 1]),
      // Nobody can tell which request without it a purge forgets.
      afters: purges ? chance.pick([1, 1, 0.9]) : chance.pick([1, 1, 0.5]),
      wrongAfters: on(0.1, () => 0.05),
      copies: long ? 0.3 : on(0.3, () => chance.pick([0.1, 0.4])),
      copyLateMs: long ? safetyMs : roundMs * chance.pick([2, 20, 60]),
      timeoutMs: roundMs * chance.pick([2, 8, 20, 40]),
      vanish: on(0.2, () => 0.05),
    },
    views: changing ? drawViews(views, nodes, roundMs) : null,
  };
}

function drawViews(chance: Prng, nodes: number, roundMs: number): ViewsSwarm {
  const some = (probability: number, rounds: readonly number[]): number =>
    chance.chance(probability) ? roundMs * chance.pick(rounds) : 0;
  const names = chance.chance(0.7);
  return {
    names,
    voters: chance.pick([nodes, nodes, 3, 1]),
    newcomers: chance.pick([0, 1, 2, 3]),
    join: roundMs * chance.pick([5, 15, 30]),
    move: some(0.6, [5, 15, 40]),
    moveAll: names ? some(0.15, [40]) : 0,
    farewell: some(0.5, [10, 30]),
    aimed: chance.pick([0, 0.3, 0.7]),
  };
}
