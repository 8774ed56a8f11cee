/** The words for what cannot be; null: it can be. */
export type Wrong = string | null;

export function first<T>(items: readonly T[], look: (item: T) => Wrong): Wrong {
  for (const item of items) {
    const wrong = look(item);
    if (wrong !== null) return wrong;
  }
  return null;
}

export function listed(count: number, most: number, what: string): Wrong {
  return count <= most ? null : `${count} ${what}, of at most ${most}`;
}
