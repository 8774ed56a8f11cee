"""Version 1: the key-value service."""
