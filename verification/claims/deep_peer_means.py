"""What is averaged over the others' actions, and before what. FURTHER (13), (14), (22), (23).

    E_b[J(π; b)] = J(π; E b),   E_b F(q(·, b)) >= F(E_b q(·, b)),   E_b min_β q_β <= min_β E_b q_β

Objectives are averaged, not answers, nor values of answers: the policy does not see b. One state: q
[A, B], law [B]; plays [T, B].
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    distribution,
    free_energy,
    instances,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
    sides,
    tilt,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, expectation
from tabular_marl.verification.claims._deep import STAGE
from tabular_marl.verification.claims._further import sample, symbols
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.deep_gain_critics import lower_of
from tabular_marl.verification.claims.deep_peer import BETA, LAW, PEER, SIZES, Q

# -- formulas --------------------------------------------------------------------------------------


def sample_by_sample(arithmetic: Arithmetic, q: Numbers, law: Numbers, beta: Numbers) -> Any:
    """The mean over b of the best policy for each b, and the best policy for the mean."""
    each = tilt(q, None, beta, 0, arithmetic)
    return sides(expectation(law, each, 1), tilt(expectation(law, q, 1), None, beta, 0, arithmetic))


def foresight(arithmetic: Arithmetic, q: Numbers, law: Numbers, beta: Numbers) -> Any:
    """E_b F(q(·, b)) against F(E_b q)."""
    known = expectation(law, free_energy(q, None, beta, 0, arithmetic), 0)
    return sides(known, free_energy(expectation(law, q, 1), None, beta, 0, arithmetic))


def lower_inside(arithmetic: Arithmetic, q: Numbers, other: Numbers, law: Numbers) -> Any:
    """Each critic's E_b q_β, and E_b min_β q_β; q [B]."""
    inside = expectation(law, lower_of(arithmetic, q, other), 0)
    return sides(lower_of(arithmetic, expectation(law, q, 0), expectation(law, other, 0)), inside)


def whole_memory(arithmetic: Arithmetic, plays: Numbers) -> Any:
    """The law of b in a memory of all T plays [T, B], and one step of averages on from T − 1."""
    count = len(plays)
    before = plays[:-1].sum(axis=0) / (count - 1)
    return sides(plays.sum(axis=0) / count, before + (plays[-1] - before) / count)


# -- proofs ----------------------------------------------------------------------------------------


def prove_lower() -> Proof:
    w, more = positive("w"), positive("more")
    return prove_nonnegative(w * more, "w (q_β − min) with q_β = min + more, b by b, for either β")


def prove_memory() -> Proof:
    total, last, count = symbols("total last T")
    before = total / (count - 1)
    return prove_zero((total + last) / count - before - (last - before) / count)


# -- claims ----------------------------------------------------------------------------------------

row(
    "deep.peer.average.added",
    "proved",
    f"{PEER}; FURTHER E.3",
    r"d_T = d_{T-1} + \tfrac1T (w_T - d_{T-1}) \text{ for a memory of everything}",
    "With a whole memory (14) is smoothed fictitious play: it answers the average of what the "
    "others have ever played. A memory of M steps forgets after M.",
    scope(opponent_actions=">= 1", times=">= 2"),
    Symbolic(prove_memory),
    sample(
        whole_memory,
        instances(
            {"times": (2, 4), "opponent_actions": (1, 3)},
            plays=distribution("times", "opponent_actions"),
        ),
    ),
)


row(
    "deep.peer.sample.added",
    "refuted",
    PEER,
    r"\text{the mean over } b \text{ of the best policies against each } b \text{ is the best "
    r"against the mean}",
    "π must not see b. (14) takes the mean of the objectives, which is right; a policy fitted to a "
    "softmax of q(·, b) sample by sample takes the mean of the answers. 3 for a match of one kind, "
    "1 of the other.",
    STAGE,
    Counterexample(
        sample_by_sample, {"q": [[3, 0], [0, 1]], "law": ["1/2", "1/2"], "beta": 1}, "== 0"
    ),
)


row(
    "deep.peer.foresight.added",
    "proved",
    PEER,
    r"E_b F(q(\cdot, b)) \ge F(E_b\, q(\cdot, b))",
    "And a value made from each b's own best reply is too high: that of an agent who knows b. (13) "
    "has the mean over b inside, as it should.",
    STAGE,
    Deduction(("free-energy.convex",), "special case", "Jensen, over b"),
    sample(foresight, instances(SIZES, q=Q, law=LAW, beta=BETA), ">= 0"),
)


row(
    "deep.peer.lower.added",
    "proved",
    f"{PEER}; FURTHER (22); FURTHER (23)",
    r"E_b \min_\beta q_\beta \le \min_\beta E_b\, q_\beta",
    "(13), (14), (22) and (23) all take the min before the mean over b, so they agree in this, and "
    "are lower than the smaller of the two critics' values.",
    scope(opponent_actions=">= 1"),
    Symbolic(prove_lower),
    sample(
        lower_inside,
        instances(
            {"opponent_actions": (1, 3)},
            q=array("opponent_actions"),
            other=array("opponent_actions"),
            law=LAW,
        ),
        ">= 0",
    ),
)
