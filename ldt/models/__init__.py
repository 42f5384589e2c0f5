"""The law of the alignment A: one family a file."""
