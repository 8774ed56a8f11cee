/** One call, by hand. */
import { connect } from "node:http2";
import type { Endpoint } from "../load/options.js";
import { framed } from "./attack.js";

const PREFIX_BYTES = 5;
const CALL_MS = 10_000;

/** Resolves with the message of the answer; rejects when there is none. */
export function unary({ host, port }: Endpoint, path: string, message: Uint8Array): Promise<Buffer> {
  const session = connect(`http://${host}:${port}`);
  return new Promise<Buffer>((resolve, reject) => {
    session.on("error", reject);
    const call = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const chunks: Buffer[] = [];
    call.on("data", (chunk: Buffer) => chunks.push(chunk));
    call.on("error", reject);
    call.setTimeout(CALL_MS, () => reject(new Error(`${path} is not answered`)));
    call.on("end", () => {
      const bytes = Buffer.concat(chunks);
      if (bytes.length < PREFIX_BYTES) reject(new Error(`${path} has no answer`));
      else resolve(bytes.subarray(PREFIX_BYTES));
    });
    call.end(framed(message));
  }).finally(() => session.destroy());
}
