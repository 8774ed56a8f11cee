"""The key-value service with text keys and values."""
