"""The problem table: alignment models, levels and the truth, found by ``tests.twins`` (ball arithmetic), never by the package.

``test_accuracy`` recomputes the truths: a sample of them by default, all with ``-m slow``.  ``twin`` rebuilds the same law from
its numbers alone.  Two tables of exceptions: KNOWN_LIMITS (a problem that a method may refuse or answer less accurately, saying so)
and KNOWN_DISHONEST (an error reported smaller than it is), which has to stay empty.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import twins

import ldt

REFERENCE = Path(__file__).parent.parent / "data" / "reference"

KNOWN_LIMITS: dict[str, str] = {}
KNOWN_DISHONEST: dict[str, str] = {}


@dataclass(frozen=True)
class Problem:
    """One question with its answer: ``truth`` = log P(A >= level), or log p(level) where ``density``."""

    width: int
    dim: int
    level: float
    truth: str
    overlap: str = "concentrated"
    activation: str = "erf"
    target: dict[int, float] = field(default_factory=lambda: {3: 1.0})
    readout_variance: float = 1.0
    weight_variance: float = 1.0
    c: float = 1.0
    density: bool = False
    slow: bool = False  # of the twin, not of the package

    @property
    def id(self) -> str:
        """For pytest."""
        parts = [f"{self.width:.7g}", str(self.dim), f"{self.level:.5g}"]
        parts += ["full"] if self.overlap == "full" else []
        parts += [self.activation] if self.activation != "erf" else []
        parts += ["+".join(f"He{k}" for k in self.target)] if list(self.target) != [3] else []
        parts += ["variances"] if self.readout_variance != 1.0 else []
        parts += ["density"] if self.density else []
        return "-".join(parts)

    @property
    def tags(self) -> frozenset[str]:
        """tail | density; bulk (P > 1e-3), rare, deep (below exp(-5000)); small (N <= 3), huge (N >= 1e5); one (one erf He_k)."""
        out = {"density" if self.density else "tail"}
        out.add("bulk" if self.log > -7.0 else "deep" if self.log < -5000.0 else "rare")
        out |= {"small"} if self.width <= 3 else {"huge"} if self.width >= 100_000 else set()
        return frozenset(out | ({"one"} if self.activation == "erf" and len(self.target) == 1 else set()))

    @property
    def log(self) -> float:
        """The truth as the nearest double."""
        return float(self.truth)

    @property
    def model(self) -> ldt.AlignmentSum:
        """The package's model."""
        return ldt.AlignmentSum(
            self.width, self.dim, readout_variance=self.readout_variance, weight_variance=self.weight_variance,
            c=self.c, target=self.target, activation=self.activation, overlap=self.overlap,
        )  # fmt: skip

    def ask(self, method: str, **options: Any) -> ldt.TailResult:
        """The package's answer."""
        return (ldt.logpdf if self.density else ldt.tail)(self.model, self.level, method=method, **options)

    @property
    def twin(self) -> twins.Twin:
        """The same law for ``tests.twins``."""
        (first, *rest) = self.target
        if self.activation == "linear":
            overlap = twins.linear_raw(self.target[1])
        elif self.activation == "erf" and not rest:
            overlap = twins.erf_power(first)
        else:
            overlap = {"erf": twins.erf_raw, "relu": twins.relu_raw, "tanh": twins.tanh_raw}[self.activation](self.target)
        return twins.Twin(
            self.width, self.dim, overlap, self.c, self.overlap == "full", self.readout_variance, self.weight_variance,
            even=len({k % 2 for k in self.target}) == 1, one_coordinate=self.activation == "erf",
        )  # fmt: skip


def reference_rows() -> list[tuple[int, int, float, float, str]]:
    """(N, d, alpha, log P, overlap) of data/reference/two_layer_*.csv."""
    out = []
    for overlap in ("concentrated", "full"):
        lines = (REFERENCE / f"two_layer_{overlap}.csv").read_text().splitlines()
        for row in csv.DictReader(line for line in lines if not line.startswith("#")):
            out.append((int(row["N"]), int(row["d"]), float(row["alpha"]), -float(row["neg_log_p"]), overlap))
    return out


#: (N, d, level, truth, what differs from the talk's network)
_ROWS: list[tuple[int, int, float, str, dict[str, Any]]] = [
    (50, 50, 1e-12, "-0.6931471810758877253497", {"slow": True}),
    (50, 50, 0.001, "-1.328492273182382396518", {}),
    (50, 50, 0.02, "-15.40631302114649455019", {}),
    (50, 50, 0.05, "-30.23258341793570583384", {}),
    (50, 50, 0.1, "-51.251367513531752569", {}),
    (50, 50, 0.3, "-134.4075972969162962864", {}),
    (50, 50, 1.0, "-442.4092102388332340217", {}),
    (50, 50, 3.0, "-1327.073789060528991736", {}),
    (50, 50, 10.0, "-4456.381238490868823908", {}),
    (50, 50, 100.0, "-71743.58579508353634789", {}),
    (50, 50, 10000.0, "-403001884.5507429467722", {}),
    (50, 50, 0.02, "-14.11416926280639169056", {"overlap": "full", "slow": True}),
    (50, 50, 0.1, "-44.17298743739396527802", {"overlap": "full"}),
    (50, 50, 1.0, "-361.1894385062539756703", {"overlap": "full"}),
    (50, 50, 30.0, "-11459.89407767153848954", {"overlap": "full"}),
    (2, 5, 0.1, "-4.755275303552011708284", {}),
    (2, 5, 1.0, "-30.38865126952778639024", {}),
    (3, 50, 0.3, "-43.4702588218549885568", {}),
    (5, 5, 0.2, "-9.111669166694340649829", {}),
    (5, 5, 20.0, "-2222.865188880959409145", {}),
    (5, 5, 1000.0, "-4030027.598319709196354", {}),
    (20, 20, 0.1, "-19.7721905076184442973", {}),
    (20, 100, 1.0, "-407.4011099391141798086", {}),
    (20, 100, 0.2, "-96.70845305454461991775", {}),
    (12, 400, 1.0, "-656.7172898801563491158", {"slow": True}),
    (12, 400, 0.3, "-262.5478624533840687452", {"slow": True}),
    (6, 2, 25.0, "-3033.492843504953032815", {}),
    (6, 1, 1.0, "-21.52641925985617468303", {}),
    (100, 1, 1.0, "-40.86499792432927921692", {}),
    (100, 20, 1.0, "-371.0126022407595030199", {}),
    (100, 3, 0.1, "-4.119061707112179006451", {}),
    (1000, 1000, 1.0, "-8985.565378297011597389", {"slow": True}),
    (300, 30, 0.5, "-395.5142014591147563186", {}),
    (10000, 10, 1.0, "-1376.112540246464239004", {}),
    (10000, 10, 0.1, "-27.00385034591463689449", {}),
    (10**6, 12, 1.0, "-3618.631087752544742792", {}),
    (10**6, 100, 1.0, "-84992.71201943423962424", {}),
    (10**9, 10, 1.0, "-2455.196269512798958404", {}),
    (10**9, 100, 1.0, "-1009794.360900842395702", {}),
    (10**9, 3, 3.0, "-2110.117546886717247826", {}),
    (10**12, 10, 1.0, "-2455.237608734991272563", {}),
    (10**12, 1000, 1.0, "-260955771.5036853452322", {}),
    (10**12, 3, 10.0, "-23395.613304075069331", {}),
    (10**12, 10, 1e-06, "-0.6932030348368343026483", {"slow": True}),
    (10**6, 6, 0.01, "-1.073062198264378124487", {}),
    (200, 3000, 1.0, "-7026.779526476751136783", {"slow": True}),
    (5, 5, 1.0, "-33.75316916622482650116", {"overlap": "full", "slow": True}),
    (20, 100, 1.0, "-332.5529482191355540795", {"overlap": "full"}),
    (7, 2, 1.0, "-21.97772917056257715122", {"overlap": "full", "slow": True}),
    (3, 2, 4.0, "-106.4968931124369944136", {"overlap": "full"}),
    (10**9, 10, 1.0, "-1607.632027869137154096", {"overlap": "full"}),
    (10**12, 30, 1.0, "-30011.650832379408942", {"overlap": "full"}),
    (300, 30, 0.2, "-126.4728018673335217998", {"overlap": "full"}),
    (50, 50, 1.0, "-436.3124107214827482721", {"density": True}),
    (5, 5, 0.1, "-1.474894824340017550671", {"density": True}),
    (10**9, 10, 1.0, "-2446.69908026567874516", {"density": True}),
    (20, 100, 1.0, "-401.3912690386397264877", {"density": True}),
    (12, 400, 0.3, "-256.1509169866228620159", {"density": True, "slow": True}),
    (50, 50, 1.0, "-355.3089977176544607376", {"overlap": "full", "density": True}),
    (20, 100, 1.0, "-326.6897397292574470332", {"overlap": "full", "density": True}),
    (20, 20, 1.0, "-23.40336128906682346243", {"target": {1: 1.0}}),
    (20, 20, 1.0, "-22.13609824879395393244", {"overlap": "full", "target": {1: 1.0}}),
    (20, 20, 1.0, "-478.0873877901175533768", {"target": {5: 1.0}}),
    (50, 10, 0.3, "-3.291717268624945571778", {"target": {1: 1.0}}),
    (50, 10, 0.3, "-3.071704224948288427848", {"overlap": "full", "target": {1: 1.0}}),
    (50, 10, 0.3, "-153.5514018091861091504", {"target": {5: 1.0}}),
    (10**6, 100, 1.0, "-156.7232373184701793489", {"target": {1: 1.0}}),
    (10**6, 100, 1.0, "-154.4239588053393145995", {"overlap": "full", "target": {1: 1.0}}),
    (10**6, 100, 1.0, "-238227.2052856289259113", {"target": {5: 1.0}}),
    (20, 20, 1.0, "-55.73185906321825240842", {"activation": "relu", "target": {2: 1.0}, "slow": True}),
    (20, 20, 1.0, "-25.21267576124774360971", {"activation": "relu", "target": {1: 1.0}}),
    (20, 20, 1.0, "-84.88702876092504778169", {"activation": "tanh", "target": {3: 1.0}}),
    (20, 20, 1.0, "-10.20897617623955557656", {"activation": "linear", "target": {1: 1.0}}),
    (20, 20, 1.0, "-21.76807443864474245587", {"target": {1: 1.0, 3: 0.5}}),
    (20, 20, 1.0, "-22.84891412907036516059", {"activation": "relu", "target": {1: 1.0, 2: 0.5}}),
    (20, 20, 1.0, "-62.56694807416252932847", {"readout_variance": 2.5, "weight_variance": 0.4, "c": 2.256758334191025}),
    (20, 20, 1.0, "-156.2163906746620399159", {"overlap": "full", "readout_variance": 0.5, "weight_variance": 3.0}),
    (8, 50, 0.5, "-37.56899602311885822089", {"activation": "relu", "target": {2: 1.0}}),
    (8, 50, 0.5, "-15.14634345502590379249", {"activation": "relu", "target": {1: 1.0}}),
    (8, 50, 0.5, "-53.38539402942641782577", {"activation": "tanh", "target": {3: 1.0}}),
    (8, 50, 0.5, "-6.833295047460708789146", {"activation": "linear", "target": {1: 1.0}}),
    (8, 50, 0.5, "-12.12585381977672877875", {"target": {1: 1.0, 3: 0.5}}),
    (8, 50, 0.5, "-14.33336393581782121422", {"activation": "relu", "target": {1: 1.0, 2: 0.5}}),
    (8, 50, 0.5, "-45.71432006201584712292", {"readout_variance": 2.5, "weight_variance": 0.4, "c": 2.256758334191025}),
    (8, 50, 0.5, "-85.333311686741435568", {"overlap": "full", "readout_variance": 0.5, "weight_variance": 3.0}),
    (10**6, 30, 0.3, "-101.745837484437471963", {"activation": "relu", "target": {2: 1.0}}),
    (10**6, 30, 0.3, "-7.585990161663164531772", {"activation": "relu", "target": {1: 1.0}}),
    (10**6, 30, 0.3, "-892.6668887935270310068", {"activation": "tanh", "target": {3: 1.0}}),
    (10**6, 30, 0.3, "-2.99225611269231523559", {"activation": "linear", "target": {1: 1.0}}),
    (10**6, 30, 0.3, "-5.60149238759201868835", {"target": {1: 1.0, 3: 0.5}}),
    (10**6, 30, 0.3, "-7.506854942190540528461", {"activation": "relu", "target": {1: 1.0, 2: 0.5}}),
    (10**6, 30, 0.3, "-764.5952503036648815669", {"readout_variance": 2.5, "weight_variance": 0.4, "c": 2.256758334191025}),
    (10**6, 30, 0.3, "-2463.000299957474789967", {"overlap": "full", "readout_variance": 0.5, "weight_variance": 3.0}),
]

#: Questions on which a version of the package was once wrong, slow, or too sure of itself.
_BROKEN: list[tuple[int, int, float, str, dict[str, Any]]] = [
    # All six neurons specialised at theta g^2 ~ 415: a squared exp(355) overflows in the complex log M.
    (6, 2, 49.33489067977039, "-2620.004247967201061513", {"overlap": "full", "target": {1: 1.0}}),
    # Two paths whose trapezoid errors happen to be alike.
    (1, 2, 1.0314820447605069, "-35.29652368446239769181", {"overlap": "full", "target": {5: 1.0}}),
    (2, 8, 2.077670350399014, "-63.6938840920664624684", {"overlap": "full"}),
    (4, 4, 3.0, "-10.74723703150463200431", {"activation": "linear", "target": {1: 1.0}}),
    # The prior density of the coordinate v is good to 5e-14 only, and every neuron counts.
    (1, 7, 2.602379362167036, "-62.07117926800001542229", {"overlap": "full"}),
    (2, 141, 0.17201700050178684, "-5.716332147993770135511", {"overlap": "full", "target": {1: 1.0}}),
    (116, 2, 0.3735216553827511, "-9.248076601284602083763", {"overlap": "full"}),
    # Binomial coefficients of 82000 out of 1e12 as differences of log-gammas.
    (10**8, 1000, 0.01, "-26106.06181860259523953", {}),
]

PROBLEMS = [Problem(n, d, level, truth, **extra) for n, d, level, truth, extra in (*_ROWS, *_BROKEN)]
assert len({p.id for p in PROBLEMS}) == len(PROBLEMS)


def problems(*tags: str, but: str = "") -> list[Problem]:
    """The problems that have all the tags (and not ``but``)."""
    return [p for p in PROBLEMS if p.tags.issuperset(tags) and but not in p.tags]
