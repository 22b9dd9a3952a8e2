"""The product-form saddle of opposite temperatures, enclosed in balls.          report (17)-(19)

    T V(s) = max_π min_ρ E[ Q ] − KL(π‖p)/β^i − KL(ρ‖p')/β^-i,     Q = r + γ P V,     β^i > 0 > β^-i

The stage problem is strictly concave in π and convex in ρ, so its saddle is unique; T is monotone
and shifts by γ c when V shifts by c, so it is a γ-contraction and V* is unique too. For *any* pair

    F_{β^-i}[p'](Σ_a π_a Q) − KL(π‖p)/β^i  ≤  T V(s)  ≤  F_{β^i}[p](Σ_b ρ_b Q) − KL(ρ‖p')/β^-i

which encloses T V from the two policies alone; then ‖V − V*‖∞ ≤ ‖T V − V‖∞ / (1 − κ) with κ = γ max
row sum. A player with β = 0 plays its prior. With both signs swapped, negate the reward.
Strong convexity encloses the policies too: ½ ‖π − π*‖₁² ≤ β^i · (gap at V*), likewise for ρ.

Shapes: V [S], π [s, a], ρ [s, b]. Imports flint: import lazily.
"""

from __future__ import annotations

import math
import time
from decimal import Decimal
from typing import Any

import numpy as np
from flint import arb, ctx
from numpy.typing import NDArray

from tabular_marl.numerics.balls import CertificateError, outward
from tabular_marl.solution import Enclosure
from tabular_marl.validation import read_only

Array = NDArray[np.float64]
Balls = Any
_ball = np.frompyfunc(arb, 1, 1)


def enclose(
    reward: Array,
    transition: Array,
    discount: float,
    betas: tuple[float, float],
    priors: tuple[Array, Array],
    policies: tuple[Array, Array],
    value: Array,
    bits: int = 128,
) -> Enclosure:
    """Prove V* of the saddle within ‖T V − V‖/(1 − κ) of ``value``.

    ``reward`` [S, A, B], ``transition`` [S, A, B, S] (not read where discount = 0), β^i ≥ 0 ≥
    β^-i, ``priors`` and ``policies`` ([s, a], [s, b]). Raises CertificateError where κ < 1 cannot
    be shown.
    """
    started = time.perf_counter()
    with ctx.workprec(bits):
        states = len(reward)
        gamma = arb(discount)
        v: Balls = _ball(value)
        worst, factor = arb(0), arb(0)
        for s in range(states):
            q: Balls = _ball(reward[s])
            if discount > 0:
                rows: Balls = _ball(transition[s])
                q = q + gamma * (rows @ v)
                for total in rows.sum(axis=-1).ravel():
                    factor = factor.max(gamma * total)
            low, high = _stage(
                q, betas, (priors[0][s], priors[1][s]), (policies[0][s], policies[1][s])
            )
            for gap in (high - v[s], low - v[s]):
                worst = worst.max(gap.abs_upper())
        factor = factor.upper()
        if not factor < 1 or not worst.is_finite():
            raise CertificateError(f"no contraction or no residual: κ = {factor.str(8)}")
        radius = (worst / (1 - factor)).upper()
        lower = [outward((b - radius).lower(), -math.inf) for b in v]
        upper = [outward((b + radius).upper(), math.inf) for b in v]
        decimals = [(b + arb(0, radius)).mid_rad_10exp(math.ceil(bits * math.log10(2))) for b in v]
    return Enclosure(
        lower=read_only(np.array(lower)),
        upper=read_only(np.array(upper)),
        midpoint=tuple(str(Decimal(f"{mid}E{ten}")) for mid, _, ten in decimals),
        radius=tuple(str(Decimal(f"{rad}E{ten}")) for _, rad, ten in decimals),
        method="saddle: T V between each policy's best answers, then Banach",
        bits=bits,
        seconds=time.perf_counter() - started,
    )


def _stage(
    q: Balls,
    betas: tuple[float, float],
    priors: tuple[Array, Array],
    policies: tuple[Array, Array],
) -> tuple[arb, arb]:
    """Both bounds of T V(s) from Q(s, ·, ·)."""
    bounds = []
    for own, other in ((1, 0), (0, 1)):  # the other's policy is held, this player answers
        prior = _normalised(priors[other])
        held = prior if betas[other] == 0 else _normalised(policies[other])
        facing = (held[:, None] * q).sum(axis=0) if other == 0 else (q * held[None, :]).sum(axis=1)
        value = _free_energy(facing, betas[own], _normalised(priors[own]))
        if betas[other] != 0:
            value -= _divergence(held, prior) / arb(betas[other])
        bounds.append(value)
    return bounds[0], bounds[1]


def _normalised(weights: Array) -> Balls:
    exact: Balls = _ball(weights)
    return exact / exact.sum()


def _free_energy(x: Balls, beta: float, prior: Balls) -> arb:
    if beta == 0:
        mean: arb = (prior * x).sum()
        return mean
    support = [k for k in range(len(x)) if prior[k] > 0]
    top = max((float(x[k].mid()) * beta, k) for k in support)[1]
    total = sum((prior[k] * (arb(beta) * (x[k] - x[top])).exp() for k in support), arb(0))
    value: arb = x[top] + total.log() / arb(beta)
    return value


def _divergence(policy: Balls, prior: Balls) -> arb:
    """KL(policy ‖ prior); ``policy`` must not leave the prior's support."""
    total = arb(0)
    for p, q in zip(policy, prior, strict=True):
        if p > 0:
            if not q > 0:
                raise CertificateError("a policy plays an action outside its prior's support")
            total += p * (p / q).log()
    return total
