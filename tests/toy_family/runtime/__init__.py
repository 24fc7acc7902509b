"""None: the network decodes as it trains."""
