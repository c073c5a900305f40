"""How results came to be: recorded by every run, restored with pulled files, shown and verified."""
