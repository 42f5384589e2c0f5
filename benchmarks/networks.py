"""Splitting against umbrella sampling with MBAR, and the exact answer where there is one, on every shipped network.

    python benchmarks/networks.py [LIGHT]        LIGHT divides replicates' chains, for a quick look
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import ldt
from ldt.models.files import read_model

LEVELS = {
    "two_layer_network": 1.0, "linear_cnn_network": 1.0, "cnn_network": 1.0, "three_layer_network": 0.1, "attention_network": 0.1,
}  # fmt: skip


def main(light: int) -> None:
    folder = Path(__file__).parents[1] / "data" / "models"
    print("network               level  method     -log P     error   exact     z(exact)  status   seconds")
    for name, level in LEVELS.items():
        model = read_model(folder / f"{name}.toml")
        exact = ldt.logsf(model.sum, level) if hasattr(model, "sum") else None
        found = []
        for method, options in (("splitting", {"particles": 400 // light}), ("umbrella", {"particles": 100 // light})):
            start = time.perf_counter()
            r = ldt.tail(model, level, method=method, rng=1, workers=2, replicates=6, **options)
            found.append(r)
            known = f"{-exact:9.4f} {(r.logp - exact) / r.error:8.2f}" if exact is not None else " " * 18
            took = time.perf_counter() - start
            line = f"{name:21} {level:5g}  {method:9} {-r.logp:9.4f} {r.error:8.4f} {known}"
            print(f"{line}   {r.status:8} {took:6.1f}  {r.advice}", flush=True)
        a, b = found
        print(f"{'':21}        difference {a.logp - b.logp:.4f}, z = {(a.logp - b.logp) / math.hypot(a.error, b.error):.2f}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
