"""The opponent's optimality variable beside the agent's: report (41), (43).

    P(O^i=1|s,a,b) = exp(β^i R),     P(O^-i=1|s,b) = exp(κ Q^i(s,b)),  κ = β^-i/β^i

Where each is a probability, when both are, and what the opponent of (43) likes. Shapes as in
``_fictitious``; one state: table Q^i(s,b) [B], prior [B].
"""

from __future__ import annotations

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    distribution,
    number,
    positive,
    prove_nonnegative,
    prove_zero,
    scope,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, tilt
from tabular_marl.verification.claims._fictitious import (
    GAME,
    SHORT,
    SIGNED,
    Play,
    betas,
    game_scope,
    sample,
)
from tabular_marl.verification.claims._fictitious import SIZES as GAME_SIZES
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.fictitious_opponent import FIELDS
from tabular_marl.verification.claims.rommeo_model import at_most_one

row(
    "report.043.printed",
    "refuted",
    "report (43); report A.5.2",
    r"P(O^{-i}_t=1|s_t, a^{-i}_t) = \exp(\tfrac{\beta^{-i}}{\beta^i} Q^i(s_t, a^{-i}_t)) \in "
    r"[0, 1]",
    "It exceeds 1 wherever (β^-i/β^i) Q^i > 0.",
    scope(beta=SIGNED),
    Counterexample(at_most_one, {"reward": [1], "beta": 1}),
)


def room_above(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """−κ Q^i(s,b), >= 0 where (43) is a probability; ρ = P_prior."""
    play = Play.of(arithmetic, **given)
    _, _, table = play.rounds(1, kept=True)[0]
    return -play.ratio * table


def room_below(
    arithmetic: Arithmetic, cost: Numbers, beta_agent: Numbers, **given: Numbers
) -> Numbers:
    """−Q^i(s,b) where β^i R = −cost."""
    play = Play.of(arithmetic, -cost / beta_agent, beta_agent, **given)
    _, _, table = play.rounds(1, kept=True)[0]
    return -table


def costly(arithmetic: Arithmetic, reward: Numbers, beta_agent: Numbers, **_: Numbers) -> Numbers:
    """−β^i R, >= 0 where (41) is a probability."""
    return -beta_agent * reward


row(
    "report.043.with-041.printed",
    "refuted",
    "report (41); report (43)",
    r"\beta^i R \le 0 \text{ everywhere, so that (41) is a probability} \Rightarrow \text{(43) is "
    r"one}",
    "For β^iβ^-i < 0, the competitive case that 1.3 is made for, (41) asks for Q^i <= 0 and (43) "
    "for Q^i >= 0: both are probabilities only where every action on the prior's support costs "
    "nothing. Each needs a shift of its own.",
    game_scope(),
    Counterexample(
        room_above,
        {
            "reward": [[[-1]]],
            "beta_agent": 1,
            "beta_opponent": -1,
            "transition": [[[[1]]]],
            "gamma": 0,
            "agent_prior": [[[1]]],
            "opponent_prior": [[1]],
        },
        where=costly,
    ),
)


COSTS = {name: f for name, f in GAME.items() if name != "reward"}
COSTS["cost"] = array("states", "actions", "opponent_actions", low=0, high=2)


row(
    "report.043.with-041.corrected",
    "proved",
    "report (41); report (43)",
    r"\beta^i R \le 0 \text{ everywhere} \Rightarrow Q^i(s, a^{-i}) \le 0: \ \text{(43) is a "
    r"probability for } \beta^i\beta^{-i} > 0, \text{ and at least } 1 \text{ for } < 0",
    "Where rewards are costs, one shift serves both variables of a cooperative pair.",
    game_scope(),
    Deduction(
        ("free-energy.monotone", "free-energy.shift-equivariant", "report.158.corrected"),
        "policy-evaluation monotonicity",
        "T 0 = E_ρ log Σ_a P_prior e^{β^i R} <= log Σ_a P_prior = 0, so V <= 0, and Q^i(s, a^-i) "
        "is a free energy of β^i R + γ E V <= 0",
    ),
    sample(
        room_below,
        {**COSTS, **betas(), **SHORT},
        sizes=GAME_SIZES,
    ),
    assumes=("β^i R <= 0",),
)


def shifted(
    arithmetic: Arithmetic, table: Numbers, prior: Numbers, ratio: Numbers, shift: Numbers
) -> Numbers:
    """(46) from κQ^i and from κQ^i + c; table, prior [B]."""
    moved = tilt(table + shift / ratio, prior, ratio, 0, arithmetic)
    return tilt(table, prior, ratio, 0, arithmetic) - moved


def prove_shifted() -> list[Proof]:
    weight, total, factor, excess = (positive(n) for n in ("w", "Z", "c", "excess"))
    return [
        prove_zero(weight / total - weight * factor / (total * factor), "(46) with e^c in all"),
        prove_nonnegative(1 - weight / (weight + excess), "e^{κQ − max κQ} <= 1"),
    ]


row(
    "report.043.corrected",
    "proved",
    "report (43); report (46)",
    r"\exp(\kappa Q^i - \max_{a^{-i}} \kappa Q^i) \text{ is a probability, with the same (46)}",
    "A shift by a function of the state, which may differ from state to state, changes V^-i but "
    "not the model.",
    scope(opponent_actions=">= 1", ratio=SIGNED),
    Symbolic(prove_shifted),
    sample(
        shifted,
        {
            "table": array("opponent_actions", low=-2, high=2),
            "prior": distribution("opponent_actions"),
            "ratio": FIELDS["ratio"],
            "shift": number(),
        },
        "== 0",
        sizes={"opponent_actions": (1, 4)},
    ),
)
