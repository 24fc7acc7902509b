"""Model families: one folder each, found by name; `protocols.py` has what each must offer."""
