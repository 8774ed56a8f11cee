/**
 * Sets of replicas as bit masks over their places in the group's replica list. Quorums count distinct replicas (R7),
 * and a mask cannot count one twice. Groups have at most 31 replicas.
 */
export const MAX_REPLICAS = 31;

export const voteOf = (place: number): number => 1 << place;

export function countVotes(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}

export const majorityOf = (size: number): number => (size >>> 1) + 1;
