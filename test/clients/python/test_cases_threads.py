"""The shared cases, with the client for threads."""

import unittest

from cases import Blocking, tests_of

Cases = tests_of(Blocking)

if __name__ == "__main__":
    unittest.main()
