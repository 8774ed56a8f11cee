/**
 * The pictures that README and manual show are there and stand alone. The one that can be drawn anew without a cluster
 * is as it would be drawn; tables have the columns of today.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { StatusResponse } from "../../gen/ts/onar/reconfiguration/v1/reconfiguration.js";
import { COLUMNS, violation } from "../../scripts/pictures/main.js";
import { type Line, terminalSvg } from "../../scripts/pictures/terminal.js";
import { asTable, summarize } from "../../src/cli/status/status.js";
import { paintOf } from "../../src/cli/terminal/paint.js";

const images = new URL("../../docs/images/", import.meta.url);

describe("pictures", () => {
  test("the violation in docs/images is that of docs/checking.md (make pictures draws it anew)", () => {
    expect(readFileSync(new URL("violation.svg", images), "utf8")).toBe(violation());
  });

  test.each(readdirSync(images))(
    "%s loads nothing, runs nothing, and tells nothing of the machine it was made on",
    (name) => {
      const text = readFileSync(new URL(name, images), "utf8");
      expect(text).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" .*<\/svg>\n$/s);
      expect(text).not.toMatch(/<script|<image|href=|@import|url\(http|\/(root|home|tmp|work)\//);
    },
  );

  test.each(["status.svg", "demo.svg"])(
    "%s shows the table of onar status as it is (make pictures draws it anew)",
    (name) => {
      const node = { id: 4_000_000_000, clientAddress: "127.0.0.1:4600 ", peerAddress: "127.0.0.1:4700", heard: true };
      const partitions = [
        { partition: 0, writerNodeId: node.id, replicas: [{ nodeId: node.id }], keys: 2n, bytes: 4_800n },
      ];
      const header = { nodeId: node.id, viewEpoch: 1n };
      const summary = summarize([StatusResponse.fromPartial({ header, nodes: [node], partitions })]);
      const table = asTable(summary, paintOf({ terminal: false, env: {} }), COLUMNS);
      const columns = (text: string): string[] =>
        (/│ +node │.*│/.exec(text)?.[0] ?? "").split("│").map((one) => one.trim());
      expect(columns(table)).toContain("data");
      expect(columns(readFileSync(new URL(name, images), "utf8"))).toEqual(columns(table));
    },
  );

  test("what a terminal showed is in the picture as text, escaped, colours as colours", () => {
    const lines: Line[] = [
      { text: "put <a> & b", typed: true, after: 0 },
      { text: "\u001b[32myes\u001b[39m no", after: 1 },
    ];
    const still = terminalSvg("t", "$ ", lines, false);
    expect(still).toContain("put &#60;a&#62; &#38; b");
    expect(still).toMatch(/<tspan fill="#7ee787">yes<\/tspan>/);
    expect(still).not.toContain("@keyframes");
    expect(terminalSvg("t", "$ ", lines, true).match(/@keyframes/g)).toHaveLength(3);
  });
});
