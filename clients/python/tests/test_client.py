"""What the two clients do besides the shared cases: options, arguments, closing, cancelling, turns."""

import asyncio
import os
import pickle
import signal
import socket
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import onar_client
import onar_client.aio
from onar.kv.v1 import common_pb2, kv_pb2
from onar_client import NotDoneError, Reason, UnknownOutcomeError
from server import CLUSTER_ID, Server

WAIT_S = 30


def closed_endpoint():
    """Where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{taken.getsockname()[1]}"


class WithServer(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.server.stop)

    def client(self, **arguments):
        client = onar_client.Client([self.server.endpoint], **arguments)
        self.addCleanup(client.close)
        return client


class OptionsAndArguments(unittest.TestCase):
    def test_wrong_options_are_named(self):
        for arguments, named in [
            ({"endpoints": []}, "endpoints: at least one"),
            ({"endpoints": ["localhost"]}, r"endpoints\[0\]: 'localhost'"),
            ({"endpoints": ["a:1", "b:70000"]}, r"endpoints\[1\]: 'b:70000'"),
            ({"endpoints": "a:1, a:1"}, r"endpoints\[1\]: 'a:1' is given twice"),
            ({"endpoints": ["a:1"], "cluster_id": b"short"}, "cluster_id must be 16 bytes"),
            ({"endpoints": ["a:1"], "timeout": float("nan")}, "timeout must be a finite number"),
            ({"endpoints": ["a:1"], "timeout": -1}, "timeout must be a finite number of seconds, 0 or more, is -1"),
        ]:
            for make in (onar_client.Client, onar_client.aio.Client):
                with self.subTest(named), self.assertRaisesRegex(ValueError, named):
                    make(**arguments)

    def test_wrong_arguments_are_named_before_anything_is_sent(self):
        with onar_client.Client([closed_endpoint()], timeout=WAIT_S) as client:
            for error, named, call in [
                (TypeError, "key must be str or bytes, not int", lambda: client.get(7)),
                (ValueError, "key must be text that UTF-8", lambda: client.get("\ud800")),
                (TypeError, "consistency must be a Consistency, not str", lambda: client.get("k", consistency="local")),
                (TypeError, "version must be an int, not str", lambda: client.delete("k", onar_client.if_version("1"))),
                (TypeError, "timeout must be a number of seconds, not str", lambda: client.get("k", timeout="5")),
                (TypeError, "value must be str or bytes, not int", lambda: client.put("k", 7)),
                (TypeError, "delta must be an int, not str", lambda: client.add("k", "1")),
                (ValueError, "delta must be from", lambda: client.add("k", 2**63)),
                (ValueError, "version must be from 0", lambda: client.delete("k", onar_client.if_version(-1))),
                (TypeError, "condition must be if_version", lambda: client.compare_and_set("k", None, "v")),
                (ValueError, "timeout must be a finite", lambda: client.get("k", timeout=float("inf"))),
                (ValueError, "timeout must be a finite", lambda: client.get("k", timeout=float("nan"))),
                (ValueError, "seconds, 0 or more, is -0.5", lambda: client.put("k", "v", timeout=-0.5)),
            ]:
                with self.subTest(named), self.assertRaisesRegex(error, named):
                    call()

    def test_an_error_says_why_no_endpoint_answers_and_can_be_pickled(self):
        endpoint = closed_endpoint()
        with onar_client.Client([endpoint], timeout=0.5) as client, self.assertRaises(NotDoneError) as caught:
            client.get("k")
        self.assertEqual(caught.exception.reason, Reason.UNREACHABLE)
        self.assertIn(endpoint, str(caught.exception))
        self.assertEqual(str(pickle.loads(pickle.dumps(caught.exception))), str(caught.exception))


class Threads(WithServer):
    def test_the_first_write_of_a_partition_asks_for_a_revision_first(self):
        client = self.client()
        client.put("k", "x")
        client.put("k", b"y")
        asked = self.server.requests[0]
        # On a slow machine, the second write may ask again.
        first, second = (one for one in self.server.requests if isinstance(one, kv_pb2.PutRequest))
        self.assertEqual(asked.consistency, common_pb2.CONSISTENCY_LOCAL)
        self.assertEqual([first.after.revision, second.after.revision], [100, 101])
        self.assertEqual([len(first.request_id), len(second.request_id)], [16, 16])
        self.assertNotEqual(first.request_id, second.request_id)
        self.assertEqual(client.cluster_id, CLUSTER_ID)

    def test_a_result_is_true_if_something_was_done(self):
        self.assertFalse(onar_client.CompareAndSetResult(False, 3, None))
        self.assertTrue(onar_client.DeleteResult(True, 3, None))

    def test_calls_of_many_threads_count_each_once(self):
        client = self.client(timeout=WAIT_S)
        with ThreadPoolExecutor(20) as threads:
            list(threads.map(lambda _: client.add("n", 1), range(300)))
        self.assertEqual(client.get("n").text(), "300")
        self.assertEqual(len(client._knowledge.turns), 0)

    def test_a_closed_client_sends_nothing(self):
        client = self.client()
        client.get("k")
        client.close()
        client.close()
        for call in (lambda: client.get("k"), lambda: client.put("k", "x")):
            with self.assertRaises(NotDoneError) as caught:
                call()
            self.assertEqual((caught.exception.reason, caught.exception.attempts), (Reason.CLOSED, 0))
        self.assertEqual(len(self.server.requests), 1)

    def test_closing_ends_writes_that_wait_and_those_in_line_are_not_done(self):
        client = self.client(timeout=WAIT_S)
        self.server.go_on.clear()
        with ThreadPoolExecutor(12) as threads:
            calls = [threads.submit(client.put, "k", "x") for _ in range(12)]
            for _ in range(8):
                self.assertTrue(self.server.came.acquire(timeout=WAIT_S))
            client.close()
            errors = [call.exception(WAIT_S) for call in calls]
        self.assertEqual({error.reason for error in errors}, {Reason.CLOSED})
        self.assertEqual(sum(isinstance(error, UnknownOutcomeError) for error in errors), 8)
        self.assertEqual(sum(isinstance(error, NotDoneError) for error in errors), 4)

    def test_an_interrupted_call_gives_its_turn_back(self):
        client = self.client(timeout=WAIT_S)
        self.server.go_on.clear()

        def interrupt():
            self.server.came.acquire(timeout=WAIT_S)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        with self.assertRaises(KeyboardInterrupt):
            client.put("k", "x")
        self.assertEqual(len(client._knowledge.turns), 0)
        self.server.go_on.set()
        self.assertGreater(client.put("k", "y").version, 0)

    def test_nothing_is_left_after_close(self):
        self.client().get("k")
        # The server's own threads may come and go.
        before = set(threading.enumerate())
        for _ in range(3):
            with onar_client.Client([closed_endpoint(), self.server.endpoint], timeout=WAIT_S) as client:
                client.put("k", "x")

        def left():
            return [one.name for one in set(threading.enumerate()) - before if "ThreadPoolExecutor" not in one.name]

        give_up = time.monotonic() + WAIT_S
        while left() and time.monotonic() < give_up:
            time.sleep(0.01)
        self.assertEqual(left(), [])


class Asyncio(WithServer):
    def test_calls_of_many_tasks_count_each_once(self):
        async def count():
            async with onar_client.aio.Client([self.server.endpoint], timeout=WAIT_S) as client:
                await asyncio.gather(*[client.add("n", 1) for _ in range(300)])
                return await client.get("n"), len(client._knowledge.turns)

        entry, turns = asyncio.run(count())
        self.assertEqual((entry.value, turns), (b"300", 0))

    def test_a_cancelled_call_raises_as_usual_and_gives_its_turn_back(self):
        async def cancel():
            loop = asyncio.get_running_loop()
            async with onar_client.aio.Client([self.server.endpoint], timeout=WAIT_S) as client:
                self.server.go_on.clear()
                calls = [asyncio.ensure_future(client.put("k", "x")) for _ in range(12)]
                for _ in range(8):
                    await loop.run_in_executor(None, self.server.came.acquire)
                for call in calls:
                    call.cancel()
                ended = await asyncio.gather(*calls, return_exceptions=True)
                return ended, len(client._knowledge.turns)

        ended, turns = asyncio.run(cancel())
        self.assertEqual({type(one) for one in ended}, {asyncio.CancelledError})
        self.assertEqual(turns, 0)

    def test_closing_ends_a_write_that_waits_as_unknown(self):
        async def close():
            loop = asyncio.get_running_loop()
            client = onar_client.aio.Client([self.server.endpoint], timeout=WAIT_S)
            self.server.go_on.clear()
            call = asyncio.ensure_future(client.put("k", "x"))
            await loop.run_in_executor(None, self.server.came.acquire)
            await client.close()
            with self.assertRaises(UnknownOutcomeError) as caught:
                await call
            with self.assertRaises(NotDoneError) as later:
                await client.get("k")
            return caught.exception.reason, later.exception.reason

        self.assertEqual(asyncio.run(close()), (Reason.CLOSED, Reason.CLOSED))


if __name__ == "__main__":
    unittest.main()
