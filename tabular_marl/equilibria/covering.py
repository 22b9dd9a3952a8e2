"""Boxes of log-odds that hold every root of g(·, λ), and how many there are. Equation: logistic.py.

λ may be a wide ball: the statements are then about every λ in it. Report (17)-(19). Imports flint.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flint import arb

from tabular_marl.equilibria.logistic import Equation


@dataclass(frozen=True)
class Cluster:
    """Touching boxes of y, in order, that may hold roots; what is said of it is shown by box."""

    boxes: tuple[arb, ...]

    @property
    def ends(self) -> tuple[arb, arb]:
        return self.boxes[0].lower(), self.boxes[-1].upper()

    def sign(self, function: Callable[[arb, arb], arb], lam: arb) -> int:
        """1 or −1 where the function has that sign everywhere on the cluster, else 0."""
        values = [function(box, lam) for box in self.boxes]
        if all(v > 0 for v in values):
            return 1
        return -1 if all(v < 0 for v in values) else 0

    def about_its_extremum(self, equation: Equation, lam: arb) -> tuple[Cluster, Cluster, Cluster]:
        """Its boxes before, from the first to the last, and after those where g may stand still."""
        flat = [k for k, box in enumerate(self.boxes) if equation.slope(box, lam).contains(0)]
        first, last = (flat[0], flat[-1] + 1) if flat else (0, 0)
        parts = self.boxes[:first], self.boxes[first:last], self.boxes[last:]
        before, core, after = (Cluster(part) for part in parts)
        return before, core, after


def split(equation: Equation, lam: arb) -> tuple[list[Cluster], int]:
    """Clusters that hold every root for λ in the ball ``lam``; boxes looked at.

    At their ends and between them g is proved not to vanish.
    """
    reach = equation.reach(lam)
    todo = [arb(0, reach)]
    keep: list[arb] = []
    # over an interval of λ's a fold cannot be split away, and y need not be finer than λ
    width = float(lam.rad() / (lam.mid() + 1))
    least = (min(0.02, max(1e-5, 0.1 * width)) if width else 1e-13) * (1.0 + float(reach))
    looked = 0
    while todo:
        box = todo.pop()  # from left to right
        looked += 1
        if not equation.value(box, lam).contains(0):
            continue
        if not equation.slope(box, lam).contains(0) or float(box.rad()) < least:
            keep.append(box)
            continue
        middle = box.mid()
        todo += [hull_of(middle, box.upper()), hull_of(box.lower(), middle)]
    clusters: list[Cluster] = []
    for box in keep:
        if clusters and clusters[-1].boxes[-1].overlaps(box):
            clusters[-1] = Cluster((*clusters[-1].boxes, box))
        else:
            clusters.append(Cluster((box,)))
    return clusters, looked


def count_roots(equation: Equation, cluster: Cluster, lam: arb) -> int | None:
    """Roots of g(·, λ) in the cluster, the same for every λ in the ball; None: not proved."""
    if not cluster.sign(equation.slope, lam):
        return None
    left, right = (equation.value(end, lam) for end in cluster.ends)
    if left.contains(0) or right.contains(0):
        return None
    return 1 if (left > 0) != (right > 0) else 0


def hull_of(low: Any, high: Any) -> arb:
    """The ball from ``low`` to ``high``."""
    ball: arb = arb(low).union(arb(high))
    return ball
