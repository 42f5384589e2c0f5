"""Quadrature, contours, special functions, compiled loops, random streams; knows nothing of large deviations."""
