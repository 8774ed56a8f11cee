/**
 * The screen of a terminal, as an SVG that stands alone: no script, no font of its own. An animated one types the
 * commands, shows what they printed, and begins again. Colours are those of the escape codes that Onar's own output has
 * (src/cli/terminal/paint.ts).
 */

/** One line of the terminal. */
export interface Line {
  readonly text: string;
  /** Typed by a person after the prompt, not printed. */
  readonly typed?: true;
  /** Seconds from the line before until it appears. */
  readonly after: number;
}

const CHARACTER = 8.43;
const LINE = 19;
const MARGIN = 18;
const BAR = 30;
const TYPING_S = 0.045;
/** The last picture stands for so long before all begins again. */
const HOLD_S = 6;

/** An escape code for a colour, or for bold. */
const CODE = new RegExp(`(${String.fromCharCode(27)}\\[\\d+m)`);
const COLOURS: Readonly<Record<string, string>> = {
  "32": "#7ee787",
  "33": "#e3b341",
  "31": "#ff7b72",
  "39": "#c9d1d9",
};

export function terminalSvg(title: string, prompt: string, lines: readonly Line[], animated: boolean): string {
  const longest = Math.max(...lines.map(({ text, typed }) => plain(text).length + (typed ? prompt.length : 0)));
  const width = Math.ceil(2 * MARGIN + longest * CHARACTER);
  const height = BAR + MARGIN + lines.length * LINE;
  const times = timesOf(lines);
  const total = (times.at(-1)?.end ?? 0) + HOLD_S;
  const rules: string[] = [];
  const drawn = lines.map(({ text, typed }, i) => {
    const y = BAR + MARGIN + i * LINE;
    const { begin, end } = times[i] ?? { begin: 0, end: 0 };
    if (animated) {
      rules.push(appears(`l${i}`, begin, total));
      if (typed) rules.push(types(`t${i}`, begin, end, total));
    }
    const shown = typed
      ? `<tspan class="prompt">${escaped(prompt)}</tspan><tspan class="typed">${escaped(plain(text))}</tspan>`
      : coloured(text);
    // A cover moves to the right over what is typed.
    const x = MARGIN + prompt.length * CHARACTER;
    const cover =
      animated && typed
        ? `<rect class="cover t${i}" x="${x.toFixed(1)}" y="${y - 14}" width="${(plain(text).length * CHARACTER + 2).toFixed(1)}" height="${LINE}"/>`
        : "";
    return `<g class="l${i}"><text x="${MARGIN}" y="${y}" xml:space="preserve">${shown}</text>${cover}</g>`;
  });
  const still =
    "@media (prefers-reduced-motion:reduce){g{animation:none!important;opacity:1!important}.cover{display:none}}";
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>text{font:14px ui-monospace,"SF Mono",Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#c9d1d9;white-space:pre}.prompt{fill:#79c0ff}.typed{fill:#fff;font-weight:600}.title{fill:#8b949e;font-size:12px}.cover{fill:#0d1117;opacity:0}
${rules.join("\n")}${animated ? `\n${still}` : ""}</style>
<rect width="${width}" height="${height}" rx="8" fill="#0d1117"/>
<circle cx="18" cy="16" r="5" fill="#ff5f57"/><circle cx="36" cy="16" r="5" fill="#febc2e"/><circle cx="54" cy="16" r="5" fill="#28c840"/>
<text class="title" x="${width / 2}" y="20" text-anchor="middle">${escaped(title)}</text>
${drawn.join("\n")}
</svg>
`;
}

function timesOf(lines: readonly Line[]): { begin: number; end: number }[] {
  let now = 0;
  return lines.map(({ text, typed, after }) => {
    const begin = now + after;
    now = begin + (typed ? plain(text).length * TYPING_S : 0);
    return { begin, end: now };
  });
}

function appears(name: string, at: number, total: number): string {
  const from = percent(at, total);
  return `.${name}{animation:${name} ${total.toFixed(2)}s step-end infinite}@keyframes ${name}{0%{opacity:0}${from}%,100%{opacity:1}}`;
}

function types(name: string, begin: number, end: number, total: number): string {
  const [from, to] = [percent(begin, total), percent(end, total)];
  const rule = `.${name}{transform-box:fill-box;transform-origin:right;animation:${name} ${total.toFixed(2)}s linear infinite}`;
  return `${rule}@keyframes ${name}{0%,${from}%{opacity:1;transform:scaleX(1)}${to}%,100%{opacity:1;transform:scaleX(0)}}`;
}

const percent = (at: number, total: number): string => Math.min(99.99, (100 * at) / total).toFixed(2);

function coloured(text: string): string {
  const parts: string[] = [];
  let colour = "";
  let strong = false;
  for (const piece of text.split(CODE)) {
    const code = CODE.test(piece) ? piece.replaceAll(/\D/g, "") : undefined;
    if (code === "1" || code === "22") strong = code === "1";
    else if (code !== undefined) colour = COLOURS[code] ?? "";
    else if (piece !== "") {
      const style = `${colour === "" ? "" : ` fill="${colour}"`}${strong ? ' font-weight="700"' : ""}`;
      parts.push(style === "" ? escaped(piece) : `<tspan${style}>${escaped(piece)}</tspan>`);
    }
  }
  return parts.join("");
}

const plain = (text: string): string =>
  text
    .split(CODE)
    .filter((piece) => !CODE.test(piece))
    .join("");
const escaped = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
