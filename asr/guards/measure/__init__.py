"""The figures of each guard, and all of one model."""
