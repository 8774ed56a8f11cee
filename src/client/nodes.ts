/**
 * The nodes of the cluster as the client knows them, and which of them to ask.
 *
 * The intuition: the view says where each key is, so the client goes straight to the node that serves it. But it never
 * waits for the best node while another one can be asked: any node serves any call.
 *
 * Invariants:
 *   N1  A request goes only to a node that has introduced itself as one of the cluster.
 *   N2  The cluster is the one that was named, or else the first one that answered; it never changes.
 */
import type { Header } from "../../gen/ts/onar/kv/v1/common.js";
import type { GetViewResponse, View } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { Endpoint, type Trouble } from "./endpoint.js";
import type { Failure } from "./failure.js";
import type { Patience } from "./patience.js";
import type { Connect } from "./transport.js";

/** How long a call waits for a node that it has not tried before it asks one again that it has. */
const OTHER_NODE_MS = 250;
/** How often whoever cannot be asked is tried again while somebody waits. */
const TRY_MS = 25;
const REFRESH_MS = 2_000;

export interface NodesOptions {
  readonly endpoints: readonly string[];
  /** 32 hexadecimal digits, or "". */
  readonly clusterId: string;
  /** Nodes may be called at the addresses that the view gives, not only at the endpoints. */
  readonly direct: boolean;
  readonly connect: Connect;
  /** So long the first endpoint alone is connected, unless that fails. By default all are connected at once. */
  readonly headStartMs?: number;
}

export type Kind = "read" | "write";

export class Nodes {
  view: View | null = null;
  private readonly endpoints = new Map<string, Endpoint>();
  private readonly byNode = new Map<number, Endpoint>();
  private readonly writers = new Map<number, number>();
  private readonly watchers = new Set<() => void>();
  private trying: NodeJS.Timeout | null = null;
  private clusterId: string;
  private refreshing = false;
  /** null: nobody has asked for a node yet. */
  private aloneUntil: number | null = null;
  private turn = Math.floor(Math.random() * 1_000);

  constructor(private readonly options: NodesOptions) {
    this.clusterId = options.clusterId;
    for (const address of options.endpoints) this.endpointAt(address);
  }

  /** Waits until a node has told the view. False: the patience is over, or nobody that answers is of the cluster. */
  async known(patience: Patience): Promise<boolean> {
    while (this.view === null && patience.over === null) {
      this.wakeAll();
      if (this.allUseless) return false;
      await this.change(patience, patience.leftMs);
    }
    return this.view !== null && patience.over === null;
  }

  /**
   * The node to ask, not one of `tried` if that can be helped; null when the patience is over, or nobody is of the
   * cluster.
   */
  async choose(
    partition: number,
    kind: Kind,
    tried: ReadonlySet<Endpoint>,
    patience: Patience,
  ): Promise<Endpoint | null> {
    const best = this.best(partition, kind, tried);
    if (best !== null) return best;
    const since = performance.now();
    while (patience.over === null) {
      this.wakeAll();
      if (this.allUseless) return null;
      await this.change(patience, OTHER_NODE_MS);
      const late = performance.now() - since >= OTHER_NODE_MS;
      const found = this.best(partition, kind, tried) ?? (late ? this.best(partition, kind, NONE) : null);
      if (found !== null) return found;
    }
    return null;
  }

  /** Takes an answer's word about the cluster. */
  hear(header: Header | undefined, from: Endpoint): void {
    from.well();
    if (header === undefined) return;
    if (header.revision !== undefined && header.writerNodeId !== 0) {
      this.writers.set(header.revision.partition, header.writerNodeId);
    }
    if (this.view !== null && header.viewEpoch > this.view.epoch) this.refresh(from);
  }

  /** Takes a failed attempt's word about the node. */
  failed(endpoint: Endpoint, failure: Failure, partition: number): void {
    if (this.writers.get(partition) === endpoint.nodeId) this.writers.delete(partition);
    if (failure.nodeUnwell) endpoint.rest();
  }

  /** Why nobody can be asked. */
  get trouble(): {
    readonly reason: "UNREACHABLE" | "WRONG_CLUSTER";
    readonly message: string;
    /** Addresses of all that could be asked, with commas between them. */
    readonly addresses: string;
  } {
    const troubles = [...this.endpoints.values()].flatMap(({ trouble }) => (trouble === null ? [] : [trouble]));
    const foreign = troubles.some((trouble) => trouble.foreign);
    const message = [...new Set(troubles.map(({ text }) => text))].join("; ");
    const addresses = [...this.endpoints.keys()].join(", ");
    return {
      reason: foreign ? "WRONG_CLUSTER" : "UNREACHABLE",
      message: message === "" ? `no answer from ${addresses}` : message,
      addresses,
    };
  }

  get someoneUsable(): boolean {
    for (const endpoint of this.endpoints.values()) if (endpoint.usable) return true;
    return false;
  }

  close(): void {
    for (const endpoint of this.endpoints.values()) endpoint.close();
    this.changed();
    if (this.trying !== null) clearInterval(this.trying);
    this.trying = null;
  }

  /** The best node that can be asked now: one that serves the partition, otherwise any; null: none. */
  best(partition: number, kind: Kind, tried: ReadonlySet<Endpoint>): Endpoint | null {
    const replicas = this.view?.partitions[partition]?.replicas ?? [];
    const start = kind === "read" ? this.turn++ : 0;
    if (kind === "write") {
      const writer = this.fit(this.writers.get(partition), tried);
      if (writer !== null) return writer;
    }
    for (let i = 0; i < replicas.length; i++) {
      const replica = this.fit(replicas[(start + i) % replicas.length], tried);
      if (replica !== null) return replica;
    }
    let resting: Endpoint | null = null;
    for (const endpoint of this.endpoints.values()) {
      if (tried.has(endpoint) || !endpoint.usable) continue;
      if (!endpoint.resting) return endpoint;
      resting = endpoint;
    }
    // Better a node that is not well than none, but not before the others had their chance to be connected.
    return tried === NONE || tried.size === 0 ? resting : null;
  }

  private fit(id: number | undefined, tried: ReadonlySet<Endpoint>): Endpoint | null {
    if (id === undefined || id === 0) return null;
    const endpoint = this.ofNode(id);
    if (endpoint === null) return null;
    if (!endpoint.usable) {
      endpoint.wake();
      return null;
    }
    return endpoint.resting || tried.has(endpoint) ? null : endpoint;
  }

  private ofNode(id: number): Endpoint | null {
    const known = this.byNode.get(id);
    if (known !== undefined) return known;
    if (!this.options.direct) return null;
    const member = this.view?.members.find((one) => one.id === id);
    if (member === undefined || member.clientAddress === "") return null;
    const endpoint = this.endpointAt(member.clientAddress);
    // Until somebody says otherwise, that is where it is.
    if (endpoint.nodeId === 0) this.byNode.set(id, endpoint);
    return endpoint;
  }

  private endpointAt(address: string): Endpoint {
    let endpoint = this.endpoints.get(address);
    if (endpoint === undefined) {
      endpoint = new Endpoint({
        address,
        connection: this.options.connect(address),
        introduced: (who, answer) => this.introduced(who, answer),
        changed: () => this.changed(),
      });
      this.endpoints.set(address, endpoint);
    }
    return endpoint;
  }

  private introduced(endpoint: Endpoint, { header, view }: GetViewResponse): Trouble | null {
    if (header === undefined || view === undefined) {
      return { text: `${endpoint.address} does not tell its view`, foreign: false, lasting: true };
    }
    const clusterId = header.clusterId.toString("hex");
    if (this.clusterId !== "" && clusterId !== this.clusterId) {
      return {
        text: `${endpoint.address} is of cluster ${clusterId}, not ${this.clusterId}`,
        foreign: true,
        lasting: true,
      };
    }
    this.clusterId = clusterId;
    if (endpoint.nodeId !== header.nodeId) {
      if (this.byNode.get(endpoint.nodeId) === endpoint) this.byNode.delete(endpoint.nodeId);
      endpoint.nodeId = header.nodeId;
    }
    const known = this.byNode.get(header.nodeId);
    if (known === undefined || !known.usable) this.byNode.set(header.nodeId, endpoint);
    this.learn(view);
    return null;
  }

  private learn(view: View): void {
    if (this.view !== null && view.epoch <= this.view.epoch) return;
    this.view = view;
    this.writers.clear();
    const members = new Set(view.members.map(({ id }) => id));
    const addresses = new Set([...this.options.endpoints, ...view.members.map((member) => member.clientAddress)]);
    for (const [id, endpoint] of this.byNode)
      if (!members.has(id) || !addresses.has(endpoint.address)) this.byNode.delete(id);
    for (const [address, endpoint] of this.endpoints) {
      if (addresses.has(address)) continue;
      endpoint.close();
      this.endpoints.delete(address);
    }
  }

  private refresh(from: Endpoint): void {
    if (this.refreshing) return;
    this.refreshing = true;
    void from.connection.getView(REFRESH_MS).then((answer) => {
      this.refreshing = false;
      if (!("$case" in answer) && answer.view !== undefined) this.learn(answer.view);
    });
  }

  private wakeAll(): void {
    if (this.options.direct) for (const { id } of this.view?.members ?? []) this.ofNode(id);
    this.aloneUntil ??= performance.now() + (this.options.headStartMs ?? 0);
    const alone = performance.now() < this.aloneUntil;
    for (const endpoint of this.endpoints.values()) {
      endpoint.wake();
      if (alone && endpoint.trouble === null) return;
    }
  }

  private get allUseless(): boolean {
    for (const { trouble } of this.endpoints.values()) if (trouble?.lasting !== true) return false;
    return true;
  }

  /** Resolves when an endpoint's usability has changed, after a while, or when the patience is over. */
  private async change(patience: Patience, withinMs: number): Promise<void> {
    await patience.wait<true>((settle) => {
      const wake = (): void => {
        stop();
        settle(true);
      };
      const timer = setTimeout(wake, withinMs);
      const stop = (): void => {
        clearTimeout(timer);
        this.watchers.delete(wake);
      };
      this.watchers.add(wake);
      // One timer for all who wait: there may be thousands.
      this.trying ??= setInterval(() => this.tryAgain(), TRY_MS);
      return stop;
    });
  }

  private tryAgain(): void {
    if (this.watchers.size > 0) return this.wakeAll();
    if (this.trying !== null) clearInterval(this.trying);
    this.trying = null;
  }

  private changed(): void {
    for (const wake of [...this.watchers]) wake();
  }
}

/** No node was asked before. */
export const NONE: ReadonlySet<Endpoint> = new Set();
