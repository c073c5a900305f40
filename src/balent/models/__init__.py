"""Bayesian neural networks and their training."""
