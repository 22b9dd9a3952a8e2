"""Stein variational gradient descent on an action line: where its particles come to rest.

    density ∝ exp(u(x)),   u = β Q(x) + log p(x)                                     report (58)
    φ(y) = (1/n) Σ_i [κ(x_i, y) u'(x_i) + ∂κ(x_i, y)/∂x_i],   κ(x, y) = exp(−(x − y)²/σ²)
    dx_j/dt = φ(x_j);   at rest   φ(x_j) = 0 for all j                               report (64)

The report's (64) multiplies ∇Q by log p where the score u' = ∇(βQ + log p) belongs, and its kernel
lacks the square, without which ∇κ does not exist at coincident particles. φ is a direction of
ascent: the loss falls along it.

The table of u on a grid is made a function by its cubic spline, on [first, last action]; a particle
that is pushed out of it rests at its end. One particle feels u' alone, so it rests exactly at the
stationary points of the density, in the long run at a mode, whatever the kernel. n particles are a
few numbers that satisfy n equations, and not a sample of the density: two particles at N(0,1) rest
at ±½σ√log(1 + 4/σ²), of variance below 1 for every σ. At rest Σ_i (Σ_j κ(x_i, x_j)) u'(x_i) = 0.

Shapes: actions, log_density [m]; positions [n]. Units: action; u is a pure number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline

from tabular_marl.solution import Array, NotConverged
from tabular_marl.validation import InputError, finite_array, read_only

#: Points of the finer grid on which the density is integrated, between two actions.
FINER = 50
MAX_STEPS = 10_000


@dataclass(frozen=True, eq=False)
class ActionLine:
    """The density ∝ exp(u) on [first, last action]: increasing ``actions`` and u there.

    Raises InputError. Source: report (58), (64).

    >>> line = ActionLine(np.linspace(-6, 6, 121), -np.linspace(-6, 6, 121) ** 2 / 2)
    >>> round(abs(line.mean), 6), round(line.variance, 6)
    (0.0, 1.0)
    """

    actions: Array
    log_density: Array

    def __post_init__(self) -> None:
        actions = finite_array("actions", self.actions, (None,))
        if len(actions) < 4 or not (np.diff(actions) > 0).all():
            raise InputError("actions", "be at least 4 increasing numbers", f"it was {actions}")
        density = finite_array("log_density", self.log_density, actions.shape)
        object.__setattr__(self, "actions", read_only(actions))
        object.__setattr__(self, "log_density", read_only(density))

    @cached_property
    def spline(self) -> CubicSpline:
        """u as a twice differentiable function."""
        return CubicSpline(self.actions, self.log_density)

    def score(self, x: Array, derivative: int = 0) -> Array:
        """u'(x), or u''(x)."""
        return np.asarray(self.spline(x, 1 + derivative))

    @cached_property
    def _shares(self) -> tuple[Array, Array]:
        """A fine grid and the probability of each of its points."""
        steps = np.linspace(0, 1, FINER, endpoint=False)
        fine = (self.actions[:-1, None] + np.diff(self.actions)[:, None] * steps).ravel()
        fine = np.append(fine, self.actions[-1])
        u = self.spline(fine)
        weights = np.exp(u - u.max())
        widths = np.gradient(fine)
        widths[[0, -1]] /= 2
        return fine, weights * widths / (weights * widths).sum()

    @property
    def mean(self) -> float:
        """E[a] under the density."""
        fine, shares = self._shares
        return float(shares @ fine)

    @property
    def variance(self) -> float:
        """Var[a] under the density."""
        fine, shares = self._shares
        return float(shares @ (fine - self.mean) ** 2)

    def distance(self, positions: ArrayLike) -> float:
        """The Wasserstein-1 distance of particles from the density, ∫ |F_n − F|."""
        fine, shares = self._shares
        at = np.sort(finite_array("positions", positions, (None,)))
        empirical = np.searchsorted(at, fine, side="right") / len(at)
        gap = np.abs(empirical - (np.cumsum(shares) - shares / 2))
        return float(np.trapezoid(gap, fine))


@dataclass(frozen=True)
class Particles:
    """Particles at rest: ``residual`` is max |φ(x_j)| over those inside the line, and ``stable``
    says whether the flow returns to them after a small push."""

    positions: Array
    residual: float
    stable: bool


def stein_direction(
    line: ActionLine, positions: ArrayLike, bandwidth: float, at: ArrayLike | None = None
) -> Array:
    """φ of report (64), as corrected, at the particles or at the actions ``at``.

    ``bandwidth`` is σ. Raises InputError. Source: report (64).

    >>> line = ActionLine(np.linspace(-4, 4, 9), -np.linspace(-4, 4, 9) ** 2 / 2)
    >>> rest = np.log(5.0) ** 0.5 / 2
    >>> bool(np.abs(stein_direction(line, [-rest, rest], bandwidth=1.0)).max() < 1e-12)
    True
    """
    x = _inside(line, positions)
    y = x if at is None else finite_array("at", at, (None,))
    return _field(line, x, y, _bandwidth(bandwidth))


def resting_particle(line: ActionLine) -> tuple[Particles, ...]:
    """Every place where one particle rests: the stationary points of u, and ends it is pushed to.

    The stable ones are the modes. Raises InputError. Source: report (64).

    >>> line = ActionLine(np.arange(5.0), [0.0, 1.0, 0.0, 2.0, 0.0])
    >>> [(round(float(p.positions[0]), 3), p.stable) for p in resting_particle(line)]
    [(0.621, True), (1.879, False), (3.302, True)]
    """
    ends = line.actions[[0, -1]]
    inner = line.spline.derivative().roots(extrapolate=False)
    found = []
    for x in sorted({*inner[np.isfinite(inner)].tolist(), *ends.tolist()}):
        at = np.array([x])
        slope, pushed = float(line.score(at)[0]), 0.0
        if x in ends:
            pushed = slope if x == ends[1] else -slope
            if pushed < 0:
                continue
        residual = 0.0 if x in ends else abs(slope)
        stable = pushed > 0 or float(line.score(at, 1)[0]) < 0
        found.append(Particles(read_only(at), residual, stable))
    return tuple(found)


def stein_particles(
    line: ActionLine,
    particles: int,
    bandwidth: float,
    start: ArrayLike | None = None,
    tol: float = 1e-10,
) -> Particles:
    """Where ``particles`` come to rest from ``start`` (evenly spread by default).

    Follows the flow by linearly implicit steps that grow into Newton's, until |φ| ≤ ``tol``. No
    theorem says that a limit exists or which it is. Raises InputError, NotConverged.
    Source: report (64).

    >>> line = ActionLine(np.linspace(-4, 4, 81), -np.linspace(-4, 4, 81) ** 2 / 2)
    >>> found = stein_particles(line, 2, bandwidth=1.0)
    >>> found.positions.round(4), found.stable
    (array([-0.6343,  0.6343]), True)
    """
    sigma = _bandwidth(bandwidth)
    if start is None:
        if not isinstance(particles, int) or particles < 1:
            raise InputError("particles", "be an integer of at least 1", f"it was {particles!r}")
        low, high = line.actions[[0, -1]]
        start = low + (high - low) * (np.arange(particles) + 0.5) / particles
    x = _inside(line, start)
    if len(x) != particles:
        raise InputError("start", f"hold {particles} particles", f"it held {len(x)}")
    low, high = line.actions[[0, -1]]
    step = 1.0
    for _ in range(MAX_STEPS):
        field = _field(line, x, x, sigma)
        free = ~((x <= low) & (field < 0) | (x >= high) & (field > 0))
        size = float(np.abs(field[free]).max(initial=0.0))
        jacobian = _jacobian(line, x, sigma)[np.ix_(free, free)]
        if size <= tol:
            stable = bool((np.linalg.eigvals(jacobian).real < 0).all())
            return Particles(read_only(x), size, stable)
        moved = x.copy()
        system = np.eye(int(free.sum())) / step - jacobian
        moved[free] = np.clip(x[free] + np.linalg.solve(system, field[free]), low, high)
        if np.abs(moved - x).max() > sigma / 2:  # stay with the flow
            step /= 4
            continue
        now = _field(line, moved, moved, sigma)[free]
        step *= float(np.clip(size / max(np.abs(now).max(initial=0.0), 1e-300), 0.5, 2.0))
        x = moved
    raise NotConverged(
        f"The particles did not come to rest in {MAX_STEPS} steps; they still move at {size:.3g}.",
        Particles(read_only(x), size, False),
    )


def _field(line: ActionLine, x: Array, y: Array, sigma: float) -> Array:
    """φ(y) with particles x."""
    apart = x[:, None] - y
    kernel = np.exp(-((apart / sigma) ** 2))
    return np.asarray((kernel * (line.score(x)[:, None] - 2 * apart / sigma**2)).mean(axis=0))


def _jacobian(line: ActionLine, x: Array, sigma: float) -> Array:
    """∂φ(x_j)/∂x_k, [j, k]."""
    apart = x[:, None] - x  # x_k − x_j at [k, j]
    kernel = np.exp(-((apart / sigma) ** 2))
    pull = line.score(x)[:, None] - 2 * apart / sigma**2
    own = 2 * apart / sigma**2 * pull
    others = kernel * (2 / sigma**2 + own)  # through y = x_j
    through = kernel * (line.score(x, 1)[:, None] - 2 / sigma**2 - own)  # through x_k
    return np.asarray((through.T + np.diag(others.sum(axis=0))) / len(x))


def _inside(line: ActionLine, positions: ArrayLike) -> Array:
    x = finite_array("positions", positions, (None,))
    if len(x) == 0 or x.min() < line.actions[0] or x.max() > line.actions[-1]:
        raise InputError("positions", "lie on the line of actions", f"they were {x}")
    return x


def _bandwidth(bandwidth: float) -> float:
    if not (isinstance(bandwidth, (int, float)) and 0 < bandwidth < np.inf):
        raise InputError("bandwidth", "be a positive number", f"it was {bandwidth!r}")
    return float(bandwidth)
