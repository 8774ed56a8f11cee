/** Why a call to a peer came to nothing, in a few words for people. */
import { type ServiceError, status } from "@grpc/grpc-js";

/** As the system names them; grpc-js has them in its text alone. */
const CODES: readonly (readonly [string, string])[] = [
  ["ECONNREFUSED", "connection refused"],
  ["ENOTFOUND", "unknown host"],
  ["EAI_AGAIN", "unknown host"],
  ["Name resolution failed", "unknown host"],
  ["ETIMEDOUT", "timed out"],
  ["EHOSTUNREACH", "no way to that host"],
  ["ENETUNREACH", "no way to that network"],
  ["EMFILE", "this process has too many files open"],
  ["ECONNRESET", "connection reset"],
];

export function whyUnreachable({ code, details }: Pick<ServiceError, "code" | "details">): string {
  if (code === status.DEADLINE_EXCEEDED) return "timed out";
  for (const [part, words] of CODES) if (details.includes(part)) return words;
  if (code === status.UNAVAILABLE) return "the connection ended";
  // Somebody answers who is no node, or of another version.
  return `refused with ${status[code] ?? code}`;
}
