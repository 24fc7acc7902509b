"""Which recordings are good enough to learn from, and how they become shards: stage prepare."""
