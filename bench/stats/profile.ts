/**
 * A V8 profile folded into stages of a call. Each sample belongs to the stage of the innermost function that has one.
 * So the work of a helper, or of Node.js itself, counts for whoever asked for it.
 */

export interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly children?: readonly number[];
}

/** `source`: path of a file below the project, "" for Node.js' own; null: whoever called it tells. */
export type StageOf = (source: string, functionName: string) => string | null;

export const IDLE = "(idle)";

/** Microseconds of each stage, IDLE among them. */
export function foldProfile(profile: Profile, root: string, stageOf: StageOf): Map<string, number> {
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const stages = new Map<number, string>();
  const visit = (id: number, outer: string): void => {
    const node = byId.get(id);
    if (node === undefined) return;
    const { functionName, url } = node.callFrame;
    const at = url.indexOf(root);
    const stage = stageOf(at < 0 ? "" : url.slice(at + root.length), functionName) ?? outer;
    stages.set(id, stage);
    for (const child of node.children ?? []) visit(child, stage);
  };
  const first = profile.nodes[0];
  if (first !== undefined) visit(first.id, IDLE);
  const folded = new Map<string, number>();
  for (const [index, sample] of profile.samples.entries()) {
    const stage = stages.get(sample) ?? IDLE;
    folded.set(stage, (folded.get(stage) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  return folded;
}
