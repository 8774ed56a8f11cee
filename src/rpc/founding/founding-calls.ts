/**
 * The calls of founding, and their proofs in a cluster with a secret. There is no stream yet that could be opened once.
 * Each call proves for itself, over its very bytes, so that nobody on the way can change them.
 *
 * A call without proof is answered with a challenge. The call is then made again with a proof over challenge, nonce,
 * address and request. The answer brings a proof over the same with the answer. A challenge is good once and for a few
 * seconds. Nobody keeps it until it was used: it carries a proof of its own, so that strangers who ask for many take no
 * memory.
 */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { FoundRequest, FoundResponse } from "../../../gen/ts/onar/replication/v1/replication.js";
import { GrpcClient } from "../../grpc/client/client.js";
import type { Method } from "../../grpc/client/method.js";
import { Metadata } from "../../grpc/metadata/metadata.js";
import type { Call } from "../../grpc/server/call.js";
import { causedByPeer, GrpcError, STATUS } from "../../grpc/status.js";
import { hostAndPort } from "../naming/addresses.js";
import { whyUnreachable } from "../naming/unreachable.js";
import type { Admission } from "../peers/admission.js";
import { HAS_NO_SECRET, NEEDS_SECRET } from "../peers/authentication.js";
import { type ClusterSecret, NONCE_BYTES, type Part, proofOf, proves, secretOf } from "../peers/cluster-secret.js";
import { asBytes, FOUND_PATH, MAX_FRAME_BYTES, PEER_LIMITS, peerTiming } from "../peers/peer-service.js";

const CHALLENGE = "onar-challenge-bin";
const NONCE = "onar-nonce-bin";
const PROOF = "onar-proof-bin";

const CALL_MS = 2_000;
const CHALLENGE_MS = 10_000;
/** Challenges used within CHALLENGE_MS: members make a few calls a second. */
const MAX_USED = 10_000;
const TIME_BYTES = 6;
const RANDOM_BYTES = 16;
const CHALLENGE_BYTES = TIME_BYTES + RANDOM_BYTES + 32;

/** An answer, or in words why there is none. */
export type FoundAnswer = { readonly response: FoundResponse } | { readonly why: string };

/** How a founder asks the others. */
export interface FounderCalls {
  ask(address: string, request: FoundRequest): Promise<FoundAnswer>;
  /** Nobody is asked any more. */
  close(): void;
}

/** By calls to the peer ports at these addresses. */
export class CallsToFounders implements FounderCalls {
  private readonly clients: ReadonlyMap<string, GrpcClient>;

  constructor(
    addresses: readonly string[],
    private readonly secret: ClusterSecret,
  ) {
    this.clients = new Map(addresses.map((address) => [address, founderClient(address)]));
  }

  async ask(address: string, request: FoundRequest): Promise<FoundAnswer> {
    const client = this.clients.get(address);
    return client === undefined ? { why: "is not asked" } : askFounder(client, address, this.secret, request);
  }

  close(): void {
    for (const client of this.clients.values()) void client.close();
  }
}

const SECRET_THERE = "has a cluster secret, and this node has none";
const NO_SECRET_THERE = "has no cluster secret, and this node has: start both with the same --cluster-secret-file";
const OTHER_SECRET = "has another cluster secret, or the address leads to another node";

/** Asks the founder at this address. */
export async function askFounder(
  client: GrpcClient,
  address: string,
  secret: ClusterSecret,
  message: FoundRequest,
): Promise<FoundAnswer> {
  const body = Buffer.from(FoundRequest.encode(message).finish());
  const [own] = secret.all;
  if (own === undefined) {
    const answer = await call(client, body, new Metadata());
    if ("bytes" in answer) return decoded(answer.bytes);
    const { error } = answer;
    return { why: error.code === STATUS.unauthenticated ? SECRET_THERE : whyUnreachable(error) };
  }
  // Nothing is said before the other side has shown that it asks for proofs.
  const first = await call(client, Buffer.alloc(0), new Metadata());
  if ("bytes" in first) return { why: NO_SECRET_THERE };
  const challenge = bytesOf(first.error.metadata, CHALLENGE);
  if (challenge.length !== CHALLENGE_BYTES) {
    const { error } = first;
    return { why: error.code === STATUS.invalidArgument ? NO_SECRET_THERE : whyUnreachable(error) };
  }
  const nonce = randomBytes(NONCE_BYTES);
  const parts: Part[] = [challenge, nonce, address];
  const metadata = new Metadata();
  metadata.set(CHALLENGE, challenge);
  metadata.set(NONCE, nonce);
  metadata.set(PROOF, proofOf(own, "found ask", [...parts, body]));
  const second = await call(client, body, metadata);
  if (!("bytes" in second)) {
    const { error } = second;
    return { why: error.code === STATUS.unauthenticated ? OTHER_SECRET : whyUnreachable(error) };
  }
  if (!proves(own, "found answer", [...parts, second.bytes], bytesOf(second.metadata, PROOF))) {
    return { why: OTHER_SECRET };
  }
  return decoded(second.bytes);
}

function decoded(bytes: Buffer): FoundAnswer {
  try {
    return { response: FoundResponse.decode(bytes) };
  } catch {
    return { why: "gives an answer that cannot be read" };
  }
}

/** Nothing if there is none. */
const bytesOf = (metadata: Metadata | null, name: string): Buffer =>
  asBytes(metadata?.getBytes(name) ?? Buffer.alloc(0));

const FOUND: Method<"unary", Buffer, Buffer> = { path: FOUND_PATH, kind: "unary", encode: asBytes, decode: asBytes };

type Called = { readonly bytes: Buffer; readonly metadata: Metadata | null } | { readonly error: GrpcError };

async function call(client: GrpcClient, body: Buffer, metadata: Metadata): Promise<Called> {
  let told: Metadata | null = null;
  const onHeaders = (head: Metadata): void => {
    told = head;
  };
  try {
    const bytes = await client.unary(FOUND, body, { timeoutMs: CALL_MS, metadata, onHeaders });
    return { bytes, metadata: told };
  } catch (error) {
    if (error instanceof GrpcError) return { error };
    throw error;
  }
}

/** The side that is asked. */
export class FoundingDoor {
  private readonly key = randomBytes(32);
  /** Until when each is remembered. */
  private readonly used = new Map<string, number>();

  constructor(
    private readonly secret: ClusterSecret,
    /** HOST:PORT where other nodes reach this one. */
    private readonly ownAddress: () => string,
    private readonly admission: Admission,
    private readonly take: (request: FoundRequest) => Promise<FoundResponse>,
  ) {}

  async handle(request: Buffer, call: Call): Promise<Buffer> {
    const remote = call.caller.address;
    const [own] = this.secret.all;
    const proof = bytesOf(call.metadata, PROOF);
    if (own === undefined) {
      if (proof.length > 0) throw refusal(HAS_NO_SECRET, null);
      return this.run(request, remote);
    }
    if (proof.length === 0) {
      // How a member begins, too: an empty call is none that fails.
      if (request.length > 0) this.admission.failed(remote, NEEDS_SECRET);
      throw refusal(NEEDS_SECRET, this.challenge());
    }
    const challenge = bytesOf(call.metadata, CHALLENGE);
    const nonce = bytesOf(call.metadata, NONCE);
    const parts: Part[] = [challenge, nonce, this.ownAddress()];
    const secret =
      nonce.length === NONCE_BYTES && this.isFresh(challenge)
        ? secretOf(this.secret, "found ask", [...parts, request], proof)
        : null;
    if (secret === null) {
      const why = "it proved with another secret, for another address, or too late";
      this.admission.failed(remote, why);
      throw refusal(why, null);
    }
    this.use(challenge);
    const answer = await this.run(request, remote);
    call.responseHeaders.set(PROOF, proofOf(secret, "found answer", [...parts, answer]));
    return answer;
  }

  private async run(bytes: Buffer, remote: string): Promise<Buffer> {
    try {
      const request = FoundRequest.decode(bytes);
      this.admission.known(remote);
      return Buffer.from(FoundResponse.encode(await this.take(request)).finish());
    } catch {
      throw causedByPeer(STATUS.invalidArgument, "the request cannot be read");
    }
  }

  private challenge(): Buffer {
    const head = Buffer.alloc(TIME_BYTES + RANDOM_BYTES);
    head.writeUIntBE(Math.floor(performance.now()), 0, TIME_BYTES);
    randomBytes(RANDOM_BYTES).copy(head, TIME_BYTES);
    return Buffer.concat([head, this.seal(head)]);
  }

  private isFresh(challenge: Buffer): boolean {
    if (challenge.length !== CHALLENGE_BYTES || this.used.has(challenge.toString("latin1"))) return false;
    const head = challenge.subarray(0, TIME_BYTES + RANDOM_BYTES);
    if (!timingSafeEqual(this.seal(head), challenge.subarray(head.length))) return false;
    return performance.now() - head.readUIntBE(0, TIME_BYTES) <= CHALLENGE_MS && this.used.size < MAX_USED;
  }

  private use(challenge: Buffer): void {
    const now = performance.now();
    for (const [old, until] of this.used) {
      if (until > now) break;
      this.used.delete(old);
    }
    this.used.set(challenge.toString("latin1"), now + CHALLENGE_MS);
  }

  private seal(head: Buffer): Buffer {
    return createHmac("sha256", this.key).update(head).digest();
  }
}

function refusal(why: string, challenge: Buffer | null): GrpcError {
  const metadata = new Metadata();
  if (challenge !== null) metadata.set(CHALLENGE, challenge);
  return new GrpcError(STATUS.unauthenticated, why, { metadata });
}

/** A far node and a busy one take their time to be connected. */
const CONNECT_MS = 10_000;

/** Calls to the node at this address. Nothing is dialed before the first. */
export function founderClient(address: string): GrpcClient {
  return new GrpcClient({
    ...hostAndPort(address),
    limits: PEER_LIMITS,
    timing: peerTiming(CONNECT_MS),
    maxResponseBytes: MAX_FRAME_BYTES,
    // No waiting of minutes after a failed attempt.
    backoff: { baseDelayMs: 100, maxDelayMs: 1_000 },
  });
}
