/**
 * The channel between a supervisor and one of its nodes. The supervisor hands connections over; the node tells whether
 * it has started and whether it serves.
 */
import { Socket } from "node:net";

/** "2/4": this process is the second of four that a supervisor has started. */
export const PROCESS_VARIABLE = "ONAR_PROCESS_PLACE";

export interface ProcessPlace {
  /** 1 … processes. */
  readonly number: number;
  readonly processes: number;
}

export type Said = { readonly started: true } | { readonly serves: boolean };

export const textOfPlace = ({ number, processes }: ProcessPlace): string => `${number}/${processes}`;

export function placeOf(environment: Readonly<Record<string, string | undefined>>): ProcessPlace | null {
  const found = /^(\d+)\/(\d+)$/.exec(environment[PROCESS_VARIABLE] ?? "");
  return found === null ? null : { number: Number(found[1]), processes: Number(found[2]) };
}

/** The words of a node; null: nothing that is known. */
export function saidBy(message: unknown): Said | null {
  if (typeof message !== "object" || message === null) return null;
  if ("started" in message && message.started === true) return { started: true };
  if ("serves" in message && typeof message.serves === "boolean") return { serves: message.serves };
  return null;
}

/** A supervisor that is gone does not hear it; the end of standard input tells the node. */
export function tellSupervisor(said: Said): void {
  if (process.connected === true) process.send?.(said, undefined, {}, () => {});
}

/** `take` gets what the supervisor hands over. */
export function onHanded(take: (socket: Socket) => void): void {
  process.on("message", (_, handle: unknown) => {
    if (handle instanceof Socket) take(handle);
  });
}
