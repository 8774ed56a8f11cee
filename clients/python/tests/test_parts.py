"""The parts without any input or output."""

import json
import unittest
from pathlib import Path

import grpc
from onar.kv.v1 import common_pb2, kv_pb2
from onar_client._course import FIRST_CONNECT_S, Deadline, Meet, Send, read
from onar_client._failure import LONGEST_MESSAGE, _printable
from onar_client._knowledge import BUSY_S, FRESH_S, FRESH_WHEN_BUSY_S, Knowledge, partition_of
from onar_client._turns import WRITES_PER_KEY, Turns

VECTORS = Path(__file__).resolve().parents[3] / "docs/vectors/placement.json"


class Text(unittest.TestCase):
    def test_text_of_servers_is_one_line_that_steers_no_terminal(self):
        for text, wanted in (
            ("all is well", "all is well"),
            ("  a\r\n\tb ", "a b"),
            ("\x1b[2Jgone\x07", "\\x1b[2Jgone\\x07"),
            ("c1 \x9b31m", "c1 \\x9b31m"),
            ("\u202egpj.exe\u2066", "\\u202egpj.exe\\u2066"),
            ("line\u2028of\u2029mine", "line\\u2028of\\u2029mine"),
            ("b\u00e4h \U0001f600", "b\u00e4h \U0001f600"),
            ("", ""),
        ):
            with self.subTest(text):
                self.assertEqual(_printable(text), wanted)
        self.assertLessEqual(len(_printable("\x1b" * 5_000)), LONGEST_MESSAGE)


class Placement(unittest.TestCase):
    def test_partitions_are_those_of_the_vectors(self):
        vectors = json.loads(VECTORS.read_text(encoding="utf-8"))["vectors"]
        self.assertTrue(vectors)
        for vector in vectors:
            for count, partition in vector["partition"].items():
                with self.subTest(vector["note"], count=count):
                    self.assertEqual(partition_of(bytes.fromhex(vector["key"]), int(count)), partition)


class After(unittest.TestCase):
    def test_after_is_the_highest_revision_seen_and_is_asked_for_again_when_old(self):
        knowledge = Knowledge(["a:1"], None)

        def observe(revision, asked):
            knowledge.observe(common_pb2.Revision(partition=7, revision=revision), asked)

        def expect(now, revision, fresh):
            wanted = common_pb2.Revision(partition=7, revision=revision)
            self.assertEqual(knowledge.after(7, now), (wanted, fresh))

        self.assertEqual(knowledge.after(7, 0.0), (None, False))
        observe(5, 0.0)
        expect(FRESH_S / 2, 5, True)
        expect(FRESH_S, 5, False)
        # A node that lags says nothing new.
        observe(4, FRESH_S)
        expect(FRESH_S, 5, False)
        observe(5, FRESH_S)
        expect(FRESH_S, 5, True)
        observe(9, FRESH_S)
        # When requests are expired, there is much traffic, for a while.
        knowledge.expired(7, FRESH_S)
        expect(FRESH_S, 9, True)
        expect(FRESH_S + FRESH_WHEN_BUSY_S * 1.5, 9, False)
        later = FRESH_S + BUSY_S
        observe(9, later)
        expect(later + FRESH_WHEN_BUSY_S * 1.5, 9, True)


class RanOut(grpc.RpcError):
    def code(self):
        return grpc.StatusCode.DEADLINE_EXCEEDED

    def details(self):
        return "Deadline Exceeded"

    def trailing_metadata(self):
        return ()


class Endpoints(unittest.TestCase):
    def test_a_silent_one_is_asked_on_while_the_next_one_is(self):
        knowledge = Knowledge(["silent:1", "silent:2", "last:3"], None)
        course = read(knowledge, Deadline.within(60.0), kv_pb2.GetRequest(key=b"k"))
        asked = []
        step = next(course)
        while len(asked) < 3:
            if isinstance(step, Send):
                asked.append((step.endpoint, step.timeout))
                step = course.send(RanOut())
            else:
                # Asked on before the next one is asked.
                self.assertEqual(step, Meet(asked[-1][0]))
                step = course.send(None)
        # The last one gets more time: there is no other to ask meanwhile.
        self.assertEqual([timeout for _, timeout in asked[:2]], [FIRST_CONNECT_S, FIRST_CONNECT_S])
        self.assertGreater(asked[2][1], FIRST_CONNECT_S)
        self.assertEqual(sorted(endpoint for endpoint, _ in asked), [0, 1, 2])
        course.close()


class TurnsOfWrites(unittest.TestCase):
    def test_turns_are_bounded_per_key_and_given_in_order(self):
        turns, given = Turns(), []
        first, second, third = (lambda n=n: given.append(n) for n in (1, 2, 3))
        for _ in range(WRITES_PER_KEY):
            self.assertTrue(turns.take(b"k", first))
        self.assertTrue(turns.take(b"other", first))
        for ready in (first, second, third):
            self.assertFalse(turns.take(b"k", ready))
        turns.give_up(b"k", first)
        turns.pass_on(b"k")
        self.assertEqual(given, [2])
        # One at a time after a request was expired.
        turns.expired(b"k")
        for _ in range(WRITES_PER_KEY - 1):
            turns.pass_on(b"k")
        self.assertEqual(given, [2])
        turns.pass_on(b"k")
        self.assertEqual(given, [2, 3])
        # Given up at the moment in which it was given.
        turns.give_up(b"k", third)
        turns.pass_on(b"other")
        self.assertEqual(len(turns), 0)


if __name__ == "__main__":
    unittest.main()
