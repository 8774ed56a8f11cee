"""Backups: what onar backup and onar restore call."""
