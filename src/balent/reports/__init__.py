"""Tables, figures and the index that are read from histories."""
