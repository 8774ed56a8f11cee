"""Version 1: what nodes say to each other; not for clients."""
