/** Messages about views in the words of the golden traces. A proposed view is named by the operation that made it. */
import { unreachable } from "../../src/base/assert.js";
import { formatBallot } from "../../src/core/model/ballot.js";
import type { ViewMessage } from "../../src/core/view/message.js";
import { ledgerOf, type OperationFate } from "../../src/core/view/operation.js";
import type { View } from "../../src/core/view/view.js";

export function renderView(message: ViewMessage): string {
  switch (message.kind) {
    case "view-prepare":
      return `Prepare ${formatBallot(message.ballot)}`;
    case "view-promised": {
      const { vote } = message;
      const voted = vote === null ? "" : `, accepted ${formatBallot(vote.ballot)} ${vote.next.view.operationId}`;
      return `Promised ${formatBallot(message.ballot)}${voted}`;
    }
    case "view-accept":
      return `Accept ${formatBallot(message.ballot)} ${message.next.view.operationId}`;
    case "view-accepted":
      return `Accepted ${formatBallot(message.ballot)}`;
    case "view-refused":
      return `Refused ${formatBallot(message.ballot)}, promised ${formatBallot(message.promised)}`;
    case "view-wanted":
      return `Wanted, has ${message.epoch}`;
    case "view-news":
      return `News of view ${message.decided.view.epoch}`;
    case "view-held":
      return `Holds view ${message.epoch}`;
    case "join-wish":
      return `Wish to be a member of what follows view ${message.epoch}`;
    case "operation-wish": {
      const { kind, node, epoch } = message.operation;
      return `Asks for ${kind} of node ${node} after view ${epoch}`;
    }
    case "copies-ready":
      return [
        ...message.ready.map(({ partition, groupEpoch, bad }) => {
          const waiting = bad === 0 ? "" : `, ${bad} bad keys wait`;
          return `Ready in partition ${partition}, epoch ${groupEpoch}${waiting}`;
        }),
        ...message.vouched.map(
          ({ partition, groupEpoch }) => `Vouches for nothing in partition ${partition}, epoch ${groupEpoch}`,
        ),
      ].join("; ");
    default:
      return unreachable(message);
  }
}

/** Members, what each group and its move are, and what was asked for. */
export function renderNewest(view: View): string {
  const { epoch, members, partitions } = view;
  const groups = partitions.map(({ groupEpoch, replicas, previous, ready, preferred }) => {
    const first = preferred === undefined ? "" : `, preferred ${preferred}`;
    const before = previous === undefined ? "" : `, before ${previous.replicas.join(" ")}`;
    const told = ready === undefined ? "" : `, ready ${ready.map(({ node }) => node).join(" ")}`;
    return `; group ${groupEpoch}: ${replicas.join(" ")}${first}${before}${told}`;
  });
  const { wishes, done } = ledgerOf(view);
  const asked = wishes.map(({ kind, node }) => `; wants to ${kind} ${node}`);
  const ended = done.map(({ kind, node }) => `; done: ${kind} ${node}`);
  return `${epoch}: members ${members.map(({ id }) => id).join(" ")}${[...groups, ...asked, ...ended].join("")}`;
}

export function renderFate(fate: OperationFate): string {
  return fate.state === "done" ? `done in view ${fate.record.doneIn}` : fate.state;
}
