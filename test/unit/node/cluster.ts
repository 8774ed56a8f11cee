/**
 * Whole nodes, real in every part, on one clock and a network without delay that the test may cut or filter. Disks take
 * no time: what a sync would release leaves at once.
 */
import { type Instant, instant } from "../../../src/base/time.js";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { groupEpoch, key, type NodeId, nodeId, partition, viewEpoch } from "../../../src/core/model/ids.js";
import type { Forward, NodeMessage, Request } from "../../../src/core/model/node-message.js";
import type { WriteOperation } from "../../../src/core/model/operation.js";
import { MemoryTable } from "../../../src/core/model/table.js";
import type { View } from "../../../src/core/view/view.js";
import { type NodeInput, NodeMachine } from "../../../src/node/machine.js";
import { Outgoing, type Verdict } from "../../../src/node/outgoing.js";
import { bytes, request } from "../core/writer/harness.js";

export const A = nodeId(10);
export const B = nodeId(11);
export const C = nodeId(12);
export const P0 = partition(0);
const K = key("k");

/** A view of nodes A, B, C …; partition p is kept by `delta` of them from node p on, the first being preferred. */
export function viewOf(size: number, delta = size, partitions = 1): View {
  const ids = Array.from({ length: size }, (_, i) => nodeId(10 + i));
  return {
    epoch: viewEpoch(1),
    clusterId: "00112233445566778899aabbccddeeff",
    previousDigest: "",
    operationId: "ffeeddccbbaa99887766554433221100",
    replicationFactor: delta,
    members: ids.map((id) => ({ id, clientAddress: `c${id}:1`, peerAddress: `p${id}:2`, zone: "" })),
    partitions: Array.from({ length: partitions }, (_, p) => ({
      replicas: Array.from({ length: delta }, (_, i) => ids[(p + i) % size] as NodeId),
      groupEpoch: groupEpoch(1),
    })),
    voters: ids,
  };
}

export function machineOf(self: NodeId, view: View, now = instant(0)): NodeMachine {
  const tables = new Map<number, MemoryTable>();
  const table = (p: number): MemoryTable => {
    const known = tables.get(p) ?? new MemoryTable();
    tables.set(p, known);
    return known;
  };
  return new NodeMachine({ self, newest: encodedView(view), table, firstAttempt: 1_000 * self, now });
}

const write = (operation: WriteOperation, id?: string): Request => ({
  kind: "write",
  write: request(operation, id),
});
export const remove: Request = write({ kind: "delete", key: K, condition: null });
export const put = (value: string, id?: string): Request => write({ kind: "put", key: K, value: bytes(value) }, id);
export const increment = (id?: string): Request => write({ kind: "add", key: K, delta: 1n }, id);
export const read: Request = { kind: "read", read: { key: K, consistency: "linearizable" } };

export interface Mail {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: NodeMessage;
}

export class Cluster {
  readonly view: View;
  readonly machines = new Map<NodeId, NodeMachine>();
  now: Instant = instant(0);
  /** Messages that are dropped on the way. */
  drops: (mail: Mail) => boolean = () => false;
  /** Everything that was sent, dropped or not. */
  readonly sent: Mail[] = [];
  private readonly mail: Mail[] = [];
  private readonly verdicts = new Map<string, { readonly verdict: Verdict; readonly at: Instant }>();

  constructor(size = 3, delta = size, partitions = 1) {
    this.view = viewOf(size, delta, partitions);
    for (const { id } of this.view.members) this.machines.set(id, machineOf(id, this.view));
  }

  machine(node: NodeId): NodeMachine {
    return this.machines.get(node) as NodeMachine;
  }

  step(node: NodeId, input: NodeInput): void {
    const out = new Outgoing();
    this.machine(node).step(this.now, input, out);
    this.drain(node, out);
    this.deliver();
  }

  submit(node: NodeId, asked: Request, timeoutMs = 10_000): string {
    const out = new Outgoing();
    const ticket = this.machine(node).submit(this.now, P0, asked, instant(this.now + timeoutMs), out);
    this.drain(node, out);
    this.deliver();
    return `${node}/${ticket}`;
  }

  verdict(name: string): Verdict | undefined {
    return this.verdicts.get(name)?.verdict;
  }

  /** When the verdict came; undefined: not yet. */
  verdictAt(name: string): number | undefined {
    return this.verdicts.get(name)?.at;
  }

  run(ms: number): this {
    const end = instant(this.now + ms);
    while (true) {
      let due = end;
      for (const machine of this.machines.values()) {
        const deadline = machine.nextDeadline();
        if (deadline < due) due = deadline;
      }
      this.now = due > this.now ? due : this.now;
      for (const [node, machine] of this.machines) {
        if (machine.nextDeadline() <= this.now) this.step(node, { kind: "wake" });
      }
      if (this.now >= end) return this;
    }
  }

  /** Runs until that node is the writer of partition 0 and everybody knows. */
  elected(writer: NodeId = A): this {
    for (let i = 0; i < 50; i++) {
      this.run(100);
      if ([...this.machines.values()].every((machine) => machine.core.writerOf(P0) === writer)) return this;
    }
    throw new Error(`node ${writer} did not become the writer`);
  }

  /** Nothing passes between these nodes and the others. */
  isolate(...nodes: NodeId[]): this {
    this.drops = ({ from, to }) => nodes.includes(from) !== nodes.includes(to);
    return this;
  }

  heal(): this {
    this.drops = () => false;
    return this;
  }

  forwards(from: NodeId): Forward[] {
    return this.sent.flatMap((mail) => (mail.from === from && mail.message.kind === "forward" ? [mail.message] : []));
  }

  private drain(node: NodeId, out: Outgoing): void {
    const post = (to: NodeId, message: NodeMessage): void => {
      const mail = { from: node, to, message };
      if (to !== node) this.sent.push(mail);
      this.mail.push(mail);
    };
    out.sendNow.each(post);
    out.sendDurable.each(post);
    for (const { ticket, verdict } of [...out.replies, ...out.repliesAfterSync]) {
      const name = `${node}/${ticket}`;
      if (this.verdicts.has(name)) throw new Error(`request ${name} was answered twice`);
      this.verdicts.set(name, { verdict, at: this.now });
    }
  }

  private deliver(): void {
    for (let mail = this.mail.shift(); mail !== undefined; mail = this.mail.shift()) {
      if (mail.from !== mail.to && this.drops(mail)) continue;
      const out = new Outgoing();
      this.machine(mail.to).step(this.now, { kind: "message", from: mail.from, message: mail.message }, out);
      this.drain(mail.to, out);
    }
  }
}
