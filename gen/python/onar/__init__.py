"""Onar: messages and gRPC stubs, generated from its proto files."""
