"""An encoder with its CTC head in torch: loaded, fed, decoded, saved."""
