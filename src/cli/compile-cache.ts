/**
 * Code that Node.js compiled once is kept for the next start: by Node.js itself from 22.8 on, by code-cache.ts before.
 * It is kept in the user's own cache folder, not in the common one for temporary files, where others could put
 * something else there. A node keeps nothing outside of its directory, so `onar start` has no cache. A cache that
 * cannot be used is no reason to fail. NODE_DISABLE_COMPILE_CACHE=1 turns it off.
 */
import module from "node:module";
import { dirname, join } from "node:path";
import { cacheCode } from "./code-cache.js";

/** `program`: the path of the file that runs. */
export function keepCompiled(args: readonly string[], env: NodeJS.ProcessEnv, program: string): void {
  if (args[0] === "start" || env.NODE_COMPILE_CACHE !== undefined || env.NODE_DISABLE_COMPILE_CACHE !== undefined)
    return;
  const folder = cacheFolder(env);
  if (folder === null) return;
  if ("enableCompileCache" in module && typeof module.enableCompileCache === "function") {
    module.enableCompileCache(folder);
  } else cacheCode(join(dirname(dirname(program)), "chunks"), join(folder, "code"));
}

/** null: there is none. */
export function cacheFolder(env: NodeJS.ProcessEnv): string | null {
  const cache = env.XDG_CACHE_HOME ?? "";
  if (cache !== "") return join(cache, "onar");
  const home = env.HOME ?? env.USERPROFILE ?? "";
  return home === "" ? null : join(home, ".cache", "onar");
}
