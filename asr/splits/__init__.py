"""Train, dev and test without a leak: stage split."""
