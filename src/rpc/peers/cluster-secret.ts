/**
 * Proofs that both ends of a connection between nodes know the cluster secret.
 *
 * A proof is HMAC-SHA-256 under the secret, over the prover's role and all that the two ends have said, each part with
 * its length. The intuition of what each part is for:
 * - the other end's nonce: a proof that was recorded is of no use again (replay);
 * - the role: a proof cannot be sent back to who made it (reflection);
 * - both addresses and ids: a proof made for one node is of no use at another one (relay).
 *
 * Source: the challenge and response of ISO/IEC 9798-4, mutual, three passes.
 */

import { createHmac, timingSafeEqual } from "node:crypto";
import { errorOf } from "../../base/errno.js";
import { readSecretFile, type SecretFile } from "../../config/secret-file.js";

export const NONCE_BYTES = 32;
export const PROOF_BYTES = 32;

/** The role of the prover: part of every proof. */
export type Role = "dial" | "accept" | "found ask" | "found answer";

export interface ClusterSecret {
  /** The first is the one to prove with, all are accepted; empty: the cluster has none, and nobody proves anything. */
  readonly all: readonly Buffer[];
  close(): void;
}

export const NO_SECRET: ClusterSecret = { all: [], close: () => {} };

export type Part = Buffer | string | number;

const PROTOCOL = "onar cluster secret 1";

export function proofOf(secret: Buffer, role: Role, parts: readonly Part[]): Buffer {
  const mac = createHmac("sha256", secret);
  for (const part of [PROTOCOL, role, ...parts]) {
    const bytes = part instanceof Buffer ? part : Buffer.from(String(part), "utf8");
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    mac.update(length);
    mac.update(bytes);
  }
  return mac.digest();
}

/** The secret that the proof was made with; null: none of these. How long it takes says nothing of the proof. */
export function secretOf(
  { all }: Pick<ClusterSecret, "all">,
  role: Role,
  parts: readonly Part[],
  proof: Uint8Array,
): Buffer | null {
  if (proof.length !== PROOF_BYTES) return null;
  let found: Buffer | null = null;
  for (const secret of all) if (timingSafeEqual(proofOf(secret, role, parts), proof)) found = secret;
  return found;
}

export const proves = (secret: Buffer, role: Role, parts: readonly Part[], proof: Uint8Array): boolean =>
  secretOf({ all: [secret] }, role, parts, proof) !== null;

/** How often a changed file is noticed. */
const LOOK_MS = 2_000;

/** A secret out of a file, read again whenever that changes, so that a secret is replaced without stopping anybody. */
export class SecretOfFile implements ClusterSecret {
  private file: SecretFile;
  private trouble = "";
  private readonly timer: NodeJS.Timeout;

  /** @throws SettingError with words for people */
  constructor(
    private readonly label: string,
    private readonly path: string,
    private readonly notice: (text: string) => void,
    lookMs = LOOK_MS,
  ) {
    this.file = readSecretFile(label, path);
    this.timer = setInterval(() => this.look(), lookMs);
    this.timer.unref();
  }

  get all(): readonly Buffer[] {
    return this.file.secrets;
  }

  close(): void {
    clearInterval(this.timer);
  }

  /** A file that cannot be read leaves the former secret in force. */
  private look(): void {
    try {
      const now = readSecretFile(this.label, this.path);
      this.trouble = "";
      if (now.stamp === this.file.stamp) return;
      const same = now.secrets.length === this.all.length && now.secrets.every((one, i) => this.all[i]?.equals(one));
      this.file = now;
      if (same) return;
      const count = now.secrets.length === 1 ? "1 secret" : `${now.secrets.length} secrets`;
      this.notice(`the cluster secret has changed: ${count} in ${this.path}, in force for new connections`);
    } catch (error) {
      const { message } = errorOf(error);
      if (message === this.trouble) return;
      this.trouble = message;
      this.notice(`${message}. The secret read before stays in force`);
    }
  }
}
