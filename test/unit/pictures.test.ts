/**
 * The pictures that README and manual show are there and stand alone. The one that can be drawn anew without a cluster
 * is as it would be drawn.
 */
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { violation } from "../../scripts/pictures/main.js";
import { type Line, terminalSvg } from "../../scripts/pictures/terminal.js";

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
