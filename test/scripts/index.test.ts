/**
 * docs/traces.md lists the golden traces by what each shows: the first sentence of its head. `make traces` writes it
 * anew.
 */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const FOLDERS: readonly (readonly [folder: string, about: string])[] = [
  ["traces", "Keys: writers, reads, recovery, catching up, purging"],
  ["views", "The chain of views"],
  ["founding", "Founding a cluster"],
];

/** The first sentence of the comment that the trace begins with. */
function shows(text: string): string {
  const lines = text.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("#"));
  const head = lines
    .slice(0, end)
    .map((line) => line.replace(/^# ?/, ""))
    .join(" ");
  return (/^.*?[.:](?= [A-Zn]|$)/.exec(head.replace(/^(Scenarios? [^:]*): /, "$1 — "))?.[0] ?? head).replace(
    /[.:]$/,
    "",
  );
}

function index(): string {
  const sections = FOLDERS.map(([folder, about]) => {
    const names = readdirSync(new URL(`./${folder}/`, import.meta.url)).filter((name) => name.endsWith(".txt"));
    const rows = names.toSorted().map((name) => {
      const text = shows(readFileSync(new URL(`./${folder}/${name}`, import.meta.url), "utf8"));
      return `| [${name.replace(/\.txt$/, "")}](../test/scripts/${folder}/${name}) | ${text} |`;
    });
    return `## ${about}\n\n| trace | shows |\n|---|---|\n${rows.join("\n")}\n`;
  });
  return `# The golden traces

Each is a script of commands and the messages that they cause, compared line by line by \`npx vitest run test/scripts\`. Read them as pictures of
the protocol: what a command does is at its left, what is sent is below the line. \`make traces\` writes them and this list anew; read the
difference before you commit it. The scenarios are those that break such systems; [testing](testing.md) says where they come from.

${sections.join("\n")}`;
}

test("docs/traces.md has every golden trace, and what it shows", async () => {
  await expect(index()).toMatchFileSnapshot("../../docs/traces.md");
});
