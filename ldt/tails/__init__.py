"""How a tail is found: one algorithm a file."""
