/**
 * The world of founding, by seed: the real founders of src/rpc/founding, with their steps as bytes, on virtual time.
 * Founders crash, come back, and come back with nothing as other nodes at the same address. Calls are lost, late and
 * answered after the asking process is gone. After that a calm time, in which all that run must get the one view, or
 * hear that they are not in it.
 */
import { FoundRequest, FoundResponse } from "../../gen/ts/onar/replication/v1/replication.js";
import { Prng } from "../../src/base/prng.js";
import { nodeId } from "../../src/core/model/ids.js";
import type { EncodedView } from "../../src/core/view/encoded-view.js";
import type { Member } from "../../src/core/view/view.js";
import { Founding, type FoundingVotes } from "../../src/rpc/founding/founding.js";
import type { FoundAnswer, FounderCalls } from "../../src/rpc/founding/founding-calls.js";
import { MemberDoor } from "../../src/rpc/founding/member-door.js";
import { Schedule } from "../sim/schedule.js";

const CHAOS_MS = 30_000;
const CALM_MS = 30_000;
/** As long as src/rpc/founding/founding-calls.ts waits. */
const CALL_MS = 2_000;
const MOST_FOUNDERS = 5;

export type FoundingCheck =
  | "one first view"
  | "a decided view was accepted by all that it names and that are there"
  | "founding ends"
  | "nothing else fails";

export interface FoundingRun {
  readonly seed: number;
  readonly founders: number;
  /** A view was decided. */
  readonly founded: boolean;
  /** Nodes that a wiped directory left outside. */
  readonly refused: number;
  readonly wipes: number;
  readonly events: number;
  readonly violation: { readonly check: FoundingCheck; readonly detail: string } | null;
  readonly trace: readonly string[];
}

class Broken extends Error {
  constructor(
    readonly check: FoundingCheck,
    detail: string,
  ) {
    super(detail);
  }
}

/** One address, and the processes and directories that are there one after the other. */
interface Place {
  readonly address: string;
  id: number;
  /** The content of its directory. */
  votes: FoundingVotes | null;
  view: EncodedView | null;
  /** The number of its process; 0: it is down. Each has a number of its own. */
  process: number;
  answer: ((request: FoundRequest) => Promise<FoundResponse>) | null;
  /** It was told that the others form a cluster without it. */
  refused: boolean;
}

export function runFounding(seed: number): Promise<FoundingRun> {
  return new World(seed).run();
}

class World {
  private readonly schedule = new Schedule();
  private readonly chance: Prng;
  private readonly luck: Prng;
  private readonly places: Place[];
  private readonly names = new Map<string, string>();
  /** By digest: the nodes that accepted the view durably. */
  private readonly accepted = new Map<string, { readonly view: EncodedView; readonly by: Set<number> }>();
  private decided: EncodedView | null = null;
  private broken: Broken | null = null;
  private readonly trace: string[] = [];
  private readonly delayMs: number;
  private readonly spreadMs: number;
  private readonly loss: number;
  private readonly diskMs: number;
  private readonly everyMs: number;
  private readonly wipe: number;
  /** Directories are lost with every process. */
  private readonly inMemory: boolean;
  private calm = false;
  private lastId = 0;
  private lastProcess = 0;
  private wipes = 0;

  constructor(private readonly seed: number) {
    this.chance = new Prng(seed).fork("nemesis");
    this.luck = new Prng(seed).fork("network");
    const faults = new Prng(seed).fork("faults");
    this.delayMs = faults.fraction() * 60;
    this.spreadMs = faults.fraction() * 400;
    this.loss = faults.chance(0.3) ? 0 : faults.fraction() * 0.3;
    this.diskMs = faults.fraction() * 200;
    this.everyMs = 200 + faults.fraction() * 4_000;
    this.wipe = faults.chance(0.3) ? 0 : faults.fraction();
    this.inMemory = faults.chance(0.25);
    const count = 1 + faults.below(MOST_FOUNDERS);
    this.places = Array.from({ length: count }, (_, i) => ({
      address: `p${i + 1}:2`,
      id: ++this.lastId,
      votes: null,
      view: null,
      process: 0,
      answer: null,
      refused: false,
    }));
  }

  async run(): Promise<FoundingRun> {
    for (const place of this.places) this.schedule.after(this.chance.fraction() * 3_000, () => this.start(place));
    this.strikes();
    await this.until(CHAOS_MS);
    this.calm = true;
    for (const place of this.places) this.start(place);
    await this.until(CHAOS_MS + CALM_MS);
    if (this.broken === null) this.judge();
    for (const place of this.places) place.process = 0;
    const { broken } = this;
    return {
      seed: this.seed,
      founders: this.places.length,
      founded: this.decided !== null,
      refused: this.places.filter(({ refused }) => refused).length,
      wipes: this.wipes,
      events: this.schedule.count,
      violation: broken === null ? null : { check: broken.check, detail: broken.message },
      trace: this.trace,
    };
  }

  /** Between two events all that follows from the first is done. */
  private async until(end: number): Promise<void> {
    const { schedule } = this;
    while (this.broken === null) {
      await settled();
      const next = schedule.next;
      if (next === null || next > end) break;
      schedule.runNext();
    }
  }

  // ---- Processes. ----

  private start(place: Place): void {
    if (place.process !== 0 || place.refused) return;
    const process = ++this.lastProcess;
    place.process = process;
    this.note(`n${place.id} starts at ${place.address}`);
    if (place.view !== null) return this.serve(place, place.view);
    const lives = (): boolean => place.process === process;
    const self = memberOf(place);
    const founding = new Founding({
      self,
      peers: this.places.map(({ address }) => address),
      cluster: { replicationFactor: 1, partitions: 1 },
      calls: this.callsOf(place, lives),
      pause: (ms) => this.after(ms, lives),
      clusterId: "",
      votes: place.votes,
      saveVotes: async (votes) => {
        await this.after(this.diskMs * (0.5 + this.luck.fraction()), lives);
        place.votes = votes;
        this.saved(place.id, votes);
      },
      notice: () => {},
      signal: new AbortController().signal,
    });
    place.answer = (request) => founding.answer(request);
    founding.run().then(
      async (view) => {
        if (!lives()) return;
        await this.after(this.diskMs, lives);
        place.view = view;
        this.took(place, view);
        this.serve(place, view);
      },
      (error: unknown) => {
        if (!lives()) return;
        const { message } = error as Error;
        this.note(`n${place.id} ends: ${message}`);
        if (!message.includes("is not one of its members")) this.fail("nothing else fails", `n${place.id}: ${message}`);
        this.end(place);
        place.refused = true;
      },
    );
  }

  private serve(place: Place, view: EncodedView): void {
    const door = new MemberDoor({
      self: memberOf(place),
      newest: () => view,
      livesElsewhere: () => Promise.resolve(false),
      wished: () => {},
    });
    place.answer = (request) => door.answer(request);
  }

  private end(place: Place): void {
    place.process = 0;
    place.answer = null;
  }

  private crash(place: Place, wiped: boolean): void {
    this.note(`n${place.id} crashes${wiped ? ", and its directory is gone" : ""}`);
    this.end(place);
    if (!wiped) return;
    this.wipes++;
    place.id = ++this.lastId;
    place.votes = null;
    place.view = null;
  }

  private strikes(): void {
    this.schedule.after(this.everyMs * (0.5 + this.chance.fraction()), () => {
      if (this.calm) return;
      this.strikes();
      const place = this.chance.pick(this.places);
      if (place.refused) return;
      if (place.process === 0) this.start(place);
      else {
        const wiped = this.inMemory || this.chance.chance(this.wipe);
        // In memory every end of a process is the loss of what it knew.
        if (!wiped || this.mayWipe(place)) this.crash(place, wiped);
      }
    });
  }

  /** One of the nodes that all accepted a view is left: otherwise nobody knows of it, and it is founded anew. */
  private mayWipe(place: Place): boolean {
    const left = this.places.filter((one) => one !== place && !one.refused).map(({ id }) => id);
    return [...this.accepted.values()].every(({ view, by }) => {
      const { members } = view.view;
      const isDecided = members.every(({ id }) => by.has(id));
      return !isDecided || members.some(({ id }) => left.includes(id));
    });
  }

  // ---- Calls. ----

  /** Never resolves once the process is gone. */
  private after(ms: number, lives: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.schedule.after(ms, () => {
        if (lives()) resolve();
      });
    });
  }

  private callsOf(place: Place, lives: () => boolean): FounderCalls {
    return {
      ask: (address, request) =>
        new Promise((resolve) => {
          let answered = false;
          const tell = (answer: FoundAnswer): void => {
            if (!answered && lives()) resolve(answer);
            answered = true;
          };
          this.schedule.after(CALL_MS, () => tell({ why: "does not answer" }));
          const body = FoundRequest.encode(request).finish();
          this.travel(() => this.arrives(address, body, (response) => this.travel(() => tell(response))));
          this.note(`n${place.id} → ${address} ${request.step?.$case ?? "hello"}`);
        }),
      close: () => {},
    };
  }

  private travel(arrive: () => void): void {
    if (!this.calm && this.luck.chance(this.loss)) return;
    this.schedule.after(this.delayMs + this.luck.fraction() * (this.calm ? 1 : this.spreadMs), arrive);
  }

  private arrives(address: string, body: Uint8Array, back: (answer: FoundAnswer) => void): void {
    const place = this.places.find((one) => one.address === address);
    if (place?.answer == null) return;
    const { process } = place;
    place.answer(FoundRequest.decode(body)).then(
      (response) => {
        if (place.process === process)
          back({ response: FoundResponse.decode(FoundResponse.encode(response).finish()) });
      },
      () => back({ why: "refuses" }),
    );
  }

  // ---- What must be. ----

  private saved(id: number, { accepted }: FoundingVotes): void {
    if (accepted === null) return;
    const { view } = accepted;
    const known = this.accepted.get(view.digest) ?? { view, by: new Set() };
    this.accepted.set(view.digest, known);
    known.by.add(id);
  }

  private took(place: Place, view: EncodedView): void {
    this.note(`n${place.id} takes view ${this.named(view)}`);
    this.decided ??= view;
    if (view.digest !== this.decided.digest)
      this.fail("one first view", `n${place.id} takes ${this.named(view)} beside ${this.named(this.decided)}`);
    const by = this.accepted.get(view.digest)?.by ?? new Set();
    // Whether one that is gone had accepted it nobody can know.
    const there = new Set(this.places.map(({ id }) => id));
    const missing = view.view.members.filter(({ id }) => there.has(id) && !by.has(id));
    if (missing.length > 0)
      this.fail(
        "a decided view was accepted by all that it names and that are there",
        `${this.named(view)} without ${missing.map(({ id }) => `n${id}`).join()}`,
      );
  }

  private judge(): void {
    // Those that knew the decision are all gone, and who heard of it from them is outside.
    if (this.decided === null && this.places.some(({ refused }) => refused)) return;
    const { members = [] } = this.decided?.view ?? {};
    const there = members.filter(({ id }) => this.places.some((place) => place.id === id)).length;
    // A cluster whose majority is gone serves nobody: a new node believes no single one that tells of it, and says so.
    if (2 * there <= members.length && members.length > 0) return;
    for (const { id, view, refused } of this.places)
      if (view === null && !refused) return this.fail("founding ends", `n${id} waits for a view`);
  }

  private fail(check: FoundingCheck, detail: string): void {
    this.broken ??= new Broken(check, detail);
    this.note(`${check}: ${detail}`);
  }

  private named({ digest }: EncodedView): string {
    const name = this.names.get(digest) ?? String.fromCharCode("A".charCodeAt(0) + this.names.size);
    this.names.set(digest, name);
    return name;
  }

  private note(text: string): void {
    this.trace.push(`${this.schedule.now.toFixed(0).padStart(6)} ${text}`);
    if (this.trace.length > 4_000) this.trace.shift();
  }
}

const memberOf = ({ id, address }: Place): Member => ({
  id: nodeId(id),
  clientAddress: address.replace(":2", ":1"),
  peerAddress: address,
  zone: "",
});

/** All promises that can be are settled. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
