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
import {
  type Client,
  Metadata,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { FoundRequest, FoundResponse } from "../../../gen/ts/onar/replication/v1/replication.js";
import { whyUnreachable } from "../naming/unreachable.js";
import type { Admission } from "../peers/admission.js";
import { HAS_NO_SECRET, NEEDS_SECRET } from "../peers/authentication.js";
import { type ClusterSecret, NONCE_BYTES, type Part, proofOf, proves, secretOf } from "../peers/cluster-secret.js";
import { foundMethod, peerClient } from "../peers/peer-service.js";

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
  private readonly clients: ReadonlyMap<string, Client>;

  constructor(
    addresses: readonly string[],
    private readonly secret: ClusterSecret,
  ) {
    this.clients = new Map(addresses.map((address) => [address, peerClient(address)]));
  }

  async ask(address: string, request: FoundRequest): Promise<FoundAnswer> {
    const client = this.clients.get(address);
    return client === undefined ? { why: "is not asked" } : askFounder(client, address, this.secret, request);
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
  }
}

const SECRET_THERE = "has a cluster secret, and this node has none";
const NO_SECRET_THERE = "has no cluster secret, and this node has: start both with the same --cluster-secret-file";
const OTHER_SECRET = "has another cluster secret, or the address leads to another node";

/** Asks the founder at this address. */
export async function askFounder(
  client: Client,
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
    return { why: error.code === status.UNAUTHENTICATED ? SECRET_THERE : whyUnreachable(error) };
  }
  // Nothing is said before the other side has shown that it asks for proofs.
  const first = await call(client, Buffer.alloc(0), new Metadata());
  if ("bytes" in first) return { why: NO_SECRET_THERE };
  const challenge = first.error.metadata?.get(CHALLENGE)[0];
  if (!(challenge instanceof Buffer) || challenge.length !== CHALLENGE_BYTES) {
    const { error } = first;
    return { why: error.code === status.INVALID_ARGUMENT ? NO_SECRET_THERE : whyUnreachable(error) };
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
    return { why: error.code === status.UNAUTHENTICATED ? OTHER_SECRET : whyUnreachable(error) };
  }
  const proof = second.metadata?.get(PROOF)[0];
  if (!(proof instanceof Buffer) || !proves(own, "found answer", [...parts, second.bytes], proof)) {
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

type Called = { readonly bytes: Buffer; readonly metadata: Metadata | null } | { readonly error: ServiceError };

function call(client: Client, body: Buffer, metadata: Metadata): Promise<Called> {
  const { path, requestSerialize, responseDeserialize } = foundMethod;
  return new Promise((resolve) => {
    let told: Metadata | null = null;
    const options = { deadline: Date.now() + CALL_MS };
    client
      .makeUnaryRequest(path, requestSerialize, responseDeserialize, body, metadata, options, (error, bytes) =>
        resolve(error === null ? { bytes: bytes ?? Buffer.alloc(0), metadata: told } : { error }),
      )
      .on("metadata", (head) => {
        told = head;
      });
  });
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

  handle(asked: ServerUnaryCall<Buffer, Buffer>, answer: sendUnaryData<Buffer>): void {
    const remote = asked.getPeer();
    const [own] = this.secret.all;
    const given = (name: string): Buffer => {
      const value = asked.metadata.get(name)[0];
      return value instanceof Buffer ? value : Buffer.alloc(0);
    };
    const proof = given(PROOF);
    if (own === undefined) {
      if (proof.length > 0) return refuse(answer, HAS_NO_SECRET, null);
      return this.run(asked, answer, remote, null, []);
    }
    if (proof.length === 0) {
      // How a member begins, too: an empty call is none that fails.
      if (asked.request.length > 0) this.admission.failed(remote, NEEDS_SECRET);
      return refuse(answer, NEEDS_SECRET, this.challenge());
    }
    const challenge = given(CHALLENGE);
    const nonce = given(NONCE);
    const parts: Part[] = [challenge, nonce, this.ownAddress()];
    const secret =
      nonce.length === NONCE_BYTES && this.isFresh(challenge)
        ? secretOf(this.secret, "found ask", [...parts, asked.request], proof)
        : null;
    if (secret === null) {
      const why = "it proved with another secret, for another address, or too late";
      this.admission.failed(remote, why);
      return refuse(answer, why, null);
    }
    this.use(challenge);
    return this.run(asked, answer, remote, secret, parts);
  }

  private run(
    asked: ServerUnaryCall<Buffer, Buffer>,
    answer: sendUnaryData<Buffer>,
    remote: string,
    secret: Buffer | null,
    parts: readonly Part[],
  ): void {
    const taken = async (): Promise<Buffer> => {
      const request = FoundRequest.decode(asked.request);
      this.admission.known(remote);
      return Buffer.from(FoundResponse.encode(await this.take(request)).finish());
    };
    taken().then(
      (bytes) => {
        if (secret !== null) {
          const head = new Metadata();
          head.set(PROOF, proofOf(secret, "found answer", [...parts, bytes]));
          asked.sendMetadata(head);
        }
        answer(null, bytes);
      },
      () => answer({ code: status.INVALID_ARGUMENT, details: "the request cannot be read" }),
    );
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

function refuse(answer: sendUnaryData<Buffer>, why: string, challenge: Buffer | null): void {
  const metadata = new Metadata();
  if (challenge !== null) metadata.set(CHALLENGE, challenge);
  answer({ code: status.UNAUTHENTICATED, details: why, metadata });
}
