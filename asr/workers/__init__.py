"""Work shared out to other processes or to a Ray cluster; never training."""
