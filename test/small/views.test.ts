import { afterEach, describe, expect, test } from "vitest";
import { plant } from "../planted/planted.js";
import { exploreViews, type ViewWorld } from "./view-world.js";

const MOST = 1_000_000;

/** Three voters, two proposers, one of whom changes a voter. */
const TWO: ViewWorld = {
  candidacies: [
    { node: 1, epoch: 1 },
    { node: 2, epoch: 1 },
  ],
  restarts: true,
};

/** The voter that view 2 brings proposes view 3. */
const THREE: ViewWorld = { candidacies: [...TWO.candidacies, { node: 4, epoch: 2 }], restarts: false };

afterEach(() => plant());

describe("the decision on the next view, completely", () => {
  test("three voters, two proposers and one change of voters: one successor", { timeout: 120_000 }, () => {
    const found = exploreViews(TWO, MOST);
    expect(found.violation).toBeNull();
    expect(found.complete).toBe(true);
    expect(found.decided).toHaveLength(2);
  });

  test("the voter that is new proposes next", { timeout: 120_000 }, () => {
    const found = exploreViews(THREE, MOST);
    expect(found.violation).toBeNull();
    expect(found.complete).toBe(true);
    expect(found.decided).toHaveLength(3);
  });

  test.each(["V1.no-adopt", "V1.new-voters", "V1.all-members", "V1.accepted-is-decided", "V1.other-vote"])(
    "%s is found",
    { timeout: 120_000 },
    (bug) => {
      plant(bug);
      expect(exploreViews(THREE, MOST).violation).not.toBeNull();
    },
  );
});
