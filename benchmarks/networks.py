"""Splitting against umbrella sampling with MBAR, and the exact answer where there is one, on every shipped network.

    python benchmarks/networks.py [LIGHT]        LIGHT divides replicates' chains, for a quick look

Prints the table and, without LIGHT, writes it to docs/networks.md.  z is (estimate - exact)/error, and for the difference of the two
methods (splitting - umbrella)/(both errors in quadrature).
"""

from __future__ import annotations

import math
import re
import sys
import time
from pathlib import Path

import ldt
from ldt.models.files import read_model

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "networks.md"
LEVELS = {
    "linear_cnn_network": 1.0, "cnn_network": 1.0, "two_layer_network": 1.0, "parity_network": 1.0, "three_layer_network": 0.1,
    "attention_network": 0.1,
}  # fmt: skip
HEADER = ("| network | level | exact | splitting | z | status | CPU s | umbrella | z | status | CPU s | z of the difference |\n"
          "|---|--:|--:|--:|--:|---|--:|--:|--:|---|--:|--:|\n")  # fmt: skip


def line(name: str, level: float, light: int) -> str:
    """A row of the table."""
    model = read_model(ROOT / "data" / "models" / f"{name}.toml")
    exact = ldt.logsf(model.sum, level) if hasattr(model, "sum") else None
    cells, found = [], []
    for seed, (method, particles) in enumerate((("splitting", 400), ("umbrella", 100)), start=1):
        start = time.process_time()
        r = ldt.tail(model, level, method=method, rng=seed, workers=2, replicates=6, particles=particles // light)
        found.append(r)
        z = f"{(r.logp - exact) / r.error:+.2f}" if exact is not None else ""
        cells.append(f"{-r.logp:.3f} ± {r.error:.3f} | {z} | {r.status} | {time.process_time() - start:.0f}")
        if r.advice:
            print(f"{name}, {method}: {r.advice}", file=sys.stderr)
    a, b = found
    known = "" if exact is None else f"{-exact:.4f}"
    apart = (a.logp - b.logp) / math.hypot(a.error, b.error)
    return f"| `{name}.toml` | {level:g} | {known} | {cells[0]} | {cells[1]} | {apart:+.2f} |\n"


def main(light: int) -> None:
    """Print, and write, the table."""
    print(HEADER, end="", flush=True)
    lines = []
    for name, level in LEVELS.items():
        lines.append(line(name, level, light))
        print(lines[-1], end="", flush=True)
    if light == 1:
        table = HEADER + "".join(lines)
        pattern = r"(<!-- table: networks -->\n).*?(<!-- end -->)"
        text, count = re.subn(pattern, lambda m: m[1] + table + m[2], DOCUMENT.read_text(), flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"{DOCUMENT}: needs one table marked '<!-- table: networks -->'")
        DOCUMENT.write_text(text)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
