"""Counts with the Python client until its standard input ends: see test/e2e/counting.test.ts."""

import json
import sys
import threading

from onar_client import Client, OnarError

PATIENCE_S = 60


def main(endpoints, own_keys, shared):
    keys = own_keys.split(",")
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    report = {"own": [0 for _ in keys], "shared": 0, "problems": []}

    def add(key, delta):
        try:
            return client.add(key, delta).number
        except OnarError as error:
            report["problems"].append(f"add {delta} to {key}: {error}")
            return None

    def count_own(i):
        delta, own = 0, report["own"]
        while not over.is_set():
            delta += 1
            number = add(keys[i], delta)
            own[i] += delta
            if number != own[i]:
                report["problems"].append(f"{keys[i]} is {number}, and {own[i]} was added")
                return

    def count_shared():
        while not over.is_set():
            add(shared, 1)
            report["shared"] += 1

    with Client(endpoints.split(","), direct=False, timeout=PATIENCE_S) as client:
        lanes = [threading.Thread(target=count_own, args=(i,)) for i in range(len(keys))]
        lanes.append(threading.Thread(target=count_shared))
        for lane in lanes:
            lane.start()
        for lane in lanes:
            lane.join()
    print(json.dumps(report))


main(*sys.argv[1:])
