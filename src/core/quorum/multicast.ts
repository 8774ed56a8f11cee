/** The way from a machine to the replicas of its group. */
import type {
  AskChanges,
  AskTombstone,
  Confirm,
  HandOver,
  Impose,
  Purge,
  Read,
  Recover,
  Reserve,
  Write,
} from "../model/message.js";
import type { Outbox } from "../model/outbox.js";

/** The questions of writers and readers to a replica. */
export type ToReplica = AskTombstone | Confirm | Impose | Purge | Read | Recover | Reserve | Write;

/** A replica that hands a read over may be the writer itself. */
export type GroupQuestion = ToReplica | HandOver | AskChanges;

export interface Multicast {
  /** To the replicas whose bit is set in `places`, this node's own included. */
  send(places: number, message: GroupQuestion, out: Outbox): void;
}
