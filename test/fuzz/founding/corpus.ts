/** Valid requests and answers of founding: what mutations begin with. The types make the lists complete. */
import { FoundRequest, FoundResponse } from "../../../gen/ts/onar/replication/v1/replication.js";
import { encodedView } from "../../../src/codec/peer/encoded-view.js";
import { groupEpoch, nodeId, viewEpoch } from "../../../src/core/model/ids.js";
import type { Member, View } from "../../../src/core/view/view.js";
import { PROTOCOL_VERSION } from "../../../src/rpc/peers/peer-service.js";
import { toBuffer } from "../../../src/wire/bytes.js";

type Steps<Step extends { readonly $case: string }> = {
  readonly [Case in Step["$case"]]: readonly Extract<Step, { $case: Case }>[];
};
type RequestStep = NonNullable<FoundRequest["step"]>;
type ResponseStep = NonNullable<FoundResponse["step"]>;

export interface Corpus {
  readonly requests: readonly Buffer[];
  readonly responses: readonly Buffer[];
}

/** The view that these members could found. */
export const firstViewOf = (members: readonly Member[], clusterId = "0123456789abcdef".repeat(2)): View => ({
  epoch: viewEpoch(1),
  clusterId,
  previousDigest: "",
  operationId: "ef".repeat(16),
  replicationFactor: 2,
  members: [...members],
  partitions: [0, 1, 2, 3].map((p) => ({
    replicas: [0, 1].map((i) => (members[(p + i) % members.length] as Member).id),
    groupEpoch: groupEpoch(1),
  })),
  voters: members.map(({ id }) => id),
});

/**
 * As `from` could say it to the other founders. `members`: all founders, ordered by id; `peers`: their addresses,
 * ordered.
 */
export function corpusOf(from: Member, members: readonly Member[], peers: readonly string[]): Corpus {
  const first = encodedView(firstViewOf(members));
  const later = encodedView({ ...first.view, epoch: viewEpoch(2), previousDigest: first.digest });
  const elsewhere = encodedView(
    firstViewOf(
      [71, 72].map((id) => ({
        id: nodeId(id),
        clientAddress: `x${id}:1`,
        peerAddress: `x${id}:2`,
        zone: "z",
      })),
      "fedcba9876543210".repeat(2),
    ),
  );
  const views = [first, later, elsewhere].map(({ bytes }) => toBuffer(bytes));
  const ballot = { round: 3, nodeId: from.id };
  const list = peers.slice();
  const requestSteps: Steps<RequestStep> = {
    prepare: [
      { $case: "prepare", value: { ballot, peers: list } },
      { $case: "prepare", value: { ballot: { round: 1_000, nodeId: from.id }, peers: list.slice(1) } },
    ],
    accept: views.map((view) => ({ $case: "accept", value: { ballot, view, peers: list } })),
    view: views.map((view) => ({ $case: "view", value: { view } })),
    wish: [
      {
        $case: "wish",
        value: {
          member: { ...from, state: 0 },
          operationId: Buffer.alloc(16, 7),
          epoch: 1,
          digest: Buffer.from(first.digest, "hex"),
          share: true,
        },
      },
    ],
    sizesWanted: [{ $case: "sizesWanted", value: {} }],
  };
  const responseSteps: Steps<ResponseStep> = {
    promised: [
      { $case: "promised", value: { ballot, acceptedBallot: undefined, acceptedView: Buffer.alloc(0) } },
      ...views.map(
        (acceptedView): Extract<ResponseStep, { $case: "promised" }> => ({
          $case: "promised",
          value: { ballot, acceptedBallot: { round: 2, nodeId: from.id }, acceptedView },
        }),
      ),
    ],
    accepted: [{ $case: "accepted", value: { ballot } }],
    refused: [0, 1, 2, 3, 4, 5].map((reason) => ({
      $case: "refused",
      value: { ballot, reason, promised: { round: 9, nodeId: from.id }, peers: list },
    })),
    view: views.map((view) => ({ $case: "view", value: { view } })),
    sizes: [
      {
        $case: "sizes",
        value: { diskRoomBytes: 2 ** 40, copies: [{ partition: 3, keys: 1_000, bytes: 100_000, ready: true }] },
      },
    ],
  };
  const { id, clientAddress, peerAddress, zone } = from;
  const founder = {
    nodeId: id,
    clientAddress,
    peerAddress,
    zone,
    peers: list,
    replicationFactor: 2,
    partitionCount: 4,
  };
  const requests = [undefined, ...Object.values(requestSteps).flat()].map((step) =>
    Buffer.from(FoundRequest.encode({ protocolVersion: PROTOCOL_VERSION, founder, step }).finish()),
  );
  const responses = [undefined, ...Object.values(responseSteps).flat()].map((step) =>
    Buffer.from(FoundResponse.encode({ founder, step }).finish()),
  );
  return { requests, responses };
}
