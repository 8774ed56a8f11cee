/** A shortage of file descriptors: it is named while it lasts, and a start waits until it has passed. */
import { open } from "node:fs";
import { devNull } from "node:os";
import { expect, test } from "vitest";
import { isDescriptorShortage } from "../../../src/base/errno.js";
import { Descriptors, descriptorsForStart, type OpenOne, outlastingShortage } from "../../../src/server/descriptors.js";

const errorOf = (code: string | number): Error => Object.assign(new Error(String(code)), { code });

/** Opens `fails` times nothing, then real ones. */
function scarce(fails: number, code = "EMFILE"): { readonly one: OpenOne; opened: number } {
  const state = {
    opened: 0,
    one: ((told) => {
      if (state.opened++ < fails) return told(errorOf(code), -1);
      open(devNull, "r", told);
    }) as OpenOne,
  };
  return state;
}

test.each(["EMFILE", "ENFILE"])("a start waits out %s, and says so once", async (code) => {
  const said: string[] = [];
  await descriptorsForStart((text) => said.push(text), scarce(100, code).one, 1);
  expect(said).toHaveLength(1);
  expect(said[0]).toMatch(/^the node starts once file descriptors are left: this (process|machine) has/);
});

test("what fails for a shortage is done again; another error is thrown on", async () => {
  let tries = 0;
  const said: string[] = [];
  const done = await outlastingShortage(
    async () => {
      if (++tries < 3) throw new Error("locked?", { cause: errorOf("ENFILE") });
      return tries;
    },
    (text) => said.push(text),
    1,
  );
  expect([done, said.length]).toEqual([3, 1]);
  await expect(
    outlastingShortage(
      () => Promise.reject(errorOf("EACCES")),
      () => {},
      1,
    ),
  ).rejects.toThrow("EACCES");
});

test("LMDB's numbers and causes count, other errors do not", () => {
  expect([24, 23, "EMFILE"].every((code) => isDescriptorShortage(errorOf(code)))).toBe(true);
  expect([2, "ENOENT", "ENOSPC"].some((code) => isDescriptorShortage(errorOf(code)))).toBe(false);
});

test("it lasts from the first look that finds none to the first that finds one", async () => {
  const answers: Parameters<OpenOne>[0][] = [];
  const descriptors = new Descriptors((told) => answers.push(told));
  descriptors.start();
  const look = (error: Error | null): void => {
    descriptors.look();
    if (error !== null) return answers.shift()?.(error, -1);
    const told = answers.shift();
    open(devNull, "r", (_, fd) => told?.(null, fd));
  };
  expect(descriptors.shortMs).toBe(0);
  look(errorOf("EMFILE"));
  look(errorOf("EMFILE"));
  expect(descriptors.shortMs).toBeGreaterThan(0);
  look(null);
  await expect.poll(() => descriptors.shortMs).toBe(0);
  descriptors.stop();
});
