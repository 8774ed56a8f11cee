/** The documents tell the truth about the repository: links, paths, make targets, the table of errors, commands. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { Status } from "nice-grpc-common";
import { describe, expect, test } from "vitest";
import { ErrorReason } from "../../gen/ts/onar/kv/v1/error.js";
import { EXIT } from "../../src/cli/ending/exit.js";
import { run } from "../../src/cli/program.js";
import type { Io } from "../../src/cli/terminal/io.js";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDERS = ["bench", "clients", "docs", "gen", "proto", "scripts", "src", "test", "third_party"];
/** Not in the repository: built, installed or written by running something. */
const UNTRACKED =
  /^(?:dist|node_modules|\.cache|bench\/out|docs\/api-ts)(?:\/|$)|(?:^|\/)(?:node_modules|dist|out|\.venv|__pycache__)\//;

const FILES = FOLDERS.flatMap(filesUnder);
const NAMES = new Set(FILES.map((file) => basename(file)));
const DOCUMENTS = [...readdirSync(ROOT), ...FILES].filter(
  (file) => file.endsWith(".md") && !file.startsWith("third_party/"),
);

function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((file) => !UNTRACKED.test(file));
}

const textOf = (file: string): string => readFileSync(join(ROOT, file), "utf8");

/** The lines of a document's code blocks, and its code spans. */
function codeOf(text: string): { readonly lines: readonly string[]; readonly spans: readonly string[] } {
  const lines: string[] = [];
  const prose: string[] = [];
  let fence = false;
  for (const line of text.split("\n")) {
    if (/^\s*```/.test(line)) fence = !fence;
    else (fence ? lines : prose).push(line);
  }
  const spans = [...prose.join("\n").matchAll(/`([^`\n]+)`/g)].map((match) => match[1] as string);
  return { lines: joined(lines), spans };
}

/** Lines that end in a backslash go on. */
function joined(lines: readonly string[]): string[] {
  return lines.join("\n").replaceAll("\\\n", " ").split("\n");
}

/** As GitHub makes them of headings. */
function anchorsOf(text: string): Set<string> {
  const headings = text.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map((match) =>
      (match[1] as string)
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
        .trim()
        .replaceAll(/\s/g, "-"),
    ),
  );
}

describe.each(DOCUMENTS)("%s", (document) => {
  const text = textOf(document);
  const { lines, spans } = codeOf(text);
  const folder = dirname(document);

  test("links to what is there", () => {
    const prose = text.replaceAll(/^```[\s\S]*?^```/gm, "").replaceAll(/`[^`\n]*`/g, "");
    const broken: string[] = [];
    for (const [, target = ""] of prose.matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = "", anchor] = target.split("#");
      const file = path === "" ? document : join(folder, path);
      if (file.startsWith("..") || !existsSync(join(ROOT, file))) broken.push(target);
      else if (anchor !== undefined && !(file.endsWith(".md") && anchorsOf(textOf(file)).has(anchor)))
        broken.push(target);
    }
    expect(broken).toEqual([]);
  });

  test("names only paths that are there", () => {
    const missing = spans.filter((span) => {
      if (!/^\.?[\w-][\w./-]*$/.test(span) || /[A-Z]{4}|\.\.\.|D-slug/.test(span) || UNTRACKED.test(span)) return false;
      if (FOLDERS.includes(span.split("/")[0] as string) && span.includes("/")) return !existsSync(join(ROOT, span));
      if (!/\.(?:ts|mjs|sh|proto|md|json|go|py)$/.test(span)) return false;
      if (span.includes("/")) return ![ROOT, join(ROOT, folder)].some((from) => existsSync(join(from, span)));
      return !NAMES.has(span) && !existsSync(join(ROOT, span));
    });
    expect(missing).toEqual([]);
  });

  test("names only make targets that are there", () => {
    const makefile = textOf("Makefile");
    const targets = new Set([...makefile.matchAll(/^([a-z][a-z0-9-]*):/gm)].map((match) => match[1] as string));
    const named = [...lines, ...spans].flatMap((code) => {
      const match = /^\s*make ([a-z][a-z0-9-]*)\b/.exec(code);
      return match === null ? [] : [match[1] as string];
    });
    expect(named.filter((target) => !targets.has(target))).toEqual([]);
  });

  test("shows only commands that the program takes", async () => {
    for (const command of [...lines, ...spans].flatMap(onarCommands)) {
      const { code, help } = await helpOf(command);
      expect(code, command.join(" ")).toBe(0);
      const options = beforeDashes(command).filter((word) => /^--?[a-zA-Z]/.test(word));
      for (const option of options) expect(help, command.join(" ")).toContain(option);
    }
  });
});

describe("docs/errors.md", () => {
  const text = textOf("docs/errors.md");
  /** Of the table below a heading: the cells of each row. */
  const rowsBelow = (heading: string): string[][] => {
    const section = text.split(/^## /m).find((one) => one.startsWith(`${heading}\n`)) ?? "";
    const rows = section.split("\n").filter((line) => line.startsWith("| "));
    return rows.slice(1).map((row) =>
      row
        .split("|")
        .map((cell) => cell.trim())
        .slice(1, -1),
    );
  };
  const firstCells = (heading: string): string[] => rowsBelow(heading).map(([cell = ""]) => cell);

  test("has every reason of the contract, once", () => {
    // A numeric enum also has its numbers as keys.
    const reasons = Object.keys(ErrorReason).filter(
      (name) => /^[A-Z]/.test(name) && !/^UN(?:SPECIFIED|RECOGNIZED)$/.test(name),
    );
    expect(firstCells("Reasons").toSorted()).toEqual(reasons.toSorted());
  });

  test("gives each reason the status that the contract gives it", () => {
    const contract = textOf("proto/onar/kv/v1/error.proto");
    for (const [reason = "", statuses = ""] of rowsBelow("Reasons")) {
      const comment = new RegExp(`((?: *//.*\\n)+) *ERROR_REASON_${reason} = (\\d+);`).exec(contract);
      const [, told = "", number = ""] = comment ?? [];
      // The first group says it once for all.
      const expected =
        Number(number) < 20 ? ["INVALID_ARGUMENT"] : (told.match(/\b[A-Z]+(?:_[A-Z]+)+\b|\b[A-Z]{6,}\b/g) ?? []);
      const [first = "none"] = expected.filter((name) => name in Status);
      expect(statuses, `${reason}: ${told}`).toContain(first);
    }
  });

  test("gives each reason a status that the program gives it, and marks those that it never gives", () => {
    const sources = FILES.filter((file) => file.startsWith("src/rpc/"))
      .map(textOf)
      .join("\n");
    let found = 0;
    for (const [reason = "", statuses = "", means = ""] of rowsBelow("Reasons")) {
      const used = sources.includes(`"${reason}"`);
      expect(means.startsWith("*not yet.*"), reason).toBe(!used);
      const given = [...sources.matchAll(new RegExp(`code: STATUS\\.(\\w+),\\s+reason: [^\\n]*"${reason}"`, "g"))];
      for (const [, status = ""] of given) {
        expect(statuses, reason).toContain(status.replaceAll(/[A-Z]/g, "_$&").toUpperCase());
      }
      found += given.length;
    }
    // Those that are written otherwise are not found here, but most are written so.
    expect(found).toBeGreaterThan(10);
  });

  test("has the reasons of the client libraries", () => {
    const type = /export type ClientReason =([^;]*);/.exec(textOf("src/client/outcome.ts"))?.[1] ?? "";
    const own = [...type.matchAll(/\| "(\w+)"/g)].map((match) => match[1] as string);
    expect(own.length).toBeGreaterThan(0);
    expect(firstCells("What the libraries add").toSorted()).toEqual(own.toSorted());
  });

  test("has every exit code", () => {
    expect(firstCells("Exit codes").map(Number)).toEqual(Object.values(EXIT).toSorted((a, b) => a - b));
  });

  /** The pieces of each quote between what differs from time to time. */
  const quotes = rowsBelow("What a node says").flatMap(([cell = ""]) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, quote = ""]) => quote.split("…").map((piece) => piece.trim())),
  );

  test("quotes nodes as they speak", () => {
    const sources = FILES.filter((file) => file.startsWith("src/"))
      .map(textOf)
      .join("\n");
    expect(quotes.length).toBeGreaterThan(0);
    for (const piece of quotes.flat()) if (piece.length > 1) expect(sources.includes(piece), piece).toBe(true);
  });

  test("has a row for each error with which a node does not start", () => {
    const sources = FILES.filter((file) =>
      /^src\/(?:server\/.*|rpc\/founding\/.*|storage\/(?!disk\.ts).*)\.ts$/.test(file),
    )
      .map(textOf)
      .join("\n");
    const errors = [...sources.matchAll(/new (?:Start|Directory|Recovery|Checkpoint|)Error\(\s*`([^`]*)/g)]
      .map(([, text = ""]) => text.replaceAll("$" + "{HINT}", "This node counts as lost"))
      // Whose words are those of the system, or of another error.
      .filter((text) => text.replaceAll(/\$\{[^}]*\}/g, "").length > 12);
    expect(errors.length).toBeGreaterThan(20);
    const without = errors.filter((text) => !quotes.some((pieces) => pieces.every((piece) => text.includes(piece))));
    expect(without).toEqual([]);
  });
});

test("every page is in the index of the manual", () => {
  const index = textOf("docs/README.md");
  const pages = readdirSync(join(ROOT, "docs")).filter((name) => name.endsWith(".md") && name !== "README.md");
  expect(pages.filter((page) => !index.includes(`](${page})`))).toEqual([]);
});

test("every decision is in the index of docs/adr, and is named by its date", () => {
  const index = textOf("docs/adr/README.md");
  const records = readdirSync(join(ROOT, "docs/adr")).filter((name) => name !== "README.md");
  expect(records.length).toBeGreaterThan(0);
  for (const record of records) {
    expect(record).toMatch(/^\d{4}-\d{2}-\d{2}-[a-z0-9-]+\.md$/);
    expect(index).toContain(`| ${record.slice(0, 10)} | [`);
    expect(index).toContain(`](${record})`);
  }
});

test("the documents that readers are sent to are there", () => {
  for (const file of [
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/status.md",
    "src/core/README.md",
  ]) {
    expect(statSync(join(ROOT, file)).size, file).toBeGreaterThan(500);
  }
});

const beforeDashes = (words: readonly string[]): readonly string[] =>
  words.includes("--") ? words.slice(0, words.indexOf("--")) : words;

/** The words after `npx onar` of every such command in a line. */
function onarCommands(line: string): string[][] {
  return [...line.matchAll(/(?:^|[\s;&|])npx onar ([^;&|#]+)/g)].map((match) =>
    (match[1] as string)
      .replace(/[<>].*/, "")
      .trim()
      .split(/\s+/),
  );
}

async function helpOf(words: readonly string[]): Promise<{ readonly code: number; readonly help: string }> {
  let help = "";
  const io: Io = {
    out: (chunk) => {
      help += chunk.toString();
    },
    error: (line) => {
      help += line;
    },
    onReaderGone: () => {},
    terminal: false,
    stdin: Readable.from([]),
    env: {},
  };
  return { code: await run([...beforeDashes(words), "--help"], io, ""), help };
}
