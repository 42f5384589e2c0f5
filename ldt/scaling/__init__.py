"""Grids, sweeps and exponent fits."""
