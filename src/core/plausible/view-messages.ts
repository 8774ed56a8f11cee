/** Whether a message about the chain of views can be. */
import { unreachable } from "../../base/assert.js";
import type { Instant } from "../../base/time.js";
import type { NodeId } from "../model/ids.js";
import { planted } from "../model/planted.js";
import type { ViewMessage } from "../view/message.js";
import type { ViewOperation } from "../view/operation.js";
import { settingFault } from "../view/settings.js";
import type { View } from "../view/view.js";
import { MAX_EPOCHS_BEHIND, owner, type Values } from "./values.js";
import { first, listed, type Wrong } from "./wrong.js";

export function viewMessage(values: Values, now: Instant, from: NodeId, message: ViewMessage): Wrong {
  switch (message.kind) {
    case "view-prepare":
    case "view-accept":
      return owner(from, message.ballot) ?? values.voters(now, message.ballot);
    case "view-promised":
      return (
        values.voters(now, message.ballot) ?? (message.vote === null ? null : values.voters(now, message.vote.ballot))
      );
    case "view-accepted":
      return values.voters(now, message.ballot);
    case "view-refused":
      return values.voters(now, message.ballot) ?? values.voters(now, message.promised);
    case "view-news":
      return news(values, message.decided.view);
    case "view-wanted":
    case "view-held":
      return null;
    case "join-wish":
      return message.member.id === from ? null : `a wish of node ${message.member.id}`;
    case "operation-wish":
      return wished(values, message.operation);
    case "copies-ready":
      return (
        listed(message.ready.length, values.partitions, "copies") ??
        listed(message.vouched.length, values.partitions, "copies") ??
        first([...message.ready, ...message.vouched], ({ partition }) => values.partition(partition))
      );
    default:
      return unreachable(message);
  }
}

function wished(values: Values, operation: ViewOperation): Wrong {
  if (operation.kind === "change-settings") {
    const fault = settingFault(operation.settings);
    return fault === null ? null : `a wish for a setting ${fault.name} beyond ${fault.bound}`;
  }
  if (operation.kind !== "transfer-writer" || operation.partitions === null) return null;
  const { partitions } = operation;
  return listed(partitions.length, values.partitions, "partitions") ?? first(partitions, (p) => values.partition(p));
}

/** The parts of a view that stay as they are in a cluster, and how far a node may be behind. */
function news(values: Values, told: View): Wrong {
  const { epoch, partitions, clusterId } = values.view;
  if (planted("W4.any-news")) return null;
  if (told.clusterId !== clusterId) return `a view of cluster ${told.clusterId}`;
  if (told.partitions.length !== partitions.length) return `a view of ${told.partitions.length} partitions`;
  return told.epoch <= epoch + MAX_EPOCHS_BEHIND ? null : `a view of epoch ${told.epoch}, far above ${epoch}`;
}
