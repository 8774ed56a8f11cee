"""Version 1: who is in the cluster and which nodes serve which keys."""
