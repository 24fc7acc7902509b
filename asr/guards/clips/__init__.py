"""The clips of the guards: made by the stage ``guard_set``, or drawn by it."""
