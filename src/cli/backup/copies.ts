/**
 * Which keys there are: the lists of a majority of each partition's replicas, put together. One copy may lack what was
 * acknowledged by the others; a majority of them has it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BackupServiceDefinition } from "../../../gen/ts/onar/backup/v1/backup.js";
import {
  ReconfigurationServiceDefinition,
  type View,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { address } from "../../config/values.js";
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

export class Copies {
  private readonly connections = new Connections();

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
    const replicas = this.view.partitions[partition]?.replicas ?? [];
    const majority = Math.floor(replicas.length / 2) + 1;
    const keys = new Set<string>();
    const troubles = new Map<number, string>();
    let waiting = replicas.map((_, i) => replicas[(partition + i) % replicas.length] as number);
    let highestRevision = 0n;
    let changes = 0n;
    let giveUp = Date.now() + this.target.timeoutMs;
    for (let have = 0; have < majority; ) {
      const asked = waiting.slice(0, majority - have);
      const lists = await Promise.all(asked.map((node) => this.listOne(partition, node, keys, troubles)));
      waiting = waiting.slice(asked.length);
      lists.forEach((list, i) => {
        if (list === null) {
          waiting.push(asked[i] as number);
          return;
        }
        have++;
        if (list.highestRevision > highestRevision) highestRevision = list.highestRevision;
        changes += list.changes;
        giveUp = Date.now() + this.target.timeoutMs;
      });
      this.interrupt.throwIfAborted();
      if (!lists.includes(null)) continue;
      if (Date.now() > giveUp) throw this.unlistable(partition, have, majority, troubles);
      await sleep(PAUSE_MS);
    }
    return { keys, highestRevision, written: changes > 0n };
  }

  /** null: it could not be listed; `troubles` says why. Pages already heard do no harm. */
  private async listOne(
    partition: number,
    node: number,
    keys: Set<string>,
    troubles: Map<number, string>,
  ): Promise<{ readonly highestRevision: bigint; readonly changes: bigint } | null> {
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
        if (header.groupEpoch !== this.view.partitions[partition]?.groupEpoch) {
          throw new Error("the partition has moved to other nodes: start again");
        }
        for (const key of page.keys) keys.add(key.toString("latin1"));
        if (page.last) return { highestRevision: page.highestRevision, changes: page.changes };
      }
      throw new Error("the list was cut short");
    } catch (error) {
      const why = abort.signal.aborted
        ? "it does not answer"
        : error instanceof GrpcError
          ? failureThrown(error).message
          : (error as Error).message;
      troubles.set(node, `${this.addressOf(node)}: ${why}`);
      return null;
    } finally {
      clearTimeout(timer);
      this.interrupt.removeEventListener("abort", giveUp);
    }
  }

  channelTo(node: number): Channel {
    return this.connections.to(address("client address", this.addressOf(node), 1));
  }

  private addressOf(node: number): string {
    return this.view.members.find(({ id }) => id === node)?.clientAddress ?? `node ${node}`;
  }

  private unlistable(partition: number, have: number, majority: number, troubles: Map<number, string>): CliError {
    const why = [...troubles.values()].join("; ");
    return new CliError(
      EXIT.notDone,
      `partition ${partition}: ${majority} of its copies are needed, and ${have} could be listed: ${why}`,
    );
  }
}

async function viewOf(target: Target): Promise<View> {
  const { view } = await call(target, (channel, options) =>
    channel.unary(ReconfigurationServiceDefinition, ReconfigurationServiceDefinition.methods.getView, {}, options),
  );
  if (view === undefined) throw new CliError(EXIT.notDone, "the node answered without a view");
  return view;
}
