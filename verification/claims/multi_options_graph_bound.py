"""The bound on the evidence of two agents with options: report (80).

    KL(q ‖ P(τ|O^i=1, O^-i=1)) = log P(O^i=1|O^-i=1) − E_q Σ_t (βR − six log-ratios)

for P and q of (77), (79): one log-ratio for each policy against its own prior. Letters, shapes and
trajectories as in ``_multi_options``.
"""

from __future__ import annotations

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import identity, inequality
from tabular_marl.verification.claims._multi_options import (
    GAME,
    PLAYED,
    PRIORS,
    START,
    UNDISCOUNTED,
    Match,
    Team,
    begin,
    family,
    policies_of,
    priors_of,
)
from tabular_marl.verification.claims._options import GIBBS
from tabular_marl.verification.claims._rommeo import log_ratio
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.multi_options_graph import OPTIONS
from tabular_marl.verification.relation import Sides

# -- (80) ------------------------------------------------------------------------------------------


def wrong_master(
    arithmetic: Arithmetic, master: Numbers, opponent_master: Numbers, prior: Numbers
) -> Sides:
    """E log q^{H,i}(z)/P(y) as the fifth term of (80) has it, and E log q^{H,-i}(y)/P(y); both
    masters choose, c = d = 1."""
    pair = master[:, None] * opponent_master
    shown = arithmetic.log(master)[:, None] - arithmetic.log(prior)
    meant = log_ratio(opponent_master, prior, arithmetic) + 0 * pair
    return sides((pair * shown).sum(axis=(0, 1)), (pair * meant).sum(axis=(0, 1)))


row(
    "report.080.opponent-master.printed",
    "refuted",
    "report (80)",
    r"E_q \log\frac{q^{H,i}(z^i|s, z^i_{t-1}, b^i, a^{-i})}{P^{H,i}(z^{-i}|s, z^i_{t-1}, b^i)} = "
    r"E_q \log\frac{q^{H,-i}(z^{-i}|s, z^{-i}_{t-1}, b^{-i})}"
    r"{P^{H,-i}(z^{-i}|s, z^{-i}_{t-1}, b^{-i})}",
    "(80) repeats the agent's master where the opponent's belongs, over a prior with the "
    "opponent's variable and the agent's arguments.",
    OPTIONS,
    Counterexample(
        wrong_master,
        {"master": ["1/4", "3/4"], "opponent_master": ["1/2", "1/2"], "prior": ["1/2", "1/2"]},
        "== 0",
    ),
)


def wrong_end(
    arithmetic: Arithmetic, stop: Numbers, opponent_stop: Numbers, prior: Numbers
) -> Sides:
    """E log q^{T,i}(d)/P^{T,-i}(d), d drawn from q^{T,-i}, and E log q^{T,-i}(d)/P^{T,-i}(d)."""
    shown = (opponent_stop * log_ratio(stop, prior, arithmetic)).sum(axis=0)
    return sides(shown, (opponent_stop * log_ratio(opponent_stop, prior, arithmetic)).sum(axis=0))


row(
    "report.080.opponent-termination.printed",
    "refuted",
    "report (80)",
    r"E_q\log\frac{q^{T,i}(b^{-i}|s, z^i_{t-1})}{P^{T,-i}(b^{-i}|s, z^{-i}_{t-1})} = E_q "
    r"\log\frac{q^{T,-i}(b^{-i}|s, z^{-i}_{t-1})}{P^{T,-i}(b^{-i}|s, z^{-i}_{t-1})}",
    "The last term has the agent's q^{T,i} (and, as scanned, a term of this kind stands twice; one "
    "of the two may be the scanner's).",
    scope(),
    Counterexample(
        wrong_end,
        {
            "stop": ["1/4", "3/4"],
            "opponent_stop": ["1/2", "1/2"],
            "prior": ["1/2", "1/2"],
        },
        "== 0",
    ),
)


def prove_step() -> Proof:
    policies, priors = positive("policy", 6), positive("prior", 6)
    q, joint, move, t = (positive(n) for n in ("q", "joint", "move", "t"))
    above, below, term = q * move, joint * move * t, -sympy.log(t)
    for policy, prior in zip(policies, priors, strict=True):
        above, below = above * policy, below * prior
        term = term + sympy.log(policy / prior)
    what = "one more step adds six log-ratios − βR, t = e^{βR}; P(s'|s,a,b) cancels"
    return prove_zero(sympy.log(above / below) - sympy.log(q / joint) - term, what)


row(
    "report.080.step.added",
    "proved",
    "report (80)",
    r"\log\frac{q(\tau)}{P(\tau, O^i=1|O^{-i}=1)} = \sum_{t=0}^{T}\Big(\text{six log-ratios} - "
    r"\beta R^i\Big) \text{ on every trajectory}",
    "Whatever earlier variables the six laws are conditioned on.",
    UNDISCOUNTED,
    Symbolic(prove_step),
)


def bound(
    arithmetic: Arithmetic,
    initial: Numbers,
    before: Numbers,
    opponent_before: Numbers,
    reward: Numbers,
    transition: Numbers,
    **laws: Numbers,
) -> Sides:
    """KL(q ‖ P(τ|O=1)), and log P(O=1) − (80) as corrected."""
    match = Match(Team.of(arithmetic, **priors_of(laws)), reward, transition, 1)
    start = begin(initial, before, opponent_before)
    plays = list(map(list, policies_of(laws)))
    left, evidence = match.divergence(start, *plays)
    return sides(left, evidence - match.objective(start, *plays))


ONE_TIME = family(START, GAME, PRIORS, PLAYED, times=(1, 1))
row(
    "report.080.corrected",
    "proved",
    "report (80)",
    r"D_{KL}(q \| P(\tau|O=1)) = \log P(O^i=1|O^{-i}=1) - E_q\Big[\sum_{t=0}^{T} \beta R^i - "
    r"\text{six log-ratios, one for each policy}\Big]",
    "With q^{H,-i} and q^{T,-i} of the opponent in the fifth and the last term; R is R^i. The sum "
    "starts at t = 0, against (72).",
    UNDISCOUNTED,
    Deduction(
        ("report.080.step.added", "report.079.corrected"),
        "substitution of equals",
        "E_q of the identity on every trajectory; q has mass one",
    ),
    identity(bound, ONE_TIME, examples=256),
    assumes=(
        "c = 1 in (78) (else log P(O=1) less (T + 1) log c)",
        "each policy ≪ its prior (else both sides are infinite)",
    ),
)


def below_evidence(arithmetic: Arithmetic, **play: Numbers) -> Numbers:
    """log P(O=1) − (80)."""
    return bound(arithmetic, **play).left


row(
    "report.080.bound.corrected",
    "proved",
    "report (80)",
    r"\text{(80) with the opponent's own terms is a lower bound of } \log P(O^i=1|O^{-i}=1)",
    "The divergence that is found to be (80) is log P(O=1) − (80).",
    UNDISCOUNTED,
    Deduction(("report.080.corrected", GIBBS), "chain of inequalities", "log P(O=1) − (80) = KL"),
    inequality(below_evidence, ONE_TIME, examples=256),
    assumes=("c = 1 in (78) (else log P(O=1) less (T + 1) log c)",),
)
