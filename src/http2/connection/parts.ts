/** The machines that a connection is put together from. */

import { FrameOutput } from "../frame/frame-output.js";
import { HpackDecoder } from "../hpack/decoder.js";
import { HpackEncoder } from "../hpack/encoder.js";
import { Guard } from "./guard.js";
import { Inflow } from "./inflow.js";
import { Lifetime } from "./lifetime.js";
import type { LimitName, Limits, Timing } from "./limits.js";
import { Outflow } from "./outflow.js";
import { PeerSettings, type Role } from "./settings.js";
import type { Stream } from "./stream.js";
import { StreamTable } from "./stream-table.js";

export interface Parts {
  readonly role: Role;
  readonly limits: Limits;
  readonly clock: { now: number };
  readonly output: FrameOutput;
  readonly encoder: HpackEncoder;
  readonly decoder: HpackDecoder;
  readonly streams: StreamTable;
  readonly inflow: Inflow;
  readonly outflow: Outflow;
  readonly guard: Guard;
  readonly lifetime: Lifetime;
  readonly peer: PeerSettings;
  /** Is told when a limit takes effect. */
  readonly limited: (limit: LimitName) => void;
}

export interface Plan {
  readonly role: Role;
  readonly limits: Limits;
  readonly timing: Timing;
  readonly now: number;
  /** From 0 to 1, by chance. */
  readonly chance: number;
  readonly onLimit: (limit: LimitName) => void;
  /** Our side of a stream has ended: END_STREAM is in the output. */
  readonly onLocalEnd: (stream: Stream) => void;
}

export function assemble({ role, limits, timing, now, chance, onLimit, onLocalEnd }: Plan): Parts {
  const output = new FrameOutput();
  const encoder = new HpackEncoder();
  const guard = new Guard(limits, timing, now);
  return {
    role,
    limits,
    clock: { now },
    output,
    encoder,
    decoder: new HpackDecoder(limits.maxHeaderListSize),
    streams: new StreamTable(role, limits.closedStreamMemory),
    inflow: new Inflow(output, limits),
    outflow: new Outflow({ output, encoder, guard, limits, onLocalEnd }),
    guard,
    lifetime: new Lifetime(timing, role === "client", now, chance),
    peer: new PeerSettings(role === "client" ? "server" : "client"),
    limited: onLimit,
  };
}
