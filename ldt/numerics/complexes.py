"""expm1 and log1p of complex arrays, accurate relative to the modulus of the result near 0 (NumPy's own log1p is not)."""

from __future__ import annotations

from typing import Any

import numpy as np


def expm1(z: Any) -> Any:
    """e^z - 1 of a complex array, a few ulp of its modulus.

    >>> bool(abs(expm1(np.array([1e-20j]))[0] - 1e-20j) < 1e-35)
    True
    """
    x, y = z.real, z.imag
    half = np.sin(0.5 * y)
    out = np.empty_like(z)
    out.real = np.expm1(x) * np.cos(y) - 2.0 * half * half
    out.imag = np.exp(x) * np.sin(y)
    return out


def log1p(z: Any) -> Any:
    """log(1 + z) of a complex array, principal branch, a few ulp of its modulus.

    >>> bool(abs(log1p(np.array([1e-20 + 0j]))[0] - 1e-20) < 1e-35)
    True
    """
    x, y = z.real, z.imag
    out = np.empty_like(z)
    near = (np.abs(x) < 0.5) & (np.abs(y) < 0.5)
    u, v = np.where(near, x, 0.0), np.where(near, y, 0.0)
    out.real = np.where(near, 0.5 * np.log1p(u * (2.0 + u) + v * v), np.log(np.where(near, 1.0, np.maximum(np.hypot(1.0 + x, y), 1e-300))))
    out.imag = np.arctan2(y, 1.0 + x)
    return out
