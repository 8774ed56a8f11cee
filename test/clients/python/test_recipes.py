"""The recipes against a real cluster."""

import os
import threading
import time
import unittest
import uuid
from concurrent.futures import ThreadPoolExecutor

from onar_client import Client
from onar_client.recipes import Counter, Flags, Queue, RateLimiter, acquire, lead, store_fenced

ENDPOINTS = [e.strip() for e in os.environ.get("ONAR_ENDPOINTS", "").split(",") if e.strip()]
#: Long enough for a machine that is busy.
LEASE_S = 2.0


@unittest.skipUnless(ENDPOINTS, "ONAR_ENDPOINTS is not set")
class Recipes(unittest.TestCase):
    def setUp(self):
        self.client = Client(ENDPOINTS, timeout=30)
        self.addCleanup(self.client.close)
        self.name = f"recipes/{uuid.uuid4()}"

    def at_once(self, count, call):
        with ThreadPoolExecutor(count) as threads:
            return [done.result() for done in [threads.submit(call) for _ in range(count)]]

    def test_a_counter_counts(self):
        counter = Counter(self.client, self.name)
        self.assertEqual(counter.count(), 0)
        self.assertEqual(len(set(self.at_once(8, counter.add))), 8)
        self.assertEqual(counter.add(-5), 3)

    def test_a_lock_has_one_holder_and_growing_tokens(self):
        first = acquire(self.client, self.name, LEASE_S)
        # It watches for the lease, in which the lock is renewed.
        self.assertIsNone(acquire(self.client, self.name, LEASE_S))
        self.assertFalse(first.lost.is_set())
        self.assertTrue(first.release())
        second = acquire(self.client, self.name, LEASE_S)
        self.assertGreater(second.token, first.token)
        protected = f"{self.name}/protected"
        self.assertTrue(store_fenced(self.client, protected, second.token, "by the second"))
        self.assertFalse(store_fenced(self.client, protected, first.token, "too late"))
        self.client.put(self.name, "another 1000")
        self.assertTrue(second.lost.wait(60))
        self.assertFalse(second.release())

    def test_a_lock_that_nobody_renews_goes_to_the_one_that_watched(self):
        left = self.client.put(self.name, "somebody 300")
        lock = acquire(self.client, self.name, LEASE_S)
        self.assertGreater(lock.token, left.version)
        self.assertTrue(lock.release())

    def test_one_leads_at_a_time(self):
        stop, leading, tokens = threading.Event(), threading.Lock(), []

        def work(token, lost):
            self.assertTrue(leading.acquire(blocking=False))
            tokens.append(token)
            if len(tokens) == 3:
                stop.set()
            time.sleep(0.05)
            leading.release()

        self.at_once(2, lambda: lead(self.client, self.name, LEASE_S, work, stop))
        self.assertEqual(tokens, sorted(tokens))
        self.assertGreaterEqual(len(tokens), 3)

    def test_each_job_goes_to_one_worker_and_one_that_is_left_behind_to_another(self):
        adders = [Queue(self.client, self.name) for _ in range(2)]
        numbers = [queue.add(name) for queue in adders for name in "abc"]
        self.assertEqual(sorted(numbers), [1, 2, 3, 4, 5, 6])
        workers = [Queue(self.client, self.name) for _ in range(2)]
        left, finished = workers[0].claim(60), workers[1].claim(60)
        self.assertNotEqual(left.number, finished.number)
        self.assertTrue(workers[1].finish(finished))
        patient, done = Queue(self.client, self.name), []
        while len(done) < 5:
            job = patient.claim(0)
            if job is not None and patient.finish(job):
                done.append(job.number)
        self.assertIn(left.number, done)
        self.assertFalse(workers[0].finish(left))
        self.assertIsNone(patient.claim(0))

    def test_a_rate_limiter_lets_as_many_pass_as_it_says(self):
        # A window that does not end before the test does.
        limiter = RateLimiter(self.client, self.name, 3, 1e9)
        self.assertEqual(sum(self.at_once(5, limiter.may_pass)), 3)

    def test_flags_are_read_anew_by_themselves(self):
        flags = Flags(self.client, [self.name, "other"], 0.02)
        self.addCleanup(flags.close)
        self.assertFalse(flags.is_on(self.name))
        flags.set(self.name, True)
        give_up = time.monotonic() + 60
        while not flags.is_on(self.name) and time.monotonic() < give_up:
            time.sleep(0.01)
        self.assertTrue(flags.is_on(self.name))


if __name__ == "__main__":
    unittest.main()
