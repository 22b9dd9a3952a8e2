"""What pins the level of q in training? FURTHER (12), (13), E.3.

    (q + c, q̄ + c, ρ)  trains exactly as (q, q̄, ρ), moved by c
    Σ q/α_q − ρ/α_ρ    is the same after every step, whatever is sampled

Nothing in (12)-(14) prefers a level, and none is forgotten: the gain's own steps tie it. Each
sample moves its q by 2 α_q δ and ρ by 2 α_ρ δ. So where training ends,
Σ q* = Σ q_0 + (α_q/α_ρ)(ρ* − ρ_0). Two critics, features and Adam are in deep_gauge_critics.
Shapes: as in _deep.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tabular_marl.verification import (
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    instances,
    number,
    positive,
    prove_zero,
    scope,
    sides,
    tilt,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._deep import (
    LOSSES,
    MEMORY,
    UNICHAIN,
    Q,
    ahead,
    gain_of,
    loss_family,
    value_of,
    visited,
)
from tabular_marl.verification.claims._further import sample, symbols
from tabular_marl.verification.claims._rows import row

# -- formulas --------------------------------------------------------------------------------------


def errors(
    arithmetic: Arithmetic,
    q: Numbers,
    slow: Numbers,
    gain: Numbers,
    reward: Numbers,
    transition: Numbers,
    policy: Numbers,
    decoder: Numbers,
    alpha: Numbers,
) -> Numbers:
    """δ = r − ρ + P v̄ − q, [n, A, B]."""
    value = value_of(arithmetic, slow, policy, decoder, alpha)
    return reward - gain + ahead(transition, value) - q


def trained(
    arithmetic: Arithmetic,
    q: Numbers,
    slow: Numbers,
    gain: Numbers,
    memory: Numbers,
    rate: Numbers,
    gain_rate: Numbers,
    follow: Numbers,
    **game: Numbers,
) -> tuple[Numbers, Numbers, Numbers]:
    """q, q̄ and ρ after one step of lines 23 and 26."""
    pushes = 2 * memory * errors(arithmetic, q, slow, gain, **game)
    moved = q + rate * pushes
    return (
        moved,
        follow * moved + (1 - follow) * slow,
        gain + gain_rate * pushes.sum(axis=(0, 1, 2)),
    )


def shifted(arithmetic: Arithmetic, q: Numbers, slow: Numbers, level: Numbers, **rest: Any) -> Any:
    """One step from (q + c, q̄ + c), and one step from (q, q̄), then moved by c."""
    one = trained(arithmetic, q + level, slow + level, **rest)
    other = trained(arithmetic, q, slow, **rest)
    return sides(_flat(*one), _flat(other[0] + level, other[1] + level, other[2]))


def _flat(q: Numbers, slow: Numbers, gain: Numbers) -> Numbers:
    tables = [part.reshape(-1, *part.shape[3:]) for part in (q, slow)]
    return np.concatenate([*tables, np.asarray(gain)[None]])


def tied(
    arithmetic: Arithmetic,
    q: Numbers,
    slow: Numbers,
    gain: Numbers,
    rate: Numbers,
    gain_rate: Numbers,
    **rest: Any,
) -> Any:
    """Σ q/α_q − ρ/α_ρ after a step, and before."""
    after, _, moved = trained(arithmetic, q, slow, gain, rate=rate, gain_rate=gain_rate, **rest)
    axes = (0, 1, 2)
    return sides(
        after.sum(axis=axes) / rate - moved / gain_rate, q.sum(axis=axes) / rate - gain / gain_rate
    )


def with_gain_held(arithmetic: Arithmetic, q: Numbers, gain: Numbers, **game: Numbers) -> Any:
    """E_d[δ], d present play, against the gain of the policy less ρ."""
    found = errors(arithmetic, q, q, gain, **game)
    weights = visited(arithmetic, game["transition"], game["policy"], game["decoder"])
    return sides((weights * found).sum(axis=(0, 1, 2)), gain_of(arithmetic, **game) - gain)


def same_policy(arithmetic: Arithmetic, q: Numbers, level: Numbers, beta: Numbers) -> Any:
    """The policy of (14) from q + c, and from q; [A]."""
    one = tilt(q + level, None, beta, 0, arithmetic)
    return sides(one, tilt(q, None, beta, 0, arithmetic))


def along_the_ridge(
    arithmetic: Arithmetic,
    q: Numbers,
    slow: Numbers,
    gain: Numbers,
    level: Numbers,
    memory: Numbers,
    **game: Numbers,
) -> Any:
    """J_q at (q − c, ρ + c) and at (q, ρ), the slow copy held."""
    one = errors(arithmetic, q - level, slow, gain + level, **game)
    other = errors(arithmetic, q, slow, gain, **game)
    axes = (0, 1, 2)
    return sides((memory * one * one).sum(axis=axes), (memory * other * other).sum(axis=axes))


# -- proofs ----------------------------------------------------------------------------------------


def prove_shifted() -> list[Proof]:
    r, rho, v, q, c, rate, follow, slow, d = symbols("r rho Pv q c rate tau slow d")
    delta = r - rho + v - q
    moved = q + 2 * rate * d * delta
    return [
        prove_zero((r - rho + (v + c) - (q + c)) - delta, "v̄ moves by c, as Σ π p = 1; P c = c"),
        prove_zero(
            (follow * (moved + c) + (1 - follow) * (slow + c))
            - (follow * moved + (1 - follow) * slow)
            - c,
            "line 26 is an average",
        ),
    ]


def prove_tied() -> Proof:
    d, delta, rate, gain_rate = symbols("d delta alpha_q alpha_rho")
    what = "one sample moves Σ q by 2 α_q d δ and ρ by 2 α_ρ d δ; a batch, or both critics, add up"
    return prove_zero(2 * rate * d * delta / rate - 2 * gain_rate * d * delta / gain_rate, what)


def prove_same_policy() -> Proof:
    t, rest, c = positive("t"), positive("rest"), positive("c")
    return prove_zero(t * c / (t * c + rest * c) - t / (t + rest), "e^{βc} is a common factor")


def prove_ridge() -> Proof:
    r, rho, v, q, c = symbols("r rho Pv q c")
    one = r - (rho + c) + v - (q - c)
    return prove_zero(one**2 - (r - rho + v - q) ** 2, "δ holds q + ρ alone")


# -- claims ----------------------------------------------------------------------------------------

LOSS = "FURTHER (12)"
ROW = scope(
    states=">= 1",
    actions=">= 1",
    opponent_actions=">= 1",
    alpha="[0, inf)",
    rate="(0, inf)",
    gain_rate="(0, inf)",
)
RATES = {"rate": number("1/8", 2), "gain_rate": number("1/8", 2)}
STATE = {"q": Q, "gain": number(), "memory": MEMORY}

row(
    "deep.gauge.shift.added",
    "proved",
    f"{LOSS}; FURTHER (13); FURTHER E.3",
    r"(q + c, \bar q + c, \rho) \mapsto (q' + c, \bar q' + c, \rho') \text{ in every step of lines "
    r"} 23, 26",
    "The whole of training commutes with a change of level, slow copies included: no step prefers "
    "one or brings one back.",
    ROW,
    Symbolic(prove_shifted),
    sample(
        shifted,
        loss_family(**STATE, **RATES, slow=Q, level=number(), follow=number(0, 1)),
    ),
    rests_on=("further.012.constant.added",),
)
row(
    "deep.gauge.tied.added",
    "proved",
    f"{LOSS}; FURTHER E.3",
    r"\tfrac1{\alpha_q} \textstyle\sum_{x, a, b} q - \tfrac1{\alpha_\rho} \rho \text{ is the same "
    r"after every step, whatever is sampled}",
    "The gain's gradient does move the level, and it alone: q rises by as much as ρ does, in units "
    "of their rates. No noise makes it drift. Tables, plain gradient steps, constant rates.",
    ROW,
    Symbolic(prove_tied),
    sample(tied, loss_family(**STATE, **RATES, slow=Q, follow=number(0, 1))),
)
row(
    "deep.gauge.limit.added",
    "proved",
    LOSS,
    r"(q, \rho) \to (q^*, \rho^*) \Rightarrow \textstyle\sum q^* = \sum q_0 + "
    r"\tfrac{\alpha_q}{\alpha_\rho} (\rho^* - \rho_0)",
    "So the start and the ratio of the two rates pin the level, which (12) itself does not: a gain "
    "that starts optimistically leaves q lower by (α_q/α_ρ)(ρ_0 − ρ*) over the number of pairs.",
    ROW,
    Deduction(
        ("deep.gauge.tied.added",), "limit of a closed statement", "what is kept is continuous"
    ),
)
row(
    "deep.gauge.held.added",
    "proved",
    LOSS,
    r"E_d[\delta] = (E_\mu[r] + \alpha E_\mu[\mathcal{H}]) - \rho \text{ for every } q,\ d = "
    r"\mu\,\pi\, p_{dec}",
    "With ρ held anywhere else there is no fixed point: the level moves on at the rate 2 α_q (ρ_π "
    "− ρ), for ever. This is the push that trains ρ.",
    LOSSES,
    Deduction(
        ("deep.gain.on-policy.added",), "substitution of equals", "E[r + P v − q] is that gain"
    ),
    sample(with_gain_held, loss_family(q=Q, gain=number())),
    assumes=(UNICHAIN, "one critic", "the replayed b has the decoder's law"),
)
row(
    "deep.gauge.policy.added",
    "proved",
    "FURTHER (14)",
    r"\pi \propto \exp((q + c)/\alpha) = \exp(q/\alpha) \text{ normalised}",
    "The policy does not see the level, nor does ρ at rest.",
    scope(actions=">= 1", beta="(0, inf)"),
    Symbolic(prove_same_policy),
    sample(
        same_policy,
        instances({"actions": (1, 3)}, q=array("actions"), level=number(), beta=beta("+", high=8)),
    ),
)
row(
    "deep.gauge.ridge.added",
    "proved",
    LOSS,
    r"J_q(q - c, \rho + c; \bar q) = J_q(q, \rho; \bar q)",
    "With the slow copy held the loss is least on a whole line: the exact (q, ρ) is one of its "
    "minimisers, never the only one. What pins ρ is that q̄ follows q.",
    LOSSES,
    Symbolic(prove_ridge),
    sample(along_the_ridge, loss_family(**STATE, slow=Q, level=number())),
)
