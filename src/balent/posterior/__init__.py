"""Posteriors over predictions: Monte-Carlo samples and their moments."""
