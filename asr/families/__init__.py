"""Model families: one folder each, found by name; `protocols.py` has the interface of each."""
