"""What the tests start: the fake server and clusters that may lose a node. Each ends with its test, or with this process."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections import deque
from pathlib import Path

import grpc
from onar.reconfiguration.v1 import reconfiguration_pb2, reconfiguration_pb2_grpc

ROOT = Path(__file__).resolve().parents[3]
READY_S = 60
END_S = 20
LOCATE_S = 30
LINES_KEPT = 40


class Process:
    """A program with its lines; it is told to end by the end of its standard input and SIGTERM."""

    def __init__(self, *command):
        self.said = deque(maxlen=LINES_KEPT)
        self._child = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._late = threading.Timer(READY_S, self._child.kill)
        self._late.start()

    def lines(self):
        """Those until the reader has what it wants; it is killed when they do not come in time."""
        for line in self._child.stdout:
            self.said.append(line.rstrip())
            yield self.said[-1]
        raise AssertionError(f"it ended: {list(self.said)}")

    def is_ready(self):
        """What is said from now on is read, so that it does not wait for that, and kept for people."""
        self._late.cancel()
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self):
        with contextlib.suppress(ValueError, OSError):
            for line in self._child.stdout:
                self.said.append(line.rstrip())

    def stop(self):
        self._late.cancel()
        self._child.stdin.close()
        self._child.terminate()
        try:
            self._child.wait(END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._child.stdout.close()


class FakeServer:
    """test/clients/fake-server.ts."""

    def __init__(self):
        self._process = Process("node", "--import", "tsx", "test/clients/fake-server.ts")
        for line in self._process.lines():
            if line.startswith("{"):
                self._control = json.loads(line)["control"]
                break
        self._process.is_ready()

    def begin(self, name):
        return self._post("/begin?case=" + urllib.parse.quote(name))

    def end(self, run):
        return self._post("/end?run=" + urllib.parse.quote(run))

    def stop(self):
        self._process.stop()

    def _post(self, path):
        # Not through a proxy of the environment.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(urllib.request.Request(self._control + path, method="POST"), timeout=READY_S) as response:
            return json.load(response)


class LocalCluster:
    """`onar cluster` with three nodes of its own."""

    def __init__(self):
        base = free_base()
        command = ["dist/bin/onar.cjs", "cluster", "--nodes", "3", "--base-port", str(base), "--memory"]
        self._process = Process("node", *command)
        self._pids = {}
        for line in self._process.lines():
            words = line.split()
            if words[:1] == ["node"] and words[2:3] == ["pid"] and words[4:5] == ["client"]:
                self._pids[words[5]] = int(words[3])
            if line.startswith("ready"):
                break
        self._process.is_ready()
        if len(self._pids) != 3:
            raise AssertionError(f"not three nodes in {list(self._process.said)}")

    @property
    def endpoints(self):
        return list(self._pids)

    def kill_writer(self, key):
        """Kills the process of the node that is writer of the key."""
        give_up = time.monotonic() + LOCATE_S
        with grpc.insecure_channel(self.endpoints[0]) as channel:
            stub = reconfiguration_pb2_grpc.ReconfigurationServiceStub(channel)
            while time.monotonic() < give_up:
                located = stub.Locate(reconfiguration_pb2.LocateRequest(key=key), timeout=LOCATE_S)
                for replica in located.replicas:
                    if replica.id == located.writer_node_id:
                        return os.kill(self._pids[replica.client_address], signal.SIGKILL)
                time.sleep(0.05)
        raise AssertionError(f"no writer of {key!r} is known")

    def stop(self):
        self._process.stop()


def free_base():
    """A base port for `onar cluster` whose ports nobody listens at just now, below those that the system gives to outgoing connections."""
    for _ in range(1_000):
        base = random.randrange(12_000, 30_000)
        with contextlib.ExitStack() as stack:
            try:
                for port in (base, base + 1, base + 2, base + 100, base + 101, base + 102):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
            return base
    raise AssertionError("no free ports")
