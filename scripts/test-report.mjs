// A reporter of vitest: writes what scripts/test.mjs counts and names in the end, as JSON, to the file
// ONAR_TEST_REPORT. A failure is a test, a file or group that could not be run, or an error that no test took.
import { writeFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";

const MESSAGE_LINES = 6;
const LINE_LENGTH = 240;

export default class TestReport {
  onTestRunEnd(modules, unhandled) {
    const counts = { passed: 0, skipped: 0 };
    const failures = [];
    const fail = (file, name, errors) => failures.push({ file, name, message: firstLines(errors) });
    for (const module of modules) {
      const file = module.relativeModuleId;
      if (module.errors().length > 0) fail(file, "", module.errors());
      for (const suite of module.children.allSuites()) {
        if (suite.errors().length > 0) fail(file, suite.fullName, suite.errors());
      }
      for (const test of module.children.allTests()) {
        const { state, errors } = test.result();
        if (state === "passed") counts.passed++;
        else if (state === "failed") fail(file, test.fullName, errors);
        else counts.skipped++;
      }
    }
    for (const error of unhandled) fail("", "an error outside of the tests", [error]);
    writeFileSync(process.env.ONAR_TEST_REPORT, JSON.stringify({ ...counts, failures }));
  }
}

function firstLines(errors) {
  return errors
    .flatMap(({ message }) => stripVTControlCharacters(`${message}`).split("\n"))
    .filter((line) => line.trim() !== "")
    .slice(0, MESSAGE_LINES)
    .map((line) => (line.length > LINE_LENGTH ? `${line.slice(0, LINE_LENGTH)}…` : line));
}
