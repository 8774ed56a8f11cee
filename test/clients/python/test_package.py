"""The package that is built from the checkout: whole, and nothing is left behind."""

import subprocess
import sys
import tempfile
import unittest
import zipfile
from importlib.util import find_spec
from pathlib import Path

from processes import ROOT

CLIENT = ROOT / "clients/python"
TIMEOUT_S = 300
BUILD = "import sys, build_backend; build_backend.build_wheel(sys.argv[1])"


def files():
    return {path for folder in (CLIENT, ROOT / "gen/python") for path in folder.rglob("*")}


@unittest.skipUnless(find_spec("setuptools"), "setuptools is not installed")
class Package(unittest.TestCase):
    def test_a_wheel_has_the_client_and_the_generated_code_and_runs_by_itself(self):
        before = files()
        with tempfile.TemporaryDirectory() as folder:
            built = subprocess.run(
                [sys.executable, "-c", BUILD, folder], cwd=CLIENT, capture_output=True, text=True, timeout=TIMEOUT_S
            )
            self.assertEqual(built.returncode, 0, built.stderr)
            (wheel,) = Path(folder).glob("onar_client-*.whl")
            names = zipfile.ZipFile(wheel).namelist()
            self.assertIn("onar_client/py.typed", names)
            self.assertIn("onar/kv/v1/kv_pb2.py", names)
            program = "import onar_client, onar_client.aio, onar_client.recipes; print(onar_client.__file__)"
            ran = subprocess.run(
                [sys.executable, "-c", program],
                cwd=folder,
                env={"PYTHONPATH": str(wheel)},
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
            )
            self.assertEqual(ran.returncode, 0, ran.stderr)
            self.assertIn(str(wheel), ran.stdout)
        self.assertEqual(files(), before)


if __name__ == "__main__":
    unittest.main()
