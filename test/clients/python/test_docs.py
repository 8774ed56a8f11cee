"""The programs of docs/clients-python.md and docs/stubs.md, as they stand there but for the endpoints, which are those of this cluster."""

import os
import re
import subprocess
import sys
import unittest

from processes import ROOT

ENDPOINTS = [e.strip() for e in os.environ.get("ONAR_ENDPOINTS", "").split(",") if e.strip()]
TIMEOUT_S = 60
#: What each of them prints, by document.
OUTPUTS = {
    "clients-python.md": [
        r"hello\nNone\n",
        r"Entry\(value=b'\d*00', .*\)\n",
        r"(somebody was first\n)?the key holds no number\n",
    ],
    "stubs.md": [r"it is 42\nnot executed: NOT_A_NUMBER\nnot executed: KEY_EMPTY says key\n"],
}


@unittest.skipUnless(ENDPOINTS, "ONAR_ENDPOINTS is not set")
class Document(unittest.TestCase):
    maxDiff = None

    def check(self, program, endpoints, output):
        for n, endpoint in enumerate(endpoints):
            program = program.replace(f"127.0.0.1:460{n}", endpoint)
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=TIMEOUT_S
        )
        self.assertEqual((ran.returncode, ran.stderr), (0, ""), program)
        self.assertRegex(ran.stdout, f"^{output}$")

    def check_all(self, document, endpoints):
        text = (ROOT / "docs" / document).read_text(encoding="utf-8")
        programs = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
        self.assertEqual(len(programs), len(OUTPUTS[document]))
        for program, output in zip(programs, OUTPUTS[document]):
            self.check(program, endpoints, output)

    def test_programs_of_the_client_run(self):
        self.check_all("clients-python.md", ENDPOINTS)

    def test_programs_on_the_stubs_run(self):
        self.check_all("stubs.md", ENDPOINTS)

    def test_programs_on_the_stubs_run_with_nobody_at_the_first_endpoint(self):
        self.check_all("stubs.md", ["127.0.0.1:1", *ENDPOINTS[1:]])


if __name__ == "__main__":
    unittest.main()
