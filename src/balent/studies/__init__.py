"""Studies of acquisition functions that need no active-learning loop: data for figures."""
