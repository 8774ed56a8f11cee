/** A connection of the client that tells what passes over it (key-client.ts). */
import type { Header } from "../../../gen/ts/onar/kv/v1/common.js";
import type { GetViewResponse } from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import type { Failure } from "../../client/failure.js";
import { GrpcConnection } from "../../client/grpc-connection.js";
import type { Connection, Reply, Request } from "../../client/transport.js";
import { version } from "../../version.js";

/** The part of a call's time that connecting may take: the rest is for finding out why it did not succeed. */
const CONNECT_SHARE = 0.8;

export interface Heard {
  /** Time that the call under way has left. */
  leftMs(): number;
  /** A write is being sent. */
  wrote(): void;
  replied(reply: { readonly header: Header | undefined } | Failure): void;
  /** It could not be connected, or whoever answers did not say who it is. */
  unreachable(address: string, why: string, failure: Failure | null): void;
}

export class KeyConnection implements Connection {
  private readonly inner: GrpcConnection;

  constructor(
    private readonly address: string,
    private readonly heard: Heard,
  ) {
    // One call at a time is worth no stream.
    this.inner = new GrpcConnection(address, { userAgent: `onar/${version}`, stream: false });
  }

  get ready(): boolean {
    return this.inner.ready;
  }

  async connect(withinMs: number): Promise<string | null> {
    const why = await this.inner.connect(Math.min(withinMs, CONNECT_SHARE * this.heard.leftMs()));
    if (why !== null) this.heard.unreachable(this.address, why, null);
    return why;
  }

  async getView(withinMs: number): Promise<GetViewResponse | Failure> {
    const answer = await this.inner.getView(withinMs);
    // One that says nothing may be busy; whoever refuses will do so again.
    if ("$case" in answer && answer.reason !== "DEADLINE_EXCEEDED") {
      this.heard.unreachable(this.address, `${this.address}: ${answer.message}`, answer);
    }
    return answer;
  }

  send(request: Request, timeoutMs: number, replied: (reply: Reply) => void): () => void {
    if (request.$case !== "get") this.heard.wrote();
    return this.inner.send(request, timeoutMs, (reply) => {
      this.heard.replied(reply.$case === "failure" ? reply : reply.value);
      replied(reply);
    });
  }

  close(): void {
    this.inner.close();
  }
}
