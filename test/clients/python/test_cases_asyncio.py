"""The shared cases, with the client for asyncio."""

import unittest

import onar_client.aio
from cases import tests_of

Cases = tests_of(onar_client.aio.Client)

if __name__ == "__main__":
    unittest.main()
