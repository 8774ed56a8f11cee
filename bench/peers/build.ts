/**
 * Builds the stores that Onar is measured beside, from the Go module proxy. A go.mod beside this file
 * names the version of each. The built programs lie in .cache/peers, outside of git.
 */

import { execFile } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../..", import.meta.url));
const BUILD_LIMIT_MS = 480_000;

const PACKAGES = {
  etcd: "go.etcd.io/etcd/server/v3",
  nats: "github.com/nats-io/nats-server/v2",
} as const;

export type PeerName = keyof typeof PACKAGES;

export type Built =
  | { readonly kind: "built"; readonly program: string; readonly version: string }
  | { readonly kind: "missing"; readonly why: string };

/** The program, built if it is not there yet: a minute or two. */
export async function build(name: PeerName): Promise<Built> {
  const goMod = readFileSync(`${root}bench/peers/${name}/go.mod`, "utf8");
  const version = versionIn(goMod, PACKAGES[name]);
  const folder = `${root}.cache/peers/${name}-${version}`;
  const program = `${folder}/${name}`;
  if (existsSync(program)) return { kind: "built", program, version };
  mkdirSync(folder, { recursive: true });
  // Go writes into the go.mod that it builds with.
  copyFileSync(`${root}bench/peers/${name}/go.mod`, `${folder}/go.mod`);
  const args = ["build", "-mod=mod", "-o", program, PACKAGES[name]];
  try {
    await promisify(execFile)("go", args, { cwd: folder, timeout: BUILD_LIMIT_MS });
    return { kind: "built", program, version };
  } catch (error) {
    return { kind: "missing", why: whyNot(error) };
  }
}

/** The version that a go.mod requires of a module. */
export function versionIn(goMod: string, module: string): string {
  const found = goMod
    .split("\n")
    .map((line) => line.replace(/^require /, "").trim())
    .find((line) => line.startsWith(`${module} `));
  if (found === undefined) throw new Error(`go.mod does not require ${module}`);
  return found.split(" ")[1] ?? "";
}

/** In one line. */
export function whyNot(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if ("code" in error && error.code === "ENOENT") return "Go is not installed";
  const said = "stderr" in error && typeof error.stderr === "string" ? error.stderr.trim() : "";
  return `it cannot be built: ${said.split("\n").at(-1) || error.message.split("\n")[0]}`;
}
