"""A name that changes its address: the client finds the node where it is now.

The name is in a hosts file of the test's own, which only a process in a mount namespace of its own sees. That needs Linux and root.
"""

import os
import subprocess
import sys
import tempfile
import time
import unittest

NAME = "moves.onar.test"
#: gRPC by itself asks again after 30 seconds.
SOON_S = 15


class Names(unittest.TestCase):
    def test_a_node_that_moved_is_found_soon(self):
        with tempfile.NamedTemporaryFile("w", suffix="-hosts") as hosts:
            command = f"mount --bind {hosts.name} /etc/hosts"
            if subprocess.run(["unshare", "-m", "sh", "-c", command], check=False, capture_output=True).returncode != 0:
                self.skipTest("this machine does not let us make a mount namespace")
            ran = subprocess.run(
                ["unshare", "-m", "sh", "-c", f'{command} && exec "$@"', "sh", sys.executable, __file__, hosts.name],
                check=False,
                capture_output=True,
                text=True,
                timeout=120,
            )
        self.assertEqual(ran.returncode, 0, ran.stderr)
        self.assertLess(float(ran.stdout), SOON_S)


def moved(hosts):
    """How long a client takes to find a node that has moved, in seconds."""
    import onar_client
    from server import Server

    def name_is_at(address):
        with open(hosts, "w", encoding="utf-8") as file:
            file.write(f"{address} {NAME}\n")

    name_is_at("127.0.0.2")
    first = Server("127.0.0.2:0")
    port = first.endpoint.rpartition(":")[2]
    with onar_client.Client([f"{NAME}:{port}"], timeout=90, direct=False) as client:
        client.put("k", "v")
        first.stop()
        name_is_at("127.0.0.3")
        second = Server(f"127.0.0.3:{port}")
        began = time.monotonic()
        client.put("k", "w")
        took = time.monotonic() - began
        second.stop()
    return took


if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(__file__))
    print(moved(sys.argv[1]))
