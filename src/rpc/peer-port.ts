/**
 * The peer port with all that stands before it: the cluster secret, the bounds on strangers, founding, and the streams
 * once there is a view.
 */
import type { FoundRequest, FoundResponse } from "../../gen/ts/onar/replication/v1/replication.js";
import { FoundingDoor } from "./founding/founding-calls.js";
import { Admission } from "./peers/admission.js";
import type { ClusterSecret } from "./peers/cluster-secret.js";
import { UNHEARD } from "./peers/frame-stream.js";
import type { PeerLinks } from "./peers/peer-links.js";
import { PeerServer } from "./peers/peer-server.js";
import type { LimitCounts } from "./transport/limit-counts.js";

export interface FoundingAnswers {
  answer(request: FoundRequest): Promise<FoundResponse>;
}

export class PeerPort {
  /** HOST:PORT where the others reach this node. */
  address = "";
  /** Answers calls of nodes that no stream can be opened with yet: founders, newcomers, members that moved. */
  founding: FoundingAnswers | null = null;
  links: PeerLinks | null = null;
  readonly admission: Admission;
  private readonly server: PeerServer;

  constructor(
    readonly secret: ClusterSecret,
    notice: (text: string) => void,
    counts: LimitCounts,
  ) {
    this.admission = new Admission(notice);
    const door = new FoundingDoor(
      secret,
      () => this.address,
      this.admission,
      async (request) => {
        if (this.founding === null) throw new Error("not started");
        return this.founding.answer(request);
      },
    );
    this.server = new PeerServer(
      {
        found: (request, call) => door.handle(request, call),
        connect: (stream) => {
          if (this.links !== null) return this.links.accept(stream);
          stream.end();
          return UNHEARD;
        },
      },
      this.admission,
      counts,
    );
  }

  /** Resolves with the port taken; rejects with an error. */
  listen(address: string): Promise<number> {
    return this.server.listen(address);
  }

  close(): void {
    this.server.close();
  }
}
