"""Parallel work in other processes or on a Ray cluster; training does not use this."""
