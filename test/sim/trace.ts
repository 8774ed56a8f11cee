/**
 * The events of a run, as a rolling hash: two runs of one seed must agree on it. With `keep` the last lines are kept as
 * text as well, for a person who replays a failure.
 */
import type { NodeMessage } from "../../src/core/model/node-message.js";
import { renderMessage } from "../scripts/render.js";
import type { Story } from "./story.js";

const KINDS = new Map<string, number>();

export class Trace {
  private state = 0x811c9dc5;
  private readonly lines: string[] = [];

  /** `story`: told besides, if any. */
  constructor(
    private readonly keep: number,
    private readonly story: Story | null = null,
  ) {}

  get keeping(): boolean {
    return this.keep > 0 || this.story !== null;
  }

  get hash(): string {
    return (this.state >>> 0).toString(16).padStart(8, "0");
  }

  mix(value: number): void {
    const mixed = Math.imul(this.state ^ (value | 0), 0x01000193);
    this.state = (mixed << 13) | (mixed >>> 19);
  }

  /** Times are mixed in to a hundredth of a millisecond. */
  event(time: number, kind: string, a: number, b: number): void {
    this.mix(Math.round(time * 100));
    this.mix(codeOf(kind));
    this.mix(a * 31 + b);
  }

  message(time: number, from: number, to: number, message: NodeMessage): void {
    this.event(time, message.kind, from, to);
    if (this.keep > 0) this.line(time, `n${from} → n${to} ${renderMessage(message)}`);
    if (this.story !== null && message.kind !== "heartbeat" && message.kind !== "heartbeat-answer")
      this.story.said(time, `n${from} → n${to} ${renderMessage(message)}`, partitionOf(message));
  }

  /** For the story alone; the note beside it is what counts for the hash. */
  command(time: number, text: string, partition: number | null = null): void {
    this.story?.command(time, text, partition);
  }

  said(time: number, text: string): void {
    this.story?.said(time, text);
  }

  note(time: number, text: string): void {
    this.mix(Math.round(time * 100));
    for (let i = 0; i < text.length; i++) this.mix(text.charCodeAt(i));
    if (this.keep > 0) this.line(time, text);
  }

  text(): string {
    return this.lines.join("\n");
  }

  private line(time: number, text: string): void {
    this.lines.push(`${time.toFixed(2).padStart(9)} ${text}`);
    if (this.lines.length > this.keep * 2) this.lines.splice(0, this.lines.length - this.keep);
  }
}

const partitionOf = (message: NodeMessage): number | null => ("partition" in message ? message.partition : null);

function codeOf(kind: string): number {
  let code = KINDS.get(kind);
  if (code === undefined) {
    code = 0;
    for (let i = 0; i < kind.length; i++) code = (Math.imul(code, 31) + kind.charCodeAt(i)) | 0;
    KINDS.set(kind, code);
  }
  return code;
}
