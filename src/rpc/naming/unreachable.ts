/** Why a call to a peer came to nothing, in a few words for people. */
import { type GrpcError, STATUS } from "../../grpc/status.js";
import { statusName } from "../../grpc/status-name.js";

/** As the system names them. */
const CODES: readonly (readonly [string, string])[] = [
  ["ECONNREFUSED", "connection refused"],
  ["ENOTFOUND", "unknown host"],
  ["EAI_AGAIN", "unknown host"],
  ["ETIMEDOUT", "timed out"],
  ["was not reached within", "timed out"],
  ["EHOSTUNREACH", "no way to that host"],
  ["ENETUNREACH", "no way to that network"],
  ["EMFILE", "this process has too many files open"],
  ["ECONNRESET", "connection reset"],
];

export function whyUnreachable({ code, message, outcome }: Pick<GrpcError, "code" | "message" | "outcome">): string {
  if (code === STATUS.deadlineExceeded) return "timed out";
  // Words of the other side are not looked into.
  if (outcome !== "answered") for (const [part, words] of CODES) if (message.includes(part)) return words;
  if (code === STATUS.unavailable) return "the connection ended";
  // Somebody answers who is no node, or of another version.
  return `refused with ${statusName(code)}`;
}
