"""A line through points that bears outliers, with its error. Pure, plain Python: no process shall load numpy for it.

Theil and Sen's median of slopes begins it, Tukey's biweight finishes it. The error comes from leaving out one stretch of time
after the other (a jackknife by blocks), since what is measured in neighbouring minutes is not independent.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, median

Sums = tuple[float, float, float, float, float]  # of weights w, w·x, w·y, w·x², w·x·y
PAIRED = 160  # points of which all pairs are taken for the first guess
BLOCKS = 20
ROUNDS = 25
REACH = 4.685  # Tukey's: beyond so many spreads a point does not count
SURE = 0.95


@dataclass(frozen=True)
class Line:
    """y = base + slope · x. `v…`: variances and covariance of both; `t`: how many errors the range is wide, to either side.

    `spread`: of single points about the line (robust, one standard deviation); `r2`: share of the variation that the line
    explains, and `counted`: the share of points that it stands on.
    """

    base: float
    slope: float
    v_base: float = 0.0
    v_both: float = 0.0
    v_slope: float = 0.0
    t: float = 0.0
    spread: float = 0.0
    r2: float = 1.0
    counted: float = 1.0

    def at(self, x: float) -> float:
        return self.base + self.slope * x

    def error(self, x: float) -> float:
        """Half of the range in which the line lies at x, 19 times out of 20."""
        return self.t * math.sqrt(max(0.0, self.v_base + 2 * x * self.v_both + x * x * self.v_slope))

    @property
    def slope_error(self) -> float:
        return self.t * math.sqrt(self.v_slope)

    @property
    def base_error(self) -> float:
        return self.t * math.sqrt(self.v_base)

    @property
    def rises(self) -> bool:
        """Whether it surely does."""
        return self.slope > self.slope_error

    @property
    def falls(self) -> bool:
        return -self.slope > self.slope_error


def line(xs: Sequence[float], ys: Sequence[float], *, flat: bool = False) -> Line | None:
    """The line through the points, in the order in which they were measured; None where x never varies, or there are too few.

    `flat`: with no slope, whatever x is.
    """
    if len(xs) < 5 or (not flat and max(xs) <= min(xs)):
        return None
    slope = 0.0 if flat else _first_slope(xs, ys)
    base = median(y - slope * x for x, y in zip(xs, ys, strict=True))
    rests = [y - base - slope * x for x, y in zip(xs, ys, strict=True)]
    scale = max(*map(abs, ys), 1e-300)
    # Half of all points on the line and more: then a median says nothing of the others.
    spread = 1.4826 * median(map(abs, rests)) or 1.2533 * sum(map(abs, rests)) / len(rests)
    if spread <= 1e-12 * scale:
        return Line(base, slope, t=_t(max(1, len(xs) - 2)))
    weights = [1.0] * len(xs)
    for _round in range(ROUNDS):
        weights = [_weight(rest, spread) for rest in rests]
        found = _solve(_sums(xs, ys, weights), flat)
        if found is None:
            break
        moved = abs(found[0] - base) + abs(found[1] - slope) * max(map(abs, xs))
        base, slope = found
        rests = [y - base - slope * x for x, y in zip(xs, ys, strict=True)]
        if moved < 1e-9 * scale:
            break
    total = sum(weights)
    mean = sum(w * y for w, y in zip(weights, ys, strict=True)) / total
    around = sum(w * (y - mean) ** 2 for w, y in zip(weights, ys, strict=True))
    left = sum(w * rest * rest for w, rest in zip(weights, rests, strict=True))
    v_base, v_both, v_slope, blocks = _jackknife(xs, ys, weights, flat, (base, slope))
    return Line(
        base=base,
        slope=slope,
        v_base=v_base,
        v_both=v_both,
        v_slope=v_slope,
        t=_t(max(1, blocks - (1 if flat else 2))),
        spread=spread,
        r2=max(0.0, 1 - left / around) if around > 0 else 0.0,
        counted=sum(1 for w in weights if w > 0.05) / len(weights),
    )


def _first_slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """The median of the slopes between all pairs of some of the points, evenly over x."""
    points = sorted(zip(xs, ys, strict=True))
    if len(points) > PAIRED:
        step = (len(points) - 1) / (PAIRED - 1)
        points = [points[round(n * step)] for n in range(PAIRED)]
    least = (points[-1][0] - points[0][0]) * 1e-3
    slopes = [
        (y2 - y1) / (x2 - x1) for n, (x1, y1) in enumerate(points) for x2, y2 in points[n + 1 :] if x2 - x1 > least
    ]
    return median(slopes)


def _weight(rest: float, spread: float) -> float:
    far = rest / (REACH * spread)
    return (1 - far * far) ** 2 if -1 < far < 1 else 0.0


def _sums(xs: Sequence[float], ys: Sequence[float], weights: Sequence[float]) -> Sums:
    w_ = wx = wy = wxx = wxy = 0.0
    for x, y, w in zip(xs, ys, weights, strict=True):
        w_ += w
        wx += w * x
        wy += w * y
        wxx += w * x * x
        wxy += w * x * y
    return w_, wx, wy, wxx, wxy


def _solve(sums: Sums, flat: bool) -> tuple[float, float] | None:
    """Weighted least squares: base and slope."""
    w, wx, wy, wxx, wxy = sums
    if w <= 0:
        return None
    if flat:
        return wy / w, 0.0
    wide = w * wxx - wx * wx
    if wide <= 1e-12 * w * wxx:
        return None
    slope = (w * wxy - wx * wy) / wide
    return (wy - slope * wx) / w, slope


def _jackknife(
    xs: Sequence[float], ys: Sequence[float], weights: Sequence[float], flat: bool, whole: tuple[float, float]
) -> tuple[float, float, float, int]:
    """Variances of base, both and slope, and of how many blocks they come."""
    count = max(3, min(BLOCKS, len(xs) // 4))
    edges = [round(n * len(xs) / count) for n in range(count + 1)]
    parts = [_sums(xs[a:b], ys[a:b], weights[a:b]) for a, b in itertools.pairwise(edges)]
    total = [sum(column) for column in zip(*parts, strict=True)]
    without = []
    for part in parts:
        less = tuple(t - p for t, p in zip(total, part, strict=True))
        found = _solve((less[0], less[1], less[2], less[3], less[4]), flat)
        if found is not None:
            without.append((found[0] - whole[0], found[1] - whole[1]))
    if len(without) < 2:
        return math.inf, 0.0, math.inf, 2
    k = len(without)
    by_base, by_slope = (sum(one[n] for one in without) / k for n in (0, 1))
    factor = (k - 1) / k
    return (
        factor * sum((b - by_base) ** 2 for b, _s in without),
        factor * sum((b - by_base) * (s - by_slope) for b, s in without),
        factor * sum((s - by_slope) ** 2 for _b, s in without),
        k,
    )


def _t(freedom: int) -> float:
    """Student's quantile, by Cornish and Fisher."""
    z = NormalDist().inv_cdf((1 + SURE) / 2)
    one = (z**3 + z) / 4
    two = (5 * z**5 + 16 * z**3 + 3 * z) / 96
    three = (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384
    return z + one / freedom + two / freedom**2 + three / freedom**3
