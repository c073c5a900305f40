"""Self-supervised features: SimCLR, the linear probe, extraction."""
