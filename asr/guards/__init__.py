"""Guards: what tuning may break, measured on the base and on the tuned model alike."""
