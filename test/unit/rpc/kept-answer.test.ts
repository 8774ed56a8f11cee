/** Long answers to short questions are made at most for a twentieth of the time, however many ask. */
import { expect, test } from "vitest";
import { Encoded, KeptAnswer, MAX_KEPT_MS } from "../../../src/rpc/call/kept-answer.js";

/** Making an answer takes `cost` milliseconds of the clock. */
function bench(cost: number, keep?: number | null) {
  const world = { now: 0, made: 0 };
  const encode = (message: string) => ({ finish: () => Buffer.from(message) });
  const kept = new KeptAnswer<string>(encode, keep, () => world.now);
  const ask = (subject: unknown = "view"): string => {
    const answer: unknown = kept.of(subject, () => {
      world.made++;
      world.now += cost;
      return `answer ${world.made}`;
    });
    return answer instanceof Encoded ? Buffer.from(answer.finish()).toString() : expect.unreachable();
  };
  return { world, ask };
}

test("who asks all the time has it made for a twentieth of the time", () => {
  const { world, ask } = bench(3);
  for (; world.now < 6_000; world.now += 0.5) ask();
  expect(world.made * 3).toBeLessThanOrEqual(6_000 / 20 + 3);
});

test("an answer that costs nothing is never kept, and none is kept for longer than the bound", () => {
  const cheap = bench(0);
  expect([cheap.ask(), cheap.ask()]).toEqual(["answer 1", "answer 2"]);
  const dear = bench(1_000);
  dear.ask();
  dear.world.now += MAX_KEPT_MS;
  expect(dear.ask()).toBe("answer 2");
});

test("an answer about something else is made anew", () => {
  const { ask } = bench(3);
  expect([ask("a"), ask("a"), ask("b")]).toEqual(["answer 1", "answer 1", "answer 2"]);
});

test("what changes with its subject alone is made once", () => {
  const { world, ask } = bench(3, null);
  const answers = Array.from({ length: 5 }, () => {
    world.now += 100_000;
    return ask();
  });
  expect(new Set(answers)).toEqual(new Set(["answer 1"]));
});
