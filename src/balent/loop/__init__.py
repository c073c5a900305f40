"""The active-learning loop: rounds, chains, journal, histories."""
