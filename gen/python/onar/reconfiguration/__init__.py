"""Who is in the cluster and which nodes serve which keys."""
