"""Version 1: the key-value service with text keys and values."""
