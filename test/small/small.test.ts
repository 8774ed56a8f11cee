import { afterEach, expect, test } from "vitest";
import { plant } from "../planted/planted.js";
import { type Exploration, explore } from "./explore.js";
import { renderTrace } from "./trace.js";
import { verifyReductions } from "./verify.js";
import { smallWorld, type WorldOptions } from "./worlds.js";

const UNBOUNDED = { states: 2_000_000, depth: 1_000 };

/** Explored once, without planted bugs. */
const explored = new Map<WorldOptions, Exploration>();

function exploredOnce(options: WorldOptions): Exploration {
  const found = explored.get(options) ?? explore(smallWorld(options), UNBOUNDED);
  explored.set(options, found);
  return found;
}

const TWO_OFFICES_AND_A_READ: WorldOptions = { offices: "1,2", operations: "put,get" };

afterEach(() => plant());

const WORLDS: readonly WorldOptions[] = [
  { offices: "1", operations: "put,get" },
  { offices: "1", operations: "cas,get", present: true },
  { offices: "1", operations: "put,cas" },
  { offices: "1,2", operations: "put*" },
  { offices: "1,2", operations: "put,cas" },
  TWO_OFFICES_AND_A_READ,
];

test.each(WORLDS)("offices $offices, $operations: complete, without a violation", { timeout: 60_000 }, (options) => {
  const found = exploredOnce(options);
  expect(found.violation).toBeNull();
  expect(found.complete).toBe(true);
  // For the largest by hand: VERIFY=1 scripts/small.sh all.
  if (options !== TWO_OFFICES_AND_A_READ) expect(verifyReductions(found.automaton).contradictions).toEqual([]);
});

const kindsIn = ({ automaton }: Exploration): Set<string> =>
  new Set(automaton.inputs.map((input) => (input.kind === "deliver" ? input.message.kind : input.kind)));

test("with two offices and a read every message of the registers is sent", { timeout: 60_000 }, () => {
  const kinds = kindsIn(exploredOnce(TWO_OFFICES_AND_A_READ));
  for (const kind of ["prepare", "promised", "reserve", "reserved", "recover", "recovered", "confirm", "confirmed"]) {
    expect(kinds).toContain(kind);
  }
  for (const kind of [
    "write",
    "written",
    "read",
    "read-answer",
    "impose",
    "imposed",
    "hand-over",
    "handed-over",
    "nack",
  ]) {
    expect(kinds).toContain(kind);
  }
});

test.each([
  { offices: "1", operations: "put,cas" },
  { offices: "1", operations: "get", present: true },
])("the reductions lose no history: offices $offices, $operations", { timeout: 60_000 }, (options) => {
  const reduced = explore(smallWorld(options), UNBOUNDED);
  const plain = explore(smallWorld(options), { ...UNBOUNDED, reduced: false });
  expect(plain.complete).toBe(true);
  expect(plain.histories).toEqual(reduced.histories);
  expect(plain.states).toBeGreaterThan(reduced.states);
});

test("what shows that the reductions hold would show if they did not", () => {
  // A seq used again: what was acknowledged for it is wanted once more.
  plant("R6");
  const found = explore(smallWorld({ offices: "1", operations: "put,put", resends: true }), UNBOUNDED);
  expect(verifyReductions(found.automaton).contradictions.length).toBeGreaterThan(0);
});

test("a bound is said: what is cut is not complete", () => {
  const found = explore(smallWorld({ offices: "1", operations: "put,get" }), { states: 1_000, depth: 1_000 });
  expect(found.complete).toBe(false);
  expect(found.frontier).toBeGreaterThan(0);
  const shallow = explore(smallWorld({ offices: "1", operations: "put,get" }), { states: 1_000_000, depth: 5 });
  expect(shallow.complete).toBe(false);
  expect(shallow.depth).toBe(5);
});

test.each([
  ["R2", "1,2", "put,get", 14],
  ["R4.one-replica", "1,2", "put,cas", 18],
  ["R7.count-messages", "1", "put,get", 10],
  ["R9.drop-on-recover", "1,2", "put*", 20],
] as const)(
  "%s is found with offices %s and %s in %i steps",
  { timeout: 60_000 },
  (bug, offices, operations, steps) => {
    plant(bug);
    const { violation } = explore(smallWorld({ offices, operations }), UNBOUNDED);
    expect(violation?.trace.length).toBe(steps);
  },
);

test("the shortest way to a violation is told in the words of the golden traces", () => {
  plant("R5.from-memory");
  const world = smallWorld({ offices: "1", operations: "put,cas,get" });
  const { automaton, violation } = explore(world, UNBOUNDED);
  expect(renderTrace(world, automaton, violation?.trace ?? []).join("\n")).toMatchInlineSnapshot(`
    "campaign n1 b=2.n1
    n1 → n2 Prepare b=2.n1
    n1 → n1 Promised b=2.n1 reserved=0
    n2 → n1 Promised b=2.n1 reserved=0
    put k=p at n1
    cas k absent → c at n1
    n1 → n2 Reserve b=2.n1 up to 10000
    n1 → n1 Reserved b=2.n1
    n2 → n1 Reserved b=2.n1
    n1 → n2 Recover k b=2.n1
    n1 → n1 Recovered absent
    n2 → n1 Recovered absent
    n1: cas k absent → c ⇒ not swapped, found p v=1
    get k at n2
    n2 → n3 Read k holding absent
    n3 → n2 ReadAnswer absent
    n2: get k ⇒ absent"
  `);
});

const MOVES: WorldOptions = { offices: "1", operations: "put", moved: "1" };

test.each([MOVES, { ...MOVES, moved: "4" }])(
  "across a seal, then an office of $moved: complete, without a violation",
  { timeout: 120_000 },
  (options) => {
    const found = explore(smallWorld(options), UNBOUNDED);
    expect(found.violation).toBeNull();
    expect(found.complete).toBe(true);
    expect(verifyReductions(found.automaton).contradictions).toEqual([]);
    for (const kind of ["learn", "hear", "ask-states", "states", "ask-keys", "keys-held"])
      expect(kindsIn(found)).toContain(kind);
  },
);

test("a merge that takes one replica's word is found across a seal", { timeout: 120_000 }, () => {
  plant("V3.one-replica");
  const { violation } = explore(smallWorld({ offices: "1", operations: "put,get", moved: "4" }), UNBOUNDED);
  expect(violation?.trace.length).toBe(18);
});

test("an unknown operation or node is an error that lists the known ones", () => {
  expect(() => smallWorld({ offices: "1", operations: "pop" })).toThrow("known: put, cas, swap, get");
  expect(() => smallWorld({ offices: "4", operations: "put" })).toThrow("known: 1, 2, 3");
});
