/** The file of the cluster secret: what counts as one, who may read it, and how it is replaced while a node runs. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { makeSecretFile, readSecretFile } from "../../../src/config/secret-file.js";
import { SecretOfFile } from "../../../src/rpc/peers/cluster-secret.js";

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "onar-secret-"));
  path = join(folder, "secret");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (text: string, mode = 0o600): void => {
  writeFileSync(path, text, { mode });
  chmodSync(path, mode);
};
const read = (): string[] => readSecretFile("--cluster-secret-file", path).secrets.map(String);
const A = "a".repeat(40);
const B = "b".repeat(40);

test("one that is made can be read by its owner alone, has a secret of its own, and is left as it is", () => {
  makeSecretFile(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const [secret = ""] = read();
  expect(secret).toMatch(/^[0-9a-f]{64}$/);
  makeSecretFile(path);
  expect(readFileSync(path, "utf8").trim()).toBe(secret);
  const second = join(folder, "below", "secret");
  makeSecretFile(second);
  expect(readFileSync(second, "utf8").trim()).not.toBe(secret);
});

test("lines are secrets: comments and empty lines are none, and two are for the time of a replacement", () => {
  write(`# of the cluster\n\n${A}\r\n  ${B}  \n`);
  expect(read()).toEqual([A, B]);
});

test.each([0o644, 0o604, 0o620, 0o602, 0o666])("one of mode %o is refused with what to do about it", (mode) => {
  write(A, mode);
  expect(read).toThrow(/others can read or change .*chmod 600/);
});

test.each([0o400, 0o600, 0o440, 0o640])("one of mode %o is read", (mode) => {
  write(A, mode);
  expect(read()).toEqual([A]);
});

test.each([
  ["nothing", "", "there is no secret in"],
  ["comments only", "# none\n", "there is no secret in"],
  ["a short one", "secret\n", "32 to 1024 characters; secret 1 in"],
  ["a long one", `${"x".repeat(1_025)}\n`, "secret 1 in"],
  ["three", `${A}\n${B}\n${"c".repeat(40)}\n`, "at most 2 count"],
  ["the same twice", `${A}\n${A}\n`, "the same secret twice"],
  ["far too much", "x".repeat(9_000), "at most 8192 are read"],
])("a file with %s is refused, and the secret is not in the words", (_, text, words) => {
  write(text);
  expect(read).toThrow(words);
  expect(read).not.toThrow(A);
});

test("a file that is missing, and a folder, are refused with words", () => {
  expect(read).toThrow("there is no such file");
  expect(() => readSecretFile("--cluster-secret-file", folder)).toThrow("is no file");
});

test("a running node takes a changed file, tells it, and keeps what it had while the file cannot be read", async () => {
  write(A);
  const told: string[] = [];
  const secret = new SecretOfFile("--cluster-secret-file", path, (text) => told.push(text), 10);
  const all = (): string[] => secret.all.map(String);
  expect(all()).toEqual([A]);
  write(`${A}\n${B}\n`);
  await vi.waitFor(() => expect(all()).toEqual([A, B]), 10_000);
  expect(told.at(-1)).toContain("2 secrets");
  write("short");
  await vi.waitFor(() => expect(told.at(-1)).toContain("stays in force"), 10_000);
  expect(all()).toEqual([A, B]);
  write(`${B}\n`);
  await vi.waitFor(() => expect(all()).toEqual([B]), 10_000);
  secret.close();
});
