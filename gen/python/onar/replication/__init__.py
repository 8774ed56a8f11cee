"""What nodes say to each other; not for clients."""
