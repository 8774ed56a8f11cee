/** Whether the answer to a heartbeat can be. */
import type { Instant } from "../../base/time.js";
import type { Ballot } from "../model/ballot.js";
import type { HeartbeatAnswer, PartitionReport } from "../model/heartbeat.js";
import { type Partition, VOTERS } from "../model/ids.js";
import { MAX_MEMBERS } from "../view/check.js";
import type { Values } from "./values.js";
import { first, listed, type Wrong } from "./wrong.js";

export function heartbeatAnswer(values: Values, now: Instant, message: HeartbeatAnswer): Wrong {
  return (
    listed(message.heard.length, MAX_MEMBERS, "nodes") ??
    // One more of each: of the voters.
    listed(message.reports.length, values.partitions + 1, "reports") ??
    listed(message.offices.length, values.partitions + 1, "offices") ??
    first(message.reports, (one) => report(values, now, one)) ??
    first(message.offices, ({ partition, ballot }) => office(values, now, partition, ballot))
  );
}

function report(
  values: Values,
  now: Instant,
  { partition, promise, settled, settledRevision }: PartitionReport,
): Wrong {
  if (partition === VOTERS) return values.voters(now, promise);
  return (
    values.partition(partition) ??
    values.ballot(now, partition, promise) ??
    (settled === null ? null : values.timestamp(now, partition, settled)) ??
    values.revision(now, partition, settledRevision)
  );
}

function office(values: Values, now: Instant, partition: Partition, ballot: Ballot | null): Wrong {
  if (partition === VOTERS) return ballot === null ? null : values.voters(now, ballot);
  return ballot === null ? values.partition(partition) : values.ballot(now, partition, ballot);
}
