import { expect, test } from "vitest";
import { cacheFolder } from "../../../src/cli/compile-cache.js";

test("compiled code is kept in the user's own cache folder, or nowhere", () => {
  expect(cacheFolder({ XDG_CACHE_HOME: "/cache", HOME: "/home/a" })).toBe("/cache/onar");
  expect(cacheFolder({ XDG_CACHE_HOME: "", HOME: "/home/a" })).toBe("/home/a/.cache/onar");
  expect(cacheFolder({ USERPROFILE: "/users/a" })).toBe("/users/a/.cache/onar");
  expect(cacheFolder({})).toBeNull();
});
