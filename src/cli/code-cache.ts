/**
 * Keeps the compiled code of the program's own files, for a Node.js that has no cache for that itself (before 22.8). A
 * command compiles half a megabyte for one call; reading what V8 made of it at an earlier start takes a third of that.
 *
 * Each build of the program has a folder for each version of Node.js and each kind of machine. Its files are as V8
 * gives them, with their length and a checksum, since V8 believes what it reads. A file that does not fit counts as not
 * there, and so does all in a folder that cannot be written. Code that was read cannot call `import`: the bundler sees
 * to it that a file outside does that for all.
 */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import module from "node:module";
import { basename, dirname, join } from "node:path";
import { Script } from "node:vm";

/** The bundler puts a digest of all files of the program here. */
const BUILD: string = "onar-build-id";
/** Folders of builds and versions that are kept; the oldest go. */
const MAX_FOLDERS = 4;
/** Before the compiled code: its length and its checksum. */
const HEAD_BYTES = 8;

/** The part of Node.js's loader that is stood in for: it compiles a file that is required. */
interface Loaded {
  exports: unknown;
  require(id: string): unknown;
  _compile(this: Loaded, source: string, path: string): unknown;
}

/** Files in `own` are compiled by way of the cache from now on; `cache` is the folder for all builds. */
export function cacheCode(own: string, cache: string): void {
  const loaded: unknown = Reflect.get(module, "prototype");
  if (!isLoaded(loaded) || BUILD.length !== 64) return;
  const folder = join(cache, `${BUILD.slice(0, 16)}-${process.version}-${process.arch}`);
  const made: { readonly file: string; readonly script: Script }[] = [];
  const compile = loaded._compile;
  loaded._compile = function (source, path) {
    if (dirname(path) !== own) return compile.call(this, source, path);
    const file = join(folder, basename(path));
    const cachedData = read(file);
    const script = new Script(module.wrap(source), {
      filename: path,
      ...(cachedData === null ? {} : { cachedData }),
    });
    if (cachedData === null || script.cachedDataRejected === true) made.push({ file, script });
    const run: (...given: unknown[]) => unknown = script.runInThisContext();
    return run.call(this.exports, this.exports, (id: string) => this.require(id), this, path, own);
  };
  process.once("exit", () => {
    if (made.length > 0) keep(cache, folder, made);
  });
}

function keep(
  cache: string,
  folder: string,
  made: readonly { readonly file: string; readonly script: Script }[],
): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    for (const { file, script } of made) write(file, script.createCachedData());
    removeOldest(cache);
  } catch {
    // Nowhere to write to: the next start compiles again.
  }
}

function read(file: string): Buffer | null {
  try {
    const bytes = readFileSync(file);
    const code = bytes.subarray(HEAD_BYTES);
    return bytes.readUInt32LE(0) === code.length && bytes.readUInt32LE(4) === checksum(code) ? code : null;
  } catch {
    return null;
  }
}

/** It appears whole: another command may be starting just now. */
function write(file: string, code: Buffer): void {
  const head = Buffer.alloc(HEAD_BYTES);
  head.writeUInt32LE(code.length, 0);
  head.writeUInt32LE(checksum(code), 4);
  const partial = `${file}.${process.pid}`;
  writeFileSync(partial, Buffer.concat([head, code]), { mode: 0o600 });
  renameSync(partial, file);
}

function removeOldest(cache: string): void {
  const folders = readdirSync(cache)
    .map((name) => join(cache, name))
    .map((path) => ({ path, at: statSync(path).mtimeMs }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of folders.slice(MAX_FOLDERS)) rmSync(path, { recursive: true, force: true });
}

const checksum = (bytes: Buffer): number => process.getBuiltinModule("node:zlib").crc32(bytes);

const isLoaded = (value: unknown): value is Loaded =>
  typeof value === "object" && value !== null && "_compile" in value && typeof value._compile === "function";
