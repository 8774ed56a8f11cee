"""The shared cases (test/clients/cases.yaml, whose header says what each part means), with both Python clients.

ONAR_ENDPOINTS names a running cluster for those that need one; without it they are skipped. What this runner does not know is an error:
it must not pass by being ignored.
"""

import asyncio
import contextlib
import os
import re
import unittest
import uuid
from concurrent.futures import ThreadPoolExecutor

import onar_client
import onar_client.aio
import yaml
from onar_client import Consistency, NotDoneError, UnknownOutcomeError
from processes import ROOT, FakeServer, LocalCluster

ENDPOINTS = [e.strip() for e in os.environ.get("ONAR_ENDPOINTS", "").split(",") if e.strip()]

#: endpoints, views, most_views and untold are the fake server's business, as is what stands last in STEP.
CASE = {"name", "on", "nodes", "client", "steps", "pipeline", "endpoints", "views", "most_views", "untold"}
CLIENT = {"timeout_ms", "cluster_id", "direct"}
STEP = {
    *("call", "key", "value", "delta", "condition", "consistency", "timeout_ms", "times", "kill_writer_at", "save"),
    *("expect", "answers", "at_once", "cancel_after_ms", "close_after_ms"),
    *("other_node", "reaches", "only", "most_under_way", "most_attempts"),
}
EXPECT = {
    *("outcome", "reason", "version", "found", "value", "consistency", "swapped", "deleted", "number"),
    *("code", "names"),
}


MOST_THREADS = 500
#: How many cases run at the same time.
AT_ONCE = {"fake": 5, "cluster": 1, "killable": 1}


class Blocking:
    """The client for threads, called as the one for asyncio is."""

    def __init__(self, *args, **kwargs):
        self._client = onar_client.Client(*args, **kwargs)
        self._threads = ThreadPoolExecutor(MOST_THREADS)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        await self.close()
        self._threads.shutdown()

    def __getattr__(self, name):
        method = getattr(self._client, name)

        async def call(*args, **kwargs):
            return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: method(*args, **kwargs))

        return call


class Loader(yaml.SafeLoader):
    """YAML 1.2 as far as it matters here: `on` and `no` are words, not booleans."""

    yaml_implicit_resolvers = {
        first: [(tag, regexp) for tag, regexp in resolvers if tag != "tag:yaml.org,2002:bool"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), "tf")


def known(fields, mapping, what):
    if set(mapping) - fields:
        raise AssertionError(f"{what}: {sorted(set(mapping) - fields)} not known")
    return mapping


def to_bytes(given):
    if isinstance(given, str):
        return given.encode()
    if "hex" in given:
        return bytes.fromhex(known({"hex"}, given, "bytes")["hex"])
    known({"text", "times"}, given, "bytes")
    return (given["text"] * given["times"]).encode()


class Runner:
    """Runs the steps of one case."""

    def __init__(self, test, prefix, kill_writer, endpoints):
        self.test = test
        self.endpoints = endpoints
        self.prefix = prefix
        self.kill_writer = kill_writer
        self.saved = {}

    async def run(self, client, steps):
        for number, step in enumerate(steps, 1):
            known(STEP, step, "step")
            known(EXPECT, step["expect"], "expect")
            for repetition in range(1, step.get("times", 1) + 1):
                closing = asyncio.ensure_future(self.close_after(client, step.get("close_after_ms")))
                calls = [self.step(client, step, repetition) for _ in range(step.get("at_once", 1))]
                try:
                    await asyncio.gather(*calls)
                except AssertionError as error:
                    what = f"step {number} ({step['call']}), repetition {repetition}"
                    raise AssertionError(f"{what}: {error}") from error
                await closing

    async def close_after(self, client, milliseconds):
        if milliseconds is not None:
            await asyncio.sleep(milliseconds / 1_000)
            await client.close()

    def key(self, key):
        if isinstance(key, dict) and "exact" in key:
            return to_bytes(key["exact"])
        return self.prefix.encode() + to_bytes(key)

    def version(self, given):
        return given if isinstance(given, int) else self.saved[given]

    def condition(self, given):
        if given is None:
            return None
        ((kind, value),) = given.items()
        if kind == "presence":
            return {"absent": onar_client.if_absent, "present": onar_client.if_present}[value]
        if kind == "value":
            return onar_client.if_value(to_bytes(value))
        self.test.assertEqual(kind, "version")
        return onar_client.if_version(self.version(value))

    async def call(self, client, step):
        key, kind = self.key(step["key"]), step["call"]
        timeout = None if step.get("timeout_ms") is None else step["timeout_ms"] / 1_000
        if kind == "get":
            consistency = Consistency(step.get("consistency", "linearizable"))
            return await client.get(key, consistency=consistency, timeout=timeout)
        if kind == "put":
            return await client.put(key, to_bytes(step["value"]), timeout=timeout)
        if kind == "compareAndSet":
            condition = self.condition(step["condition"])
            return await client.compare_and_set(key, condition, to_bytes(step["value"]), timeout=timeout)
        if kind == "delete":
            return await client.delete(key, self.condition(step.get("condition")), timeout=timeout)
        self.test.assertEqual(kind, "add")
        return await client.add(key, int(step["delta"]), timeout=timeout)

    async def cancelled_after(self, milliseconds, call):
        task = asyncio.ensure_future(call)
        if milliseconds is not None:
            asyncio.get_running_loop().call_later(milliseconds / 1_000, task.cancel)
        return await task

    async def step(self, client, step, repetition):
        expect = step["expect"]
        if step.get("kill_writer_at") == repetition:
            await asyncio.get_running_loop().run_in_executor(None, self.kill_writer, self.key(step["key"]))
        answer, outcome, error = None, "done", None
        try:
            answer = await self.cancelled_after(step.get("cancel_after_ms"), self.call(client, step))
        except asyncio.CancelledError:
            # How asyncio says it; docs/clients-python.md tells what it means.
            self.test.assertEqual(expect["reason"], "CANCELLED")
            return
        except NotDoneError as caught:
            outcome, error = "notDone", caught
        except UnknownOutcomeError as caught:
            outcome, error = "unknown", caught
        self.test.assertEqual(outcome, expect["outcome"], error)
        if "reason" in expect:
            reasons = expect["reason"]
            self.test.assertIn(error.reason, [reasons] if isinstance(reasons, str) else reasons, error)
        if error is not None:
            self.compare_error(expect, error)
            return
        got = parts(step["call"], answer)
        if "save" in step:
            self.saved[step["save"]] = got["version"]
        self.compare(expect, got, repetition)

    def compare_error(self, expect, error):
        self.test.assertEqual(error.outcome, expect["outcome"])
        if "code" in expect:
            self.test.assertEqual(error.code, expect["code"], error)
        if "names" in expect:
            wanted = {"none": [""], "one": self.endpoints, "all": [", ".join(self.endpoints)]}[expect["names"]]
            self.test.assertIn(error.address, wanted, error)
            for one in error.address.split(", "):
                self.test.assertIn(one, str(error))

    def compare(self, expect, got, repetition):
        check = self.test.assertEqual
        for name in ("found", "swapped", "deleted", "consistency"):
            if name in expect:
                check(got[name], expect[name], name)
        if "value" in expect:
            check(got["value"], to_bytes(expect["value"]), "value")
        if "number" in expect:
            number = expect["number"]
            if isinstance(number, dict):
                number = repetition if known({"repetition"}, number, "number")["repetition"] else None
            check(got["number"], None if number is None else int(number), "number")
        version = expect.get("version")
        if isinstance(version, dict):
            ((relation, name),) = version.items()
            {"equals": check, "above": self.test.assertGreater}[relation](got["version"], self.saved[name])
        elif version is not None:
            check(got["version"], self.version(version), "version")


def parts(call, answer):
    """What an answer tells, by the names of the cases."""
    if call == "get":
        if answer is None:
            return {"found": False, "value": None, "version": 0, "consistency": "linearizable"}
        consistency = answer.consistency.value
        return {"found": True, "value": answer.value, "version": answer.version, "consistency": consistency}
    told = dict(vars(answer))
    if "found" in told:
        told["value"] = told["found"].value if told["found"] else None
        told["found"] = told["found"] is not None
    return told


class SharedCases:
    """Of one client: what `tests_of` makes of it is a TestCase. Cases mostly wait, so many run at once, before the first test; each test tells
    what came of its own.
    """

    @classmethod
    def setUpClass(cls):
        fake = FakeServer()
        cls.addClassCleanup(fake.stop)
        cls.results = asyncio.run(cls.run_all(fake))

    @classmethod
    async def run_all(cls, fake):
        few = {on: asyncio.Semaphore(count) for on, count in AT_ONCE.items()}

        async def run(case):
            async with few[case["on"]]:
                await cls.run_case(case, fake)

        # Those with times to keep first: the others load this process, one of them with hundreds of threads.
        ends = {}
        for kinds in (["fake"], ["cluster", "killable"]):
            cases = [one for one in CASES if one["on"] in kinds and (one["on"] != "cluster" or ENDPOINTS)]
            ended = await asyncio.gather(*map(run, cases), return_exceptions=True)
            ends.update((one["name"], end) for one, end in zip(cases, ended))
        return ends

    @classmethod
    async def run_case(cls, case, fake):
        test, make, loop = unittest.TestCase(), cls.make, asyncio.get_running_loop()
        known(CASE, case, "case")
        options = known(CLIENT, case.get("client", {}), "client")
        arguments = {"timeout": options.get("timeout_ms", 10_000) / 1_000}
        if "direct" in options:
            arguments["direct"] = options["direct"]
        if make is Blocking and any("cancel_after_ms" in step for step in case["steps"]):
            return  # There is no way to cancel a call of a thread.
        prefix, kill_writer, begun = "", None, None
        async with contextlib.AsyncExitStack() as stack:
            if case["on"] == "cluster":
                endpoints, prefix = ENDPOINTS, f"python/{uuid.uuid4().hex}/"
            elif case["on"] == "killable":
                cluster = await loop.run_in_executor(None, LocalCluster)
                stack.push_async_callback(loop.run_in_executor, None, cluster.stop)
                endpoints, kill_writer = cluster.endpoints, cluster.kill_writer
            else:
                test.assertEqual(case["on"], "fake")
                begun = await loop.run_in_executor(None, fake.begin, case["name"])
                endpoints = begun["endpoints"]
                ids = {"ours": begun["cluster_id"], "other": begun["other_cluster_id"]}
                if "cluster_id" in options:
                    arguments["cluster_id"] = bytes.fromhex(ids[options["cluster_id"]])
            async with make(endpoints, **arguments) as client:
                await Runner(test, prefix, kill_writer, endpoints).run(client, case["steps"])
        if begun is not None:
            ended = await loop.run_in_executor(None, fake.end, begun["run"])
            test.assertEqual(ended["problems"], [], ended["calls"])


def test_of(case):
    def test(self):
        if case["name"] not in self.results:
            self.skipTest("ONAR_ENDPOINTS is not set")
        if self.results[case["name"]] is not None:
            raise self.results[case["name"]]

    test.__doc__ = case["name"]
    return test


with open(ROOT / "test/clients/cases.yaml", encoding="utf-8") as file:
    CASES = yaml.load(file, Loader)["cases"]


def tests_of(make):
    """A TestCase with a test for each case."""
    tests = {"make": make}
    for position, one in enumerate(CASES):
        words = "".join(c if c.isalnum() else " " for c in one["name"]).split()
        tests["_".join(["test", f"{position:02}", *words])] = test_of(one)
    return type("Cases", (SharedCases, unittest.TestCase), tests)
