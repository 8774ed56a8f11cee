/** A node as the program that runs it sees it: a command, or a program that embeds it. */
import type { Socket } from "node:net";
import type { NodeId } from "../core/model/ids.js";
import type { Facts } from "../observe/log.js";
import type { Serving } from "../rpc/services/serving.js";

export interface ServerEvents {
  /** One line for the operator, with facts for programs. Never a key or a value. */
  notice(text: string, facts?: Facts): void;
  /** The same of single partitions, for the level debug. */
  detail?(text: string, facts: Facts): void;
  /** The node cannot go on and has stopped; the process should say so and exit with 1. */
  fatal(text: string): void;
  /**
   * The node has left its cluster for good and has stopped; the process should say so and exit with 0. Without it:
   * fatal.
   */
  left?(text: string): void;
  /** Lines of the log that could not be written; without it there is no log of which that is known. */
  linesDropped?(): number;
}

export interface RunningServer {
  readonly nodeId: number;
  readonly clientAddress: string;
  readonly peerAddress: string;
  /** Where metrics are served; "" = nowhere. */
  readonly metricsAddress: string;
  /** Its directory; "" with storage in memory. */
  readonly dataPath: string;
  /** For clients in this process: what the services serve from. */
  readonly state: Serving;
  /** Resolves when this node is in a view and hears a majority of some group. Never rejects. */
  readonly serving: Promise<void>;
  /** Serves clients on a connection that another process has accepted. */
  take(socket: Socket): void;
  /**
   * Drains, then stops: health says NOT_SERVING, offices go to other nodes while requests are still taken, requests
   * under way finish. Without draining only the last step is done.
   */
  close(options?: { readonly drain: boolean }): Promise<void>;
  /** Stops at once and says nothing to anybody, as a process that is killed. */
  kill(): void;
}

/** For tests: whether messages of one node reach another. */
export type Passes = (from: NodeId, to: NodeId) => boolean;
