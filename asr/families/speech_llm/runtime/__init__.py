"""None: the model decodes in torch, as it trains."""
