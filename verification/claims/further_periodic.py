"""What (19) defines: k-periodic laws of the joint chain. FURTHER (19).

    (1/k) Σ_{ℓ=1}^k μ(·|ℓ+1) = (1/k) Σ_{ℓ=1}^k μ(·|ℓ) P                       as printed
    μ(·|ℓ+1) = μ(·|ℓ) P for each ℓ,   μ(·|k+1) = μ(·|1)                       as meant

Printed, the sum over ℓ lets everything through whose mean is stationary, and without the second
line not even that. Meant, μ(·|1) is invariant under P^k; a class of period d has gcd(k, d) extreme
solutions g π(x) 1[phase(x) ≡ ℓ + j mod g], all with mean π. Shapes: laws [k, n], chain P [n, n].
"""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Enumeration,
    Proof,
    Symbolic,
    choice,
    distribution,
    instances,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._further import (
    CHAIN,
    CHAINS,
    UNICHAIN,
    VALUE,
    backwards,
    chain_family,
    sample,
    stationary,
    symbols,
    unit,
    within,
)
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def averaged(laws: Numbers, chain: Numbers) -> Numbers:
    """(19) as printed, times k, for laws [k+1, n]: Σ_{ℓ=2}^{k+1} μ(·|ℓ) − Σ_{ℓ=1}^k μ(·|ℓ) P."""
    moved = np.stack([backwards(law, chain) for law in laws[:-1]])
    return laws[1:].sum(axis=0) - moved.sum(axis=0)


def each_step(arithmetic: Arithmetic, laws: Numbers, chain: Numbers) -> Numbers:
    """μ(·|ℓ+1) − μ(·|ℓ) P for laws [k+1, n]."""
    return np.stack([laws[i + 1] - backwards(laws[i], chain) for i in range(len(laws) - 1)])


def solves_printed(arithmetic: Arithmetic, laws: Numbers, chain: Numbers) -> Numbers:
    """(19) as printed, and the last law is the first."""
    return within(arithmetic, averaged(laws, chain), laws[-1] - laws[0])


def solves_literally(arithmetic: Arithmetic, laws: Numbers, chain: Numbers) -> Numbers:
    """(19) as printed, μ(·|k+1) a law of its own."""
    return within(arithmetic, averaged(laws, chain))


def masses(arithmetic: Arithmetic, law: Numbers, chain: Numbers, own: int) -> Any:
    """Both sides of (19), k = 1, summed over all of Θ: agent i's own component takes ``own``
    values, of which the left side has one and the right side all."""
    return sides(law.sum(axis=0), own * backwards(law, chain).sum(axis=0))


def mean_stays(arithmetic: Arithmetic, laws: Numbers, chain: Numbers) -> Numbers:
    """m P − m for the mean m of the first k laws."""
    total = laws[:-1].sum(axis=0)
    return backwards(total, chain) - total


def cyclic_dimension(arithmetic: Arithmetic, period: int, k: int) -> Any:
    """dim {μ: μ P^k = μ} for a cycle of length ``period``, and gcd(k, period)."""
    cycle = np.roll(np.eye(period, dtype=int), 1, axis=1)
    power = np.linalg.matrix_power(cycle, k)
    matrix = arithmetic.array((power - np.eye(period, dtype=int)).tolist())
    return sides(arithmetic.number(period - _rank(matrix)), arithmetic.number(gcd(period, k)))


def _rank(matrix: Numbers) -> int:
    """By elimination in exact numbers."""
    rows, rank = [list(r) for r in matrix], 0
    for column in range(len(rows)):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column] != 0), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for i in range(rank + 1, len(rows)):
            factor = rows[i][column] / rows[rank][column]
            rows[i] = [x - factor * y for x, y in zip(rows[i], rows[rank], strict=True)]
        rank += 1
    return rank


def blown_up_cycle(forward: Numbers, back: Numbers) -> Numbers:
    """A chain of period 2: {0, 1} → {2, 3} by ``forward`` [2, 2], back by ``back``."""
    nothing = 0 * forward
    return np.concatenate(
        [np.concatenate([nothing, forward], axis=1), np.concatenate([back, nothing], axis=1)]
    )


def phase_laws(arithmetic: Arithmetic, forward: Numbers, back: Numbers) -> Any:
    """g π 1[phase ≡ ℓ], ℓ = 1, 2, one step on, against ℓ + 1; d = k = g = 2."""
    chain = blown_up_cycle(forward, back)
    law = 2 * stationary(arithmetic, chain)
    even = np.concatenate([law[:2], 0 * law[2:]])
    odd = np.concatenate([0 * law[:2], law[2:]])
    moved = np.stack([backwards(even, chain), backwards(odd, chain)])
    return sides(moved, np.stack([odd, even]))


def invariant(arithmetic: Arithmetic, chain: Numbers, period: int) -> Numbers:
    """μ P^k − μ at the stationary μ, k = ``period``."""
    law = stationary(arithmetic, chain)
    moved = law
    for _ in range(period):
        moved = backwards(moved, chain)
    return moved - law


def repeated(arithmetic: Arithmetic, law: Numbers, chain: Numbers) -> Any:
    """(μ P) P against μ (P P)."""
    twice = np.stack([backwards(backwards(e, chain), chain) for e in unit(arithmetic, chain)])
    return sides(backwards(backwards(law, chain), chain), backwards(law, twice))


def reindexed(arithmetic: Arithmetic, laws: Numbers, value: Numbers) -> Any:
    """The last two sums of (21): Σ_ℓ μ(·|ℓ+1) ∇v against Σ_ℓ μ(·|ℓ) ∇v."""
    return sides((laws[1:] * value).sum(axis=(0, 1)), (laws[:-1] * value).sum(axis=(0, 1)))


def reindexed_closed(arithmetic: Arithmetic, laws: Numbers, value: Numbers) -> Any:
    """The same for laws that close, [k, n]."""
    return reindexed(arithmetic, np.concatenate([laws, laws[:1]]), value)


# -- proofs ----------------------------------------------------------------------------------------


def prove_mean() -> list[Proof]:
    one, two, three, moved1, moved2, moved3 = symbols("mu1 mu2 mu3 mu1P mu2P mu3P")
    mean = (moved1 + moved2 + moved3) - (one + two + three)
    closed = {moved1: two, moved2: three, moved3: one}
    what = "(μ_1 + … + μ_k) P = μ_2 + … + μ_k + μ_1 (here k = 3)"
    return [prove_zero(mean.subs(closed, simultaneous=True), what)]


def prove_powers() -> Proof:
    mu, one, two = symbols("mu P_xy P_yz")
    return prove_zero((mu * one) * two - mu * (one * two), "(μP)P = μP², term by term")


def prove_phases() -> list[Proof]:
    g, pi, p, here, after = symbols("g pi P here after")
    what = "P(x, y) > 0 only if phase(y) = phase(x) + 1: where P ≠ 0 the two indicators agree"
    return [
        prove_zero(
            (g * pi * here * p - g * pi * p * after).subs(after, here),
            f"{what}; Σ_x π(x) P(x, y) = π(y)",
        )
    ]


def prove_reindexed() -> Proof:
    value, first, second, third = symbols("value first second third")
    shifted = (second + third + first) * value
    what = (
        "ℓ + 1 runs over what ℓ does, cyclically, and the sums are equal term by term (here k = 3)"
    )
    return prove_zero(shifted - (first + second + third) * value, what)


# -- claims ----------------------------------------------------------------------------------------

UNIFORM = [["1/2", "1/2"], ["1/2", "1/2"]]
PERIODS = scope(states=">= 1", period=">= 1")

row(
    "further.019.defines.printed",
    "refuted",
    "FURTHER (19)",
    r"(19) \text{ implies } \mu_k(\cdot|\ell+1) = \mu_k(\cdot|\ell)\,P \text{ for each } \ell",
    "Averaged over ℓ it only says that the mean is stationary. For a fair coin as chain, k = 2, "
    "the laws (1, 0), (0, 1) pass, though the chain never makes them.",
    PERIODS,
    Counterexample(
        each_step,
        {"laws": [[1, 0], [0, 1], [1, 0]], "chain": UNIFORM},
        "== 0",
        where=solves_printed,
    ),
)
row(
    "further.019.index.printed",
    "refuted",
    "FURTHER (19)",
    r"(19) \text{ makes } \tfrac{1}{k}\sum_{\ell=1}^k \mu_k(\cdot|\ell) \text{ stationary}",
    "The left side runs to μ(·|k+1), which nothing ties to μ(·|1). Then k = 1 reads μ(·|2) = "
    "μ(·|1)P, which any law satisfies.",
    PERIODS,
    Counterexample(
        mean_stays,
        {"laws": [[1, 0], [0, 1]], "chain": [[0, 1], [1, 0]]},
        "== 0",
        where=solves_literally,
    ),
)
row(
    "further.019.domain.printed",
    "refuted",
    "FURTHER (19)",
    r"(19) \text{ for all } s_{\ell+1} \in \mathcal{S},\ \boldsymbol\theta_{\ell+1} \in "
    r"\boldsymbol\Theta",
    "θ contains agent i's own policy, which is fixed, and the right side moves θ^{-i} alone: read "
    "for every own component it has mass |Θ^i|. For θ_{ℓ+1} = {θ^i, θ^{-i}_{ℓ+1}} it is meant.",
    scope(states=">= 1", own=">= 1"),
    Counterexample(masses, {"law": [1], "chain": [[1]], "own": 2}, "== 0"),
)
row(
    "further.019.each.corrected",
    "proved",
    "FURTHER (19)",
    r"\mu_k(\cdot|\ell+1) = \mu_k(\cdot|\ell)\,P,\ \mu_k(\cdot|k+1) = \mu_k(\cdot|1) \Rightarrow "
    r"\mu_k(\cdot|\ell)\,P^k = \mu_k(\cdot|\ell)",
    "For each ℓ, and closed: laws invariant under k steps. Existence is no question: stationary "
    "laws are such.",
    PERIODS,
    Deduction(
        ("further.019.powers.added",),
        "substitution of equals",
        "k steps from ℓ lead to ℓ + k, which is ℓ",
    ),
    sample(
        invariant, chain_family(chain=CHAIN, period=choice(1, 2, 3)), batched=False, examples=300
    ),
)
row(
    "further.019.powers.added",
    "proved",
    "FURTHER (19)",
    r"(\mu P) P = \mu P^2",
    "",
    CHAINS,
    Symbolic(prove_powers),
    sample(repeated, chain_family(law=distribution("states"), chain=CHAIN)),
)
row(
    "further.019.mean.added",
    "proved",
    "FURTHER (19); FURTHER (7)",
    r"\bar\mu = \tfrac{1}{k}\sum_\ell \mu_k(\cdot|\ell) \text{ is stationary}",
    "Of the corrected (19), and of the printed one once it closes. With one recurrent class the "
    "mean is μ for every k: averages over ℓ, such as (7) and Prop. 3, do not depend on k.",
    PERIODS,
    Symbolic(prove_mean),
    assumes=("μ_k(·|k+1) = μ_k(·|1)",),
)
row(
    "further.019.orbits.added",
    "proved",
    "FURTHER (19)",
    r"\text{period } d,\ g = \gcd(k, d): \ \mu_k(x|\ell) = g\,\pi(x)\,1[\mathrm{phase}(x) \equiv "
    r"\ell + j \bmod g] \text{ solves (19) for each } \ell",
    "The relation to the stationary π: its restrictions to phases, j = 0, …, g − 1, one orbit "
    "seen from g moments.",
    PERIODS,
    Symbolic(prove_phases),
    sample(
        phase_laws,
        instances(
            {"states": (4, 4), "period": (2, 2)},
            forward=distribution(2, 2),
            back=distribution(2, 2),
        ),
    ),
    assumes=("one recurrent class",),
)
row(
    "further.019.count.added",
    "exhausted",
    "FURTHER (19)",
    r"\dim\{\mu: \mu P^k = \mu\} = \gcd(k, d) \text{ for a cycle of length } d",
    "So k sees a cycle only through gcd(k, d): k = 1, the choice of the experiments, never sees "
    "one, and only a k that is a multiple of d sees all of it.",
    scope(period="{1, 2, 3, 4, 5, 6}", k="{1, 2, 3, 4, 5, 6}"),
    Enumeration(
        cyclic_dimension,
        tuple({"period": d, "k": k} for d in range(1, 7) for k in range(1, 7)),
        "== 0",
    ),
)
row(
    "further.019.unique.added",
    "proved",
    "FURTHER (19)",
    r"\text{one recurrent class, } \gcd(k, d) = 1 \Rightarrow \mu_k(\cdot|\ell) = \mu \text{ for "
    r"every } \ell",
    "P^k has one recurrent class again.",
    PERIODS,
    Deduction(
        ("further.019.each.corrected", "further.019.powers.added"),
        "common reachable state",
        "steps of k visit every phase when gcd(k, d) = 1, and the class is connected within its "
        "phases; so P^k leads to one state from everywhere, and its only invariant law is μ",
    ),
    assumes=(UNICHAIN,),
)
row(
    "further.021.cancel.printed",
    "refuted",
    "FURTHER (21); FURTHER (19)",
    r"\tfrac{1}{k}\sum_{\ell=1}^k \sum \mu_k(\cdot|\ell+1) \nabla v = \tfrac{1}{k}\sum_{\ell=1}^k "
    r"\sum \mu_k(\cdot|\ell) \nabla v",
    "The last step of the proof cancels the two; what is left is μ(·|k+1)∇v − μ(·|1)∇v, and (19) "
    "does not say that it vanishes.",
    PERIODS,
    Counterexample(reindexed, {"laws": [[1, 0], [0, 1]], "value": [0, 1]}, "== 0"),
)
row(
    "further.021.cancel.corrected",
    "proved",
    "FURTHER (21); FURTHER (19)",
    r"\mu_k(\cdot|k+1) = \mu_k(\cdot|1) \Rightarrow \text{the two sums are equal}",
    "",
    PERIODS,
    Symbolic(prove_reindexed),
    sample(
        reindexed_closed,
        instances(
            {"states": (1, 3), "period": (1, 3)},
            laws=distribution("period", "states"),
            value=VALUE,
        ),
    ),
    assumes=("μ_k(·|k+1) = μ_k(·|1)",),
)
