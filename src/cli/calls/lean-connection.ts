/** The client's connection to one node, over the commands' own channel (channel.ts). */
import {
  type GetViewResponse,
  ReconfigurationServiceDefinition,
} from "../../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { type Failure, failureWith } from "../../client/failure.js";
import { Http2Stream } from "../../client/http2-stream.js";
import { METHODS } from "../../client/methods.js";
import type { Connection, Reply, Request, Response, Stream } from "../../client/transport.js";
import { address as addressOf, formatAddress } from "../../config/values.js";
import type { Method } from "../../grpc/client/method.js";
import { GrpcError } from "../../grpc/status.js";
import { Channel } from "./channel.js";

const PROBE_MS = 500;
const { methods } = ReconfigurationServiceDefinition;

export class LeanConnection implements Connection {
  private readonly channel: Channel;
  private readonly name: string;

  /** `name`: HOST:PORT. */
  constructor(name: string) {
    const address = addressOf("endpoint", name, 1);
    this.name = formatAddress(address);
    this.channel = new Channel(address);
  }

  get ready(): boolean {
    return this.channel.ready;
  }

  async connect(withinMs: number): Promise<string | null> {
    return (await this.channel.stands(withinMs)) ? null : this.channel.why(PROBE_MS, false);
  }

  send(request: Request, timeoutMs: number, replied: (reply: Reply) => void): () => void {
    const { path, encode, decode } = METHODS[request.$case];
    const method: Method<"unary", Request, Response> = {
      path,
      kind: "unary",
      encode,
      decode,
    };
    const abort = new AbortController();
    let givenUp = false;
    this.channel.send(method, request, { timeoutMs, signal: abort.signal }).then(
      (answer) => {
        if (!givenUp) replied(answer);
      },
      (error: unknown) => {
        if (!givenUp) replied(failureOfError(error));
      },
    );
    return () => {
      givenUp = true;
      abort.abort();
    };
  }

  async getView(withinMs: number): Promise<GetViewResponse | Failure> {
    try {
      return await this.channel.unary(ReconfigurationServiceDefinition, methods.getView, {}, { timeoutMs: withinMs });
    } catch (error) {
      return failureOfError(error);
    }
  }

  openStream(): Stream {
    return new Http2Stream(this.name);
  }

  close(): void {
    this.channel.close();
  }
}

/** A call that was surely not processed was not executed, whatever its status. */
export function failureOfError(error: unknown): Failure {
  if (!(error instanceof GrpcError)) throw error;
  const failure = failureWith(error.code, error.message, error.details ?? null);
  return error.outcome === "unprocessed" ? { ...failure, execution: "notExecuted" } : failure;
}
