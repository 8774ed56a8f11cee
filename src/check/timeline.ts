/**
 * A violation as a page: the operations on the key around the contradiction, one lane per process, a bar from
 * invocation to return. The ones that contradict each other are red, and numbered as in the list below. The page stands
 * alone, loads nothing and runs no script; keys and values come from anywhere, so all text is escaped.
 *
 * The axis keeps the order of moments, not their distance: between two moments there is as much room as the labels
 * need.
 */
import type { KeyReport } from "./check.js";
import type { Violation } from "./checker.js";
import { answerInWords, callInWords, described, processInWords, quoted, span } from "./describe.js";
import type { Operation } from "./history.js";
import { versionMade } from "./relevance.js";
import { drawing, type Picture, type Words } from "./timeline-drawing.js";

/** Operations drawn for a key: the nearest to the contradiction. */
const operationsShown = 36;
/** Fewer, down to this many, while the drawing is wider than a screen can show at a legible size. */
const operationsLeast = 10;
const widthMost = 2100;
/** A drawing shrinks down to this, then it scrolls. */
const scaleLeast = 0.68;
const keysShown = 20;
const orderShown = 12;

/** All violations of a report; a page that says so when there is none. */
export function timelinePage(keys: readonly KeyReport[]): string {
  const violated = keys.flatMap(({ key, operations, verdict }) =>
    verdict.kind === "violation" ? [{ key, operations, verdict }] : [],
  );
  const sections = violated
    .slice(0, keysShown)
    .map(({ key, operations, verdict }) => section(key, operations, verdict));
  const more = violated.length - sections.length;
  if (violated.length === 0) sections.push(`<section><p class="reason calm">No violation was found.</p></section>`);
  if (more > 0) sections.push(`<p class="note">${more} more keys are violated; they are not drawn.</p>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Linearizability violation</title>
<style>${style}</style>
</head>
<body>
<main>
${sections.join("\n")}
</main>
</body>
</html>
`;
}

/** The drawing of one violation as a picture of its own, without the words around it; null where there is none. */
export function timelinePicture({ operations, verdict }: KeyReport): string | null {
  if (verdict.kind !== "violation") return null;
  const { picture } = drawn(operations, verdict);
  const { width, height } = picture;
  // Not every program that shows pictures knows variables; what else is in the style is for the page.
  const colours = new Map<string, string>();
  for (const [, name = "", value = ""] of style.matchAll(/--(\w+):([^;}]+)/g)) {
    if (!colours.has(name)) colours.set(name, value);
  }
  const rules = style
    .split("\n")
    .filter((line) => /^(svg|\.moment|\.read|\.remove|\.open)/.test(line))
    .join("\n")
    .replaceAll(/var\(--(\w+)\)/g, (_, name: string) => colours.get(name) ?? "");
  const background = `<style>${rules}</style><rect width="${width}" height="${height}" fill="#fff"/>`;
  return svg(picture).replace(/^<svg [^>]*>/, (open) => {
    const size = `xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" `;
    return `${open.replace(/style="[^"]*" /, size)}${background}`;
  });
}

interface Drawn {
  readonly picture: Picture;
  readonly shown: number;
  /** Those that contradict each other, numbered from left to right. */
  readonly culprits: readonly Operation[];
}

function drawn(operations: readonly Operation[], verdict: Violation): Drawn {
  const culprits = verdict.culprits.toSorted((one, other) => one.invoked - other.invoked);
  const marks = new Map(culprits.map((operation, index) => [operation, index + 1]));
  const wordsOf = (operation: Operation): Words => ({
    label: `${callInWords(operation)} ${arrowAnswer(operation)}`,
    title: described(operation),
    lane: `process ${processInWords(operation)}`,
  });
  const near = nearest(operations, verdict.culprits);
  let shown = near.slice(0, operationsShown);
  let picture = drawing(shown, marks, wordsOf);
  while (picture.width > widthMost && shown.length > operationsLeast) {
    shown = near.slice(0, shown.length - 2);
    picture = drawing(shown, marks, wordsOf);
  }
  return { picture, shown: shown.length, culprits };
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

function section(key: string, operations: readonly Operation[], verdict: Violation): string {
  const { picture, shown, culprits } = drawn(operations, verdict);
  const hidden = operations.length - shown;
  const note =
    hidden > 0
      ? `${shown} of the key's ${operations.length} operations are drawn: those nearest to the contradiction.`
      : `All ${operations.length} operations of the key are drawn.`;
  return `<section>
<p class="eyebrow">Not linearizable · key <code>${escaped(quoted(key))}</code> · found by ${verdict.decidedBy}</p>
<p class="reason">${escaped(verdict.reason)}</p>
<div class="chart">${svg(picture)}</div>
${legend}
<ol class="culprits">${culprits.map((operation) => `<li>${row(operation)}</li>`).join("")}</ol>
${partialOrder(verdict)}
<p class="note">${note} The axis keeps the order of moments, not their distance.</p>
</section>`;
}

function row(operation: Operation): string {
  const { process } = operation;
  const parts = [`<b>${escaped(callInWords(operation))}</b>`, escaped(answerInWords(operation))];
  const who = typeof process === "number" ? `${process}` : quoted(process);
  return `${parts.join(" — ")} <span class="dim">process ${escaped(who)}, ${escaped(span(operation))}</span>`;
}

function partialOrder({ partial, culprits }: Violation): string {
  if (partial.length === 0) return "";
  const last = partial.slice(-orderShown);
  const first = partial.length - last.length + 1;
  const items = last.map((operation) => `<li>${row(operation)}</li>`).join("");
  const stuck =
    culprits[0] === undefined
      ? ""
      : `<li class="stuck">${row(culprits[0])} <em>does not fit here, nor anywhere before</em></li>`;
  return `<details><summary>The end of the longest order that explains what came before</summary><ol start="${first}">${items}${stuck}</ol></details>`;
}

function arrowAnswer(operation: Operation): string {
  const { outcome } = operation;
  if (outcome.status === "failed") return "✗ not executed";
  if (outcome.status === "unknown") return "→ ?";
  const { answer } = outcome;
  const made = versionMade(operation);
  if (answer.kind === "add") return `→ ${answer.number} · v${answer.version}`;
  if (made !== null) return `→ v${made}`;
  if (answer.kind === "get") return answer.present ? `→ ${quoted(answer.value)} · v${answer.version}` : "→ absent";
  if (answer.kind === "delete") {
    if (answer.deleted) return `→ deleted v${answer.versionFound}`;
    return answer.versionFound === 0 ? "→ absent" : `→ refused, v${answer.versionFound}`;
  }
  if (answer.kind !== "cas" || answer.swapped) return "";
  return answer.found === null ? "→ refused, absent" : `→ refused, v${answer.found.version}`;
}

/** The culprits, then the others, those first that lie nearest to a culprit in time. */
function nearest(operations: readonly Operation[], culprits: readonly Operation[]): Operation[] {
  const named = new Set(culprits);
  const ends = culprits.flatMap(({ invoked, returned }) => (returned === null ? [invoked] : [invoked, returned]));
  const distance = ({ invoked, returned }: Operation): number => {
    let least = Number.POSITIVE_INFINITY;
    for (const end of ends) least = Math.min(least, Math.max(invoked - end, end - (returned ?? invoked), 0));
    return least;
  };
  const others = operations.filter((operation) => !named.has(operation));
  const ranked = others
    .map((operation) => ({ operation, away: distance(operation) }))
    .sort((left, right) => left.away - right.away);
  return [...culprits, ...ranked.map(({ operation }) => operation)];
}

function svg({ width, height, bars, lanes, moments, link }: Picture): string {
  const parts = [
    `<svg style="max-width:${width}px;min-width:${Math.round(width * scaleLeast)}px" viewBox="0 0 ${width} ${height}" role="img" aria-label="Timeline of operations">`,
  ];
  parts.push(
    `<defs><linearGradient id="open"><stop offset="0.55" stop-color="#fff"/><stop offset="1" stop-color="#fff" stop-opacity="0"/></linearGradient>` +
      `<mask id="fade" maskContentUnits="objectBoundingBox"><rect width="1" height="1" fill="url(#open)"/></mask></defs>`,
  );
  for (const [index, lane] of lanes.entries()) {
    parts.push(`<rect class="lane${index % 2}" x="0" y="${lane.y}" width="${width}" height="${lane.height}"/>`);
    parts.push(`<text class="process" x="12" y="${lane.y + lane.height / 2 + 4}">${escaped(lane.name)}</text>`);
  }
  for (const { x, time } of moments) {
    parts.push(
      `<line class="moment" x1="${x}" x2="${x}" y1="22" y2="${height}"/><text class="time" x="${x}" y="15">${escaped(time)}</text>`,
    );
  }
  for (const { x, y, width: long, height: high, kind, isOpen, mark, label, title } of bars) {
    const classes = `bar ${kind}${isOpen ? " open" : ""}${mark === null ? "" : " culprit"}`;
    parts.push(`<g class="${classes}"><title>${escaped(title)}</title>`);
    parts.push(
      `<rect x="${x}" y="${y}" width="${long}" height="${high}" rx="4"${isOpen ? ` mask="url(#fade)"` : ""}/>`,
    );
    parts.push(`<text x="${x + (mark === null ? 8 : 26)}" y="${y + high / 2 + 4}">${escaped(label)}</text>`);
    if (mark !== null) {
      parts.push(
        `<circle cx="${x + 13}" cy="${y + high / 2}" r="8"/><text class="mark" x="${x + 13}" y="${y + high / 2 + 4}">${mark}</text>`,
      );
    }
    parts.push("</g>");
  }
  if (link !== null) parts.push(`<path class="link" d="${link}"/>`);
  parts.push("</svg>");
  return parts.join("");
}

const legend = `<p class="legend"><span class="key read"></span>read <span class="key write"></span>write
<span class="key remove"></span>delete <span class="key failed"></span>not executed or refused
<span class="key openkey"></span>outcome unknown <span class="key culprit"></span>part of the contradiction</p>`;

const style = `
:root{color-scheme:light dark;--ink:#1c2330;--dim:#667085;--paper:#fff;--wash:#f5f7fa;--rule:#dde3ea;--red:#c81e3a;
--read:#d6e6fb;--write:#d3efdd;--remove:#fbe5c8;--failed:#e6e8ec;--readline:#7fa8dc;--writeline:#73b98e;--removeline:#dba862;--failedline:#aeb4bf}
@media (prefers-color-scheme:dark){:root{--ink:#e8ebf0;--dim:#98a2b3;--paper:#14181f;--wash:#1b2029;--rule:#2c3440;--red:#ff6b81;
--read:#1f3a5c;--write:#1d4630;--remove:#57401d;--failed:#2d333d;--readline:#4a77b0;--writeline:#3f8a5d;--removeline:#a87b35;--failedline:#5c6573}}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{padding:28px 32px;max-width:1500px;margin:0 auto}
section+section{border-top:1px solid var(--rule);margin-top:40px;padding-top:28px}
.eyebrow{margin:0 0 6px;color:var(--dim);font-size:13px}
.reason{margin:0 0 20px;font-size:20px;line-height:1.4;max-width:62em;border-left:4px solid var(--red);padding-left:14px;overflow-wrap:anywhere}
.calm{border-color:var(--writeline)}
.chart{overflow-x:auto;border:1px solid var(--rule);border-radius:8px}
svg{display:block;width:100%;font:12px ui-monospace,"DejaVu Sans Mono",monospace}
svg text{fill:var(--ink);white-space:pre}.lane0{fill:var(--wash)}.lane1{fill:transparent}
svg .process{fill:var(--dim);font-family:system-ui,sans-serif}svg .time{fill:var(--dim);text-anchor:middle;font-size:10px}
.moment{stroke:var(--rule);stroke-dasharray:2 4}.bar rect{stroke-width:1}
.read rect{fill:var(--read);stroke:var(--readline)}.write rect{fill:var(--write);stroke:var(--writeline)}
.remove rect{fill:var(--remove);stroke:var(--removeline)}.failed rect{fill:var(--failed);stroke:var(--failedline)}
.open rect{stroke-dasharray:5 3}.culprit rect{stroke:var(--red);stroke-width:2.5}.culprit circle{fill:var(--red)}
svg .mark{fill:var(--paper);text-anchor:middle;font-weight:700}.link{fill:none;stroke:var(--red);stroke-width:2;stroke-dasharray:6 4}
.legend,.note,.dim{color:var(--dim);font-size:13px}.key{display:inline-block;width:22px;height:11px;border-radius:3px;margin:0 5px 0 14px;border:1px solid}
.legend .key:first-child{margin-left:0}.key.read{background:var(--read);border-color:var(--readline)}.key.write{background:var(--write);border-color:var(--writeline)}
.key.remove{background:var(--remove);border-color:var(--removeline)}.key.failed{background:var(--failed);border-color:var(--failedline)}
.key.openkey{border-style:dashed;border-right:0}.key.culprit{border:2px solid var(--red)}
ol{padding-left:26px;overflow-wrap:anywhere}.culprits li::marker{color:var(--red);font-weight:700}.stuck{color:var(--red)}
details{margin:12px 0}summary{cursor:pointer}code{font:13px ui-monospace,monospace}
`;
