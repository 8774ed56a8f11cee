"""Version 1: backups."""
