"""Find and delete all traces of withdrawn recordings, and write a proof of it."""
