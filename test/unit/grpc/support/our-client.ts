/** Our client, told what to call in the same words as that of grpc-js. */
import type { GrpcClient } from "../../../../src/grpc/client/client.js";
import type { CallOptions } from "../../../../src/grpc/client/method.js";
import { Metadata } from "../../../../src/grpc/metadata/metadata.js";
import { GrpcError } from "../../../../src/grpc/status.js";
import { CHAT, COLLECT, SPREAD, stream, UNARY } from "./echo.js";
import { CODE, type JsCall, type JsOutcome } from "./grpc-js.js";

/** A call of our client, told in the same words as one of grpc-js's. */
export async function ourRun(client: GrpcClient, what: JsCall): Promise<Omit<JsOutcome, "headers" | "trailers">> {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(what.metadata ?? {})) metadata.add(name, value);
  const controller = new AbortController();
  const options: CallOptions = {
    metadata,
    signal: controller.signal,
    gzip: what.gzip === true,
    ...(what.timeoutMs === undefined ? {} : { timeoutMs: what.timeoutMs }),
  };
  if (what.cancelAfterMs !== undefined) setTimeout(() => controller.abort(), what.cancelAfterMs);
  const [first = Buffer.alloc(0)] = what.messages;
  const messages: Buffer[] = [];
  const take = async (answers: AsyncIterable<Uint8Array>): Promise<void> => {
    if (what.slowMs !== undefined) await new Promise((resolve) => setTimeout(resolve, what.slowMs));
    for await (const answer of answers) messages.push(Buffer.from(answer));
  };
  try {
    switch (what.kind) {
      case "unary":
        messages.push(Buffer.from(await client.unary(UNARY, first, options)));
        break;
      case "collect":
        messages.push(Buffer.from(await client.clientStreaming(COLLECT, stream(what.messages), options)));
        break;
      case "spread":
        await take(client.serverStreaming(SPREAD, first, options));
        break;
      case "chat":
        await take(client.bidirectional(CHAT, stream(what.messages), options));
        break;
    }
    return { code: CODE.OK, text: "OK", messages };
  } catch (error) {
    if (!(error instanceof GrpcError)) throw error;
    return { code: error.code, text: error.message, messages };
  }
}
