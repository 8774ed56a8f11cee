/**
 * A run told in the language of the golden traces. It has all that was done to the cluster and asked of it, each with
 * what came of it until the next. Messages are shown when they arrive: one that is not there was lost. Heartbeats are
 * left out, and partitions that nobody asks for; time is told by `wait`.
 */

interface Line {
  readonly at: number;
  readonly command: boolean;
  /** null: of none, or of any. */
  readonly partition: number | null;
  readonly text: string;
}

/** Shorter waits are not told. */
const NOTICEABLE_MS = 1;

export class Story {
  private readonly lines: Line[] = [];

  /** Deeds to the cluster, and requests to it. */
  command(at: number, text: string, partition: number | null = null): void {
    this.lines.push({ at, command: true, text, partition });
  }

  /** The words of nodes to each other and to clients. */
  said(at: number, text: string, partition: number | null = null): void {
    this.lines.push({ at, command: false, text, partition });
  }

  text(): string {
    const blocks: string[] = [];
    let commands: string[] = [];
    let said: string[] = [];
    let told = 0;
    const end = (): void => {
      if (commands.length + said.length > 0)
        blocks.push([...commands, ...(said.length > 0 ? ["---", ...said] : [])].join("\n"));
      commands = [];
      said = [];
    };
    const asked = new Set(this.lines.filter(({ command }) => command).map(({ partition }) => partition));
    for (const { at, command, text, partition } of this.lines) {
      if (partition !== null && !asked.has(partition)) continue;
      if (!command) {
        said.push(text);
        continue;
      }
      if (said.length > 0) end();
      const waited = at - told;
      if (waited >= NOTICEABLE_MS) {
        commands.push(`wait ${Math.round(waited)}ms`);
        told = at;
      }
      commands.push(text);
    }
    end();
    return blocks.join("\n\n");
  }
}
