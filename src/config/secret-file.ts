/**
 * The file of the cluster secret: one secret a line, the first one to prove with, all of them to accept. Two lines are
 * for the time in which a secret is replaced (docs/security.md). A file that others can read protects nothing and is
 * refused.
 */

import { randomBytes } from "node:crypto";
import { closeSync, constants, fstatSync, fsyncSync, mkdirSync, openSync, readSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "../base/errno.js";
import { SettingError } from "./setting-error.js";

/** Shorter ones could be guessed from what anybody can record who listens at a member's address. */
export const MIN_SECRET_CHARACTERS = 32;
export const MAX_SECRET_CHARACTERS = 1_024;
export const MAX_SECRETS = 2;
const MAX_FILE_BYTES = 8_192;
const NEW_SECRET_BYTES = 32;
/**
 * Everybody else, and a group that may write. A group that may read is how Kubernetes gives a file to a process that is
 * not root.
 */
const TOO_OPEN = 0o027;

export interface SecretFile {
  /** In the order of the file. */
  readonly secrets: readonly Buffer[];
  /** Another one after every change of the file. */
  readonly stamp: string;
}

/** @throws SettingError with words for people; `label` is what they call the setting. Secrets never stand in it. */
export function readSecretFile(label: string, path: string): SecretFile {
  let text: string;
  let stamp: string;
  try {
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) throw new SettingError(`${label}: ${path} is no file`);
      if ((stat.mode & TOO_OPEN) !== 0) {
        const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
        throw new SettingError(
          `${label}: others can read or change ${path} (mode ${mode}), so it keeps no secret: chmod 600 ${path}`,
        );
      }
      if (stat.size > MAX_FILE_BYTES)
        throw new SettingError(`${label}: ${path} has ${stat.size} bytes; at most ${MAX_FILE_BYTES} are read`);
      const bytes = Buffer.alloc(MAX_FILE_BYTES);
      text = bytes.toString("utf8", 0, readSync(file, bytes, 0, MAX_FILE_BYTES, 0));
      stamp = `${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (error instanceof SettingError) throw error;
    throw new SettingError(`${label}: ${path} cannot be read: ${reasonOf(error)}`);
  }
  return { secrets: secretsOf(label, path, text), stamp };
}

function secretsOf(label: string, path: string, text: string): Buffer[] {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  if (lines.length === 0)
    throw new SettingError(`${label}: there is no secret in ${path}: openssl rand -hex 32 makes one`);
  if (lines.length > MAX_SECRETS)
    throw new SettingError(`${label}: ${path} has ${lines.length} secrets, one a line; at most ${MAX_SECRETS} count`);
  lines.forEach((line, i) => {
    if (line.length >= MIN_SECRET_CHARACTERS && line.length <= MAX_SECRET_CHARACTERS) return;
    throw new SettingError(
      `${label}: a secret has ${MIN_SECRET_CHARACTERS} to ${MAX_SECRET_CHARACTERS} characters; secret ${i + 1} in ${path} has ${line.length}`,
    );
  });
  if (new Set(lines).size < lines.length) throw new SettingError(`${label}: ${path} has the same secret twice`);
  return lines.map((line) => Buffer.from(line, "utf8"));
}

/** Makes the file with a new secret, mode 0600, when there is none. Its folder is made too. Throws when it cannot. */
export function makeSecretFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let file: number;
  try {
    file = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  } catch (error) {
    if (codeOf(error) === "EEXIST") return;
    throw new SettingError(`${path} cannot be made: ${reasonOf(error)}`);
  }
  try {
    writeSync(file, `${randomBytes(NEW_SECRET_BYTES).toString("hex")}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file",
  EACCES: "this user may not",
  ENOTDIR: "a part of the path is no folder",
  EISDIR: "it is a folder",
};

function reasonOf(error: unknown): string {
  const code = codeOf(error) ?? "";
  return REASONS[code] ?? (code || String(error));
}
