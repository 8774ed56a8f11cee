"""The programs of docs/clients-python.md, as they stand there but for the endpoints, which are those of this cluster."""

import os
import re
import subprocess
import sys
import unittest

from processes import ROOT

ENDPOINTS = [e.strip() for e in os.environ.get("ONAR_ENDPOINTS", "").split(",") if e.strip()]
TIMEOUT_S = 60
#: What each of them prints.
OUTPUTS = [
    r"hello\nNone\n",
    r"Entry\(value=b'\d*00', .*\)\n",
    r"(somebody was first\n)?the key holds no number\n",
]


@unittest.skipUnless(ENDPOINTS, "ONAR_ENDPOINTS is not set")
class Document(unittest.TestCase):
    maxDiff = None

    def test_programs_run(self):
        text = (ROOT / "docs/clients-python.md").read_text(encoding="utf-8")
        programs = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        self.assertEqual(len(programs), len(OUTPUTS))
        for program, output in zip(programs, OUTPUTS):
            for n, endpoint in enumerate(ENDPOINTS):
                program = program.replace(f"127.0.0.1:460{n}", endpoint)
            ran = subprocess.run(
                [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=TIMEOUT_S
            )
            self.assertEqual((ran.returncode, ran.stderr), (0, ""), program)
            self.assertRegex(ran.stdout, f"^{output}$")


if __name__ == "__main__":
    unittest.main()
