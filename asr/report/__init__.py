"""The report: one page to look at, made of what the other stages wrote."""
