/** Answers of one stream: in the order they settle, a bounded number at a time. */
import { describe, expect, test } from "vitest";
import { Merge } from "../../../src/rpc/merge.js";

interface Later<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function later<T>(): Later<T> {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
/** Reads into a list until the end. */
function collect<T>(merge: Merge<T>): { readonly got: T[]; readonly end: Promise<void> } {
  const got: T[] = [];
  const end = (async () => {
    for await (const item of merge) got.push(item);
  })();
  end.catch(() => undefined);
  return { got, end };
}

describe("order and end", () => {
  test("answers come in the order in which they settle, not in that of their requests", async () => {
    const merge = new Merge<string>(10);
    const [slow, fast] = [later<string>(), later<string>()];
    merge.add(slow.promise);
    merge.add(fast.promise);
    merge.finishAfter(Promise.resolve());
    const { got, end } = collect(merge);
    fast.resolve("fast");
    await turn();
    expect(got).toEqual(["fast"]);
    slow.resolve("slow");
    await end;
    expect(got).toEqual(["fast", "slow"]);
  });

  test("it ends when the source is done and nothing is under way, not before", async () => {
    const merge = new Merge<number>(10);
    const source = later<void>();
    const only = later<number>();
    merge.finishAfter(source.promise);
    const { got, end } = collect(merge);
    let ended = false;
    end.then(() => {
      ended = true;
    });
    merge.add(only.promise);
    source.resolve();
    await turn();
    expect(ended).toBe(false);
    only.resolve(1);
    await end;
    expect(got).toEqual([1]);
  });

  test("an empty source is an empty stream", async () => {
    const merge = new Merge<number>(1);
    merge.finishAfter(Promise.resolve());
    const { got, end } = collect(merge);
    await end;
    expect(got).toEqual([]);
  });

  test("what settled before anybody read is not lost", async () => {
    const merge = new Merge<number>(10);
    for (let i = 0; i < 5; i++) merge.add(Promise.resolve(i));
    merge.finishAfter(Promise.resolve());
    await turn();
    const { got, end } = collect(merge);
    await end;
    expect(got).toEqual([0, 1, 2, 3, 4]);
  });
});

describe("the bound", () => {
  test("a source waits for room until answers are read, and everything comes out", async () => {
    const merge = new Merge<number>(3);
    let underWay = 0;
    let most = 0;
    const source = (async () => {
      for (let i = 0; i < 50; i++) {
        await merge.room();
        underWay++;
        most = Math.max(most, underWay);
        merge.add(
          turn().then(() => {
            underWay--;
            return i;
          }),
        );
      }
    })();
    merge.finishAfter(source);
    const { got, end } = collect(merge);
    await end;
    expect(got).toHaveLength(50);
    expect(most).toBeLessThanOrEqual(3);
  });

  test("a reader that does not read holds the source back", async () => {
    const merge = new Merge<number>(2);
    let added = 0;
    const source = (async () => {
      for (let i = 0; i < 10; i++) {
        await merge.room();
        added++;
        merge.add(Promise.resolve(i));
      }
    })();
    merge.finishAfter(source);
    await turn();
    await turn();
    expect(added).toBe(2);
    const { end } = collect(merge);
    await end;
    expect(added).toBe(10);
  });
});

describe("failures", () => {
  test("the first error ends the stream, after what had settled", async () => {
    const merge = new Merge<number>(10);
    merge.add(Promise.resolve(1));
    merge.add(Promise.reject(new Error("first")));
    merge.add(Promise.reject(new Error("second")));
    const { got, end } = collect(merge);
    await expect(end).rejects.toThrow("first");
    expect(got).toEqual([1]);
  });

  test("an error of the source ends it, too, also while answers are under way", async () => {
    const merge = new Merge<number>(10);
    merge.add(later<number>().promise);
    const source = later<void>();
    merge.finishAfter(source.promise);
    const { end } = collect(merge);
    source.reject(new Error("the client went away"));
    await expect(end).rejects.toThrow("the client went away");
  });
});
