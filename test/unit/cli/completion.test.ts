import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { onar } from "./fake-node.js";

const has = (shell: string): boolean => spawnSync(shell, ["-c", "exit 0"]).status === 0;

/** The offers of bash for the words typed so far, the last of which is being typed. */
async function offered(...words: string[]): Promise<string[]> {
  const { out } = await onar(["completion", "bash"]);
  const typed = words.map((word) => `'${word}'`).join(" ");
  const script = `${out}\nCOMP_WORDS=(${typed}); COMP_CWORD=${words.length - 1}; _onar; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line !== "");
}

describe("completion", () => {
  test("in bash offers commands, the commands below them, and their options", async () => {
    expect(await offered("onar", "d")).toEqual(["demo", "delete", "drain", "doctor"]);
    expect(await offered("onar", "config", "")).toEqual(expect.arrayContaining(["check", "show"]));
    expect(await offered("onar", "get", "k", "--lo")).toEqual(["--local"]);
    expect(await offered("onar", "config", "show", "--peer-l")).toEqual(["--peer-listen"]);
    expect(await offered("onar", "--ver")).toEqual(["--version"]);
  });

  test.each(["zsh", "fish"])("for %s is a script that this shell reads", async (shell) => {
    const { code, out } = await onar(["completion", shell]);
    expect(code).toBe(0);
    for (const word of ["doctor", "peer-listen", "if-absent"]) expect(out).toContain(word);
    if (!has(shell)) return;
    expect(spawnSync(shell, ["-n", "/dev/stdin"], { input: out, encoding: "utf8" })).toMatchObject({ status: 0 });
  });

  test("for another shell is refused by name", async () => {
    expect(await onar(["completion", "tcsh"])).toMatchObject({
      code: 2,
      error: 'error: SHELL must be one of bash, zsh, fish; it is "tcsh"',
    });
  });
});
