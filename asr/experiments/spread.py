"""How scores spread over seeds of training, and which differences a number of seeds can show.

Two configurations of k seeds each differ with 95 % confidence if their means differ by more than
Fisher's least significant difference, ``t(0.975, 2k - 2) * sd * sqrt(2 / k)`` (Montgomery, "Design
and Analysis of Experiments", 3.5.7). A true difference of that size is found in half of the tries.
To find it in 80 %, it must be larger by ``t(0.8, 2k - 2) * sd * sqrt(2 / k)``. Bouthillier et al.
(2021, "Accounting for Variance in Machine Learning Benchmarks") show why one seed is not enough.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

CONFIDENCE = 0.95
POWER = 0.8

# WER and CER by test group, by seed.
Scores = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclass(frozen=True)
class Spread:
    """Error rates of one configuration over seeds.

    Attributes:
        num_seeds: at least 2.
        mean: of the rates.
        deviation: standard deviation, of a sample.
        low: the lowest rate.
        high: the highest rate.
        significant: the smallest difference of two means that is significant.
        detectable: the smallest true difference that is significant in ``POWER`` of the tries.
    """

    num_seeds: int
    mean: float
    deviation: float
    low: float
    high: float
    significant: float
    detectable: float


def spread(rates: Sequence[float]) -> Spread:
    """The spread of the rates of at least two seeds."""
    num, deviation = len(rates), stdev(rates)
    error = deviation * math.sqrt(2 / num)  # standard error of a difference of two means
    significant = t_quantile((1 + CONFIDENCE) / 2, 2 * num - 2) * error
    return Spread(
        num_seeds=num,
        mean=fmean(rates),
        deviation=deviation,
        low=min(rates),
        high=max(rates),
        significant=significant,
        detectable=significant + t_quantile(POWER, 2 * num - 2) * error,
    )


def t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t distribution.

    Args:
        probability: at least 0.5.
        degrees: of freedom; an even number, as those of two equally large samples.
    """
    low, high = 0.0, 1e6
    while high - low > 1e-9 * (1 + low):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_below(middle, degrees) < probability else (low, middle)
    return low


def _t_below(t: float, degrees: int) -> float:
    """Probability of a value below ``t``: Abramowitz and Stegun, 26.7.4, for even degrees."""
    angle = math.atan(t / math.sqrt(degrees))
    term = total = 1.0
    for n in range(1, degrees // 2):
        term *= math.cos(angle) ** 2 * (2 * n - 1) / (2 * n)
        total += term
    return (1 + math.sin(angle) * total) / 2


HEADER = ("test set", "seeds", "WER, mean", "standard deviation", "lowest to highest",
          "significant from", "found in 4 of 5 tries from")  # fmt: skip


def spread_rows(scores: Scores) -> list[tuple[str, ...]]:
    """One row for all utterances and one a corpus."""
    rows = []
    groups = {name: None for by_group in scores.values() for name in by_group}
    for name in groups:
        if name == "overall" or name.startswith("corpus "):
            one = spread([by_group[name]["wer"] for by_group in scores.values()])
            rates = (one.mean, one.deviation, one.significant, one.detectable)
            mean, deviation, significant, detectable = (f"{rate:.3f}" for rate in rates)
            extremes = f"{one.low:.3f} to {one.high:.3f}"
            row = (name, str(one.num_seeds), mean, deviation, extremes, significant, detectable)
            rows.append(row)
    return sorted(rows, key=lambda row: (row[0] != "overall", row[0]))


def spread_table(scores: Scores) -> str:
    """The table in Markdown, for docs/training.md and the terminal."""
    rows = [HEADER, tuple("---" for _ in HEADER), *spread_rows(scores)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def spread_sentence(scores: Scores) -> str:
    """What README says of it."""
    one = spread([by_group["overall"]["wer"] for by_group in scores.values()])
    return (
        f"the WER of {one.num_seeds} seeds is {one.mean:.3f} ± {one.deviation:.3f} (standard "
        f"deviation), {one.low:.3f} to {one.high:.3f}; two recipes with so many seeds each differ "
        f"significantly from {one.significant:.3f} on"
    )
