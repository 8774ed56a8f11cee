/**
 * Which keys there are: the lists of a majority of each partition's replicas, put together. One copy may lack what was
 * acknowledged by the others; a majority of them has it. All those lists are of one group epoch (H11). A partition that
 * gets another group meanwhile is listed again, by the newest view.
 */

import { setTimeout as sleep } from "node:timers/promises";
import { BackupServiceDefinition } from "../../../gen/ts/onar/backup/v1/backup.js";
import {
  ReconfigurationServiceDefinition,
  type View,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { errorOf } from "../../base/errno.js";
import { type Address, address } from "../../config/values.js";
import { GrpcError } from "../../grpc/status.js";
import { call, type Target } from "../calls/call.js";
import type { Channel } from "../calls/channel.js";
import { Connections } from "../calls/connections.js";
import { failureThrown } from "../calls/thrown.js";
import { CliError, EXIT } from "../ending/exit.js";

/** Copies that could not be listed are tried again this much later. */
const PAUSE_MS = 200;

/** The keys that a majority of the copies of one partition holds. */
export interface PartitionList {
  /** One character per byte. */
  readonly keys: ReadonlySet<string>;
  /** No revision handed out so far is above it. */
  readonly highestRevision: bigint;
  /** The partition has been written to at some time. */
  readonly written: boolean;
}

/** Told by the last page of one copy. */
interface CopyList {
  readonly highestRevision: bigint;
  readonly changes: bigint;
}

interface Group {
  readonly partition: number;
  readonly groupEpoch: bigint;
  readonly replicas: readonly number[];
}

export class Copies {
  private readonly connections = new Connections();
  private readonly groups = new Map<number, Group>();
  /** A question for the newest view that is under way. */
  private asking: Promise<void> | null = null;

  private constructor(
    private readonly target: Target,
    public view: View,
    readonly clusterId: string,
    private readonly interrupt: AbortSignal,
  ) {}

  /** Asks for the view. */
  static async of(target: Target, interrupt: AbortSignal): Promise<Copies> {
    const view = await viewOf({ ...target, interrupt });
    return new Copies(target, view, view.clusterId.toString("hex"), interrupt);
  }

  close(): Promise<void> {
    return this.connections.close();
  }

  get partitions(): readonly number[] {
    return this.view.partitions.map(({ partition }) => partition);
  }

  /** Keeps trying until the time of a call has passed without another copy. */
  async list(partition: number): Promise<PartitionList> {
    const keys = new Set<string>();
    let giveUp = Date.now() + this.target.timeoutMs;
    for (;;) {
      const group = this.groupOf(partition);
      const lists = new GroupLists(group, partition);
      while (!lists.complete && this.groupOf(partition) === group) {
        const asked = lists.next();
        const told = await Promise.all(asked.map((node) => this.listOne(group, node, keys)));
        told.forEach((list, i) => {
          lists.take(asked[i] as number, list);
          if (typeof list !== "string") giveUp = Date.now() + this.target.timeoutMs;
        });
        this.interrupt.throwIfAborted();
        if (lists.complete) break;
        if (Date.now() > giveUp) throw this.unlistable(lists);
        if (!told.some((list) => typeof list === "string")) continue;
        await this.refresh();
        await sleep(PAUSE_MS);
      }
      if (lists.complete) return { keys, highestRevision: lists.highestRevision, written: lists.changes > 0n };
      // Keys listed by copies of the group before do no harm: each is looked at.
    }
  }

  /** A newer view, if there is one; whoever cannot tell is asked again later. */
  refresh(): Promise<void> {
    // The nodes that were named may have left meanwhile.
    const members = this.view.members.map(({ id }) => this.addressAt(id));
    const endpoints = [...this.target.endpoints, ...members];
    this.asking ??= viewOf({ ...this.target, endpoints, interrupt: this.interrupt })
      .then((view) => {
        if (view.epoch > this.view.epoch && view.clusterId.equals(this.view.clusterId)) this.view = view;
      })
      .catch(() => {})
      .finally(() => {
        this.asking = null;
      });
    return this.asking;
  }

  /** The same object as long as the group is the same. */
  private groupOf(partition: number): Group {
    const placement = this.view.partitions[partition];
    const known = this.groups.get(partition);
    const groupEpoch = placement?.groupEpoch ?? 0n;
    if (known?.groupEpoch === groupEpoch) return known;
    const group = { partition, groupEpoch, replicas: placement?.replicas ?? [] };
    this.groups.set(partition, group);
    return group;
  }

  /** A text: it could not be listed, and why. Pages already heard do no harm. */
  private async listOne({ partition, groupEpoch }: Group, node: number, keys: Set<string>): Promise<CopyList | string> {
    const abort = new AbortController();
    const giveUp = (): void => abort.abort();
    let timer = setTimeout(giveUp, this.target.timeoutMs);
    this.interrupt.addEventListener("abort", giveUp);
    try {
      const { listKeys } = BackupServiceDefinition.methods;
      const channel = this.channelTo(node);
      const pages = channel.many(BackupServiceDefinition, listKeys, { partition }, { signal: abort.signal });
      for await (const page of pages) {
        clearTimeout(timer);
        timer = setTimeout(giveUp, this.target.timeoutMs);
        const { header } = page;
        const stranger = header?.nodeId !== node || header.clusterId.toString("hex") !== this.clusterId;
        if (stranger) throw new Error("another node answers there");
        if (header.groupEpoch !== groupEpoch) throw new Error(otherGroup(header.groupEpoch, groupEpoch));
        for (const key of page.keys) keys.add(key.toString("latin1"));
        if (page.last) return { highestRevision: page.highestRevision, changes: page.changes };
      }
      throw new Error("the list was cut short");
    } catch (error) {
      const why = abort.signal.aborted
        ? "it does not answer"
        : error instanceof GrpcError
          ? failureThrown(error).message
          : errorOf(error).message;
      return `${this.addressOf(node)}: ${why}`;
    } finally {
      clearTimeout(timer);
      this.interrupt.removeEventListener("abort", giveUp);
    }
  }

  channelTo(node: number): Channel {
    return this.connections.to(this.addressAt(node));
  }

  private addressAt(node: number): Address {
    return address("client address", this.addressOf(node), 1);
  }

  private addressOf(node: number): string {
    return this.view.members.find(({ id }) => id === node)?.clientAddress ?? `node ${node}`;
  }

  private unlistable({ group, have, majority, troubles }: GroupLists): CliError {
    const why = [...troubles.values()].join("; ");
    return new CliError(
      EXIT.notDone,
      `partition ${group.partition}: ${majority} of its copies are needed, and ${have} could be listed: ${why}`,
    );
  }
}

const otherGroup = (its: bigint, expected: bigint): string =>
  its < expected ? "it does not know yet that the partition moved" : "the partition has moved to other nodes";

/** The lists that copies of one group gave. */
class GroupLists {
  /** By node. */
  readonly troubles = new Map<number, string>();
  readonly majority: number;
  have = 0;
  highestRevision = 0n;
  changes = 0n;
  private waiting: number[];

  constructor(
    readonly group: Group,
    /** Where to begin, so that not all ask the same node. */
    first: number,
  ) {
    const { replicas } = group;
    this.majority = Math.floor(replicas.length / 2) + 1;
    this.waiting = replicas.map((_, i) => replicas[(first + i) % replicas.length] as number);
  }

  get complete(): boolean {
    return this.have >= this.majority;
  }

  /** As many as are lacking, those first that were not asked for longest. */
  next(): readonly number[] {
    return this.waiting.splice(0, this.majority - this.have);
  }

  take(node: number, list: CopyList | string): void {
    if (typeof list === "string") {
      this.waiting.push(node);
      this.troubles.set(node, list);
      return;
    }
    this.have++;
    this.troubles.delete(node);
    if (list.highestRevision > this.highestRevision) this.highestRevision = list.highestRevision;
    this.changes += list.changes;
  }
}

async function viewOf(target: Target): Promise<View> {
  const { view } = await call(target, (channel, options) =>
    channel.unary(ReconfigurationServiceDefinition, ReconfigurationServiceDefinition.methods.getView, {}, options),
  );
  if (view === undefined) throw new CliError(EXIT.notDone, "the node answered without a view");
  return view;
}
