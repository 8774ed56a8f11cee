/** A map whose entries come and go: it behaves as a Map does, and what left it is not kept. */
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TransientMap } from "../../../src/base/transient-map.js";

describe("a transient map", () => {
  test("behaves as a Map does, whatever comes and goes", () => {
    const step = fc.record({ kind: fc.constantFrom("set", "set", "delete", "clear?"), key: fc.nat(40) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 600 }), (steps) => {
        const map = new TransientMap<number, number>();
        const model = new Map<number, number>();
        for (const [i, { kind, key }] of steps.entries()) {
          if (kind === "set") {
            map.set(key, i);
            model.set(key, i);
          } else if (kind === "delete") expect(map.delete(key)).toBe(model.delete(key));
          else if (key === 0) {
            map.clear();
            model.clear();
          }
          expect([map.size, map.has(key), map.get(key)]).toEqual([model.size, model.has(key), model.get(key)]);
        }
        expect([...map.values()]).toEqual([...model.values()]);
      }),
    );
  });

  test("shows an iteration what comes, and not what went, as a Map does", () => {
    const map = new TransientMap<number, number>();
    for (let i = 0; i < 100; i++) map.set(i, i);
    const seen: number[] = [];
    for (const value of map.values()) {
      seen.push(value);
      map.delete(value);
      map.delete(value + 1);
      if (value < 50) map.set(1_000 + value, 1_000 + value);
    }
    const firsts = Array.from({ length: 50 }, (_, i) => 2 * i);
    const added = firsts.slice(0, 25).map((value) => 1_000 + value);
    expect(seen).toEqual([...firsts, ...added]);
    expect(map.size).toBe(0);
  });

  test("goes on being renewed after an iteration that was broken off", () => {
    const map = new TransientMap<number, number>();
    map.set(0, 0);
    for (const value of map.values()) if (value === 0) break;
    expect((map as unknown as { readers: number }).readers).toBe(0);
  });

  test("does not make old objects of entries that come and go", () => {
    const program = `
      const { PerformanceObserver, constants } = await import("node:perf_hooks");
      const { TransientMap } = await import(${JSON.stringify(new URL("../../../src/base/transient-map.ts", import.meta.url).href)});
      let full = 0;
      new PerformanceObserver((list) => {
        for (const { detail } of list.getEntries()) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++;
      }).observe({ entryTypes: ["gc"] });
      const fullCollections = async (map) => {
        for (let i = 1; i <= 3; i++) map.set(-i, {});
        for (let i = 0; i < 5; i++) gc({ type: "minor" });
        await new Promise((resolve) => setTimeout(resolve, 50));
        const before = full;
        for (let i = 0; i < 300_000; i++) {
          map.set(i, new Array(30).fill(0.5));
          map.delete(i - 64);
          if (i % 10_000 === 0) await new Promise(setImmediate);
        }
        await new Promise((resolve) => setTimeout(resolve, 50));
        return full - before;
      };
      console.log(JSON.stringify([await fullCollections(new TransientMap()), await fullCollections(new Map())]));
    `;
    const ran = spawnSync(process.execPath, ["--expose-gc", "--import", "tsx", "--input-type=module", "-e", program], {
      encoding: "utf8",
      timeout: 50_000,
    });
    expect(ran.stderr).toBe("");
    const [transient, native] = JSON.parse(ran.stdout) as [number, number];
    console.log(`full collections: ${transient}, with a Map ${native}`);
    expect(transient).toBeLessThanOrEqual(1);
  }, 60_000);
});
