"""The graph of probabilistic fictitious play: report (39)-(41), A.5.1.

    P(τ, O^i=1, O^-i=1) = P(s_0) Π_t P_prior(a_t|s_t,b_t) P_prior(b_t|s_t, O^-i=1)           (39)
                          P(s_{t+1}|s_t,a_t,b_t) P(O^i_t=1|s_t,a_t,b_t) P(O^-i_t=1)
    q(τ) = P(s_0) Π_t π(a_t|s_t,b_t) P_prior(b_t|s_t, O^-i=1) P(s_{t+1}|…) P(O^-i_t=1)       (40)
    P(O^i_t=1|s_t,a_t,b_t, O^-i_t=1) = exp(β^i R)                                            (41)

With P_prior(b|s, O^-i=1) = ρ_k this is ROMMEO's graph (2)-(4) with both its opponents equal to ρ_k,
so ROMMEO's rows carry over; what is new is what (39) and (40) do with P(O^-i=1).
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
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._fictitious import SIGNED, sample
from tabular_marl.verification.claims._rommeo import Game, every, model
from tabular_marl.verification.claims._rommeo_rows import ANY_BETA, game_fields
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.claims.rommeo_model import (
    at_most_one,
    model_from_one,
    optimal_opponent,
    shifted_at_most_one,
)
from tabular_marl.verification.relation import Sides

OUTCOMES = scope(opponent_actions=">= 1")
UNDISCOUNTED = scope(
    states=">= 1", actions=">= 1", opponent_actions=">= 1", beta="(-inf, inf)", times=">= 1"
)

# -- (39) ----------------------------------------------------------------------------------------

row(
    "report.039.index.printed",
    "refuted",
    "report (39); report (40); report A.5.1",
    r"P(s_{1:T}, a_{1:T}, a^{-i}_{1:T}, \dots) = P(s_0)\prod_{t=0}^{T} \cdots "
    r"P(s_{t+1}|s_t, a_t, a^{-i}_t)\cdots",
    "As in (2) and (4): the left sides of (39), (40) and both displays of A.5.1 lack s_0, a_0, "
    "a^-i_0, O_0 and s_{T+1}; a marginal is not its joint law. 1/2 against 1/4.",
    UNDISCOUNTED,
    Counterexample(
        model_from_one,
        {"initial": [1], "reward": [[[0], [0]]], "transition": [[[[1], [1]]]], "beta": 1},
        "== 0",
    ),
)
row(
    "report.039.index.corrected",
    "proved",
    "report (39); report (40); report A.5.1",
    r"P(s_{0:T+1}, a_{0:T}, a^{-i}_{0:T}, O^i_{0:T}=1 | O^{-i}_{0:T}=1) = P(s_0)\prod_{t=0}^{T} "
    r"\cdots \text{ is the part } O^i=1 \text{ of a law of total mass } 1",
    "With all variables named, as (2) corrected: P_prior(a^-i|s) there is P_prior(a^-i|s, O^-i=1).",
    ANY_BETA,
    Deduction(("report.002.corrected",), "special case", "the same graph"),
    assumes=("β^i R ≤ 0", "priors and transitions are those given O^-i = 1"),
)
row(
    "report.039.optimal-opponent.printed",
    "refuted",
    "report (39); report A.5.1",
    r"P_{\mathrm{prior}}(a^{-i}|s, O^{-i}=1) = P_{\mathrm{prior}}(a^{-i}|s)",
    "Figure 3 “doesn't assume that the opponent is optimal”, (39) conditions a^-i on O^-i = 1, "
    "and A.5.1 drops the condition. By (43) O^-i depends on a^-i, so the two are different laws: "
    "the opponent of (39) is assumed to be optimal.",
    OUTCOMES,
    Counterexample(optimal_opponent, {"prior": ["1/2", "1/2"], "optimality": [1, "1/2"]}, "== 0"),
)


def conditioned(arithmetic: Arithmetic, prior: Numbers, optimality: Numbers) -> Sides:
    """P(b | s, O^-i=1) P(O^-i=1|s), and P(O^-i=1|s, b) P_prior(b|s)."""
    joint = prior * optimality
    chance = joint.sum(axis=0)
    return sides(joint / chance * chance, optimality * prior)


def prove_conditioned() -> list[Proof]:
    p, o, chance = (positive(n) for n in ("p", "o", "chance"))
    return [
        prove_zero(p * o / chance * chance - o * p, "Bayes' rule for each b"),
        prove_zero(
            p * o / (o * (p + chance)) - p / (p + chance), "o the same for all b: no change"
        ),
    ]


row(
    "report.039.optimal-opponent.corrected",
    "proved",
    "report (39); report A.5.1",
    r"P(a^{-i}|s, O^{-i}=1)\,P(O^{-i}=1|s) = P(O^{-i}=1|s, a^{-i})\,P_{\mathrm{prior}}(a^{-i}|s)",
    "Bayes' rule. Nothing changes only where O^-i carries no information about a^-i; else the two "
    "need two names, as in the rows of (46).",
    OUTCOMES,
    Symbolic(prove_conditioned),
    sample(
        conditioned,
        {
            "prior": distribution("opponent_actions"),
            "optimality": array("opponent_actions", low="1/8", high=1),
        },
        "== 0",
        sizes={"opponent_actions": (1, 4)},
    ),
)


def factored(
    arithmetic: Arithmetic, initial: Numbers, prior: Numbers, optimality: Numbers
) -> Sides:
    """P(s, b, O^-i=1), and P(s) P(b|s, O^-i=1) P(O^-i=1); prior [S, B], optimality [S, B]."""
    joint = initial[:, None] * prior * optimality
    chance = (prior * optimality).sum(axis=1)
    given = prior * optimality / chance[:, None]
    return sides(joint, initial[:, None] * given * joint.sum(axis=(0, 1)))


def factored_by_state(
    arithmetic: Arithmetic, initial: Numbers, prior: Numbers, optimality: Numbers
) -> Sides:
    """The same with P(O^-i=1|s)."""
    joint = initial[:, None] * prior * optimality
    chance = (prior * optimality).sum(axis=1)
    given = prior * optimality / chance[:, None]
    return sides(joint, initial[:, None] * given * chance[:, None])


TWO_STATES = {"initial": ["1/2", "1/2"], "prior": [[1], [1]], "optimality": [[1], ["1/2"]]}
row(
    "report.039.state.printed",
    "refuted",
    "report (39)",
    r"P(s_t)\,P(a^{-i}_t|s_t, O^{-i}_t=1)\,P(O^{-i}_t=1) = P(s_t, a^{-i}_t, O^{-i}_t=1)",
    "Bayes' rule needs P(O^-i_t=1|s_t). By (43), (46) it is exp V^-i(s_t), which depends on the "
    "state: one action, two states, probabilities 1 and 1/2.",
    scope(states=">= 1", opponent_actions=">= 1"),
    Counterexample(factored, TWO_STATES, "== 0"),
)


def prove_bayes() -> Proof:
    s, p, o, chance = (positive(n) for n in ("P", "p", "o", "chance"))
    return prove_zero(s * p * o - s * (p * o / chance) * chance, "for each (s, b)")


LAW = {
    "initial": distribution("states"),
    "prior": distribution("states", "opponent_actions"),
    "optimality": array("states", "opponent_actions", low="1/8", high=1),
}
row(
    "report.039.state.corrected",
    "proved",
    "report (39)",
    r"P(s_t)\,P(a^{-i}_t|s_t, O^{-i}_t=1)\,P(O^{-i}_t=1|s_t) = P(s_t, a^{-i}_t, O^{-i}_t=1)",
    "With the state in the condition.",
    scope(states=">= 1", opponent_actions=">= 1"),
    Symbolic(prove_bayes),
    sample(
        factored_by_state,
        LAW,
        "== 0",
        sizes={"states": (1, 3), "opponent_actions": (1, 3)},
    ),
)


def chances(arithmetic: Arithmetic, law: Numbers, optimality: Numbers) -> Sides:
    """The posterior of trajectories with weights ``law`` and with law · Π_t P(O^-i_t=1|s_t)."""
    weighted = law * optimality
    return sides(law / law.sum(axis=0), weighted / weighted.sum(axis=0))


def constant_chance(arithmetic: Arithmetic, law: Numbers, chance: Numbers) -> Sides:
    """The same with one factor for all trajectories."""
    return chances(arithmetic, law, chance + 0 * law)


TRAJECTORIES = scope(trajectories=">= 1")
row(
    "report.039.posterior.printed",
    "refuted",
    "report (39); report A.5.1",
    r"P(\tau | O^i=1, O^{-i}=1) \text{ of (39) is that of A.5.1, which drops } P(O^{-i}=1)",
    "With the right factor P(O^-i_t=1|s_t) = exp V^-i(s_t) the posterior prefers states in which "
    "the opponent does well, and A.5.1, which leaves the factor out, has another one: two equally "
    "likely trajectories with factors 1 and 1/2.",
    TRAJECTORIES,
    Counterexample(chances, {"law": ["1/2", "1/2"], "optimality": [1, "1/2"]}, "== 0"),
)


def prove_constant_chance() -> Proof:
    weight, total, chance = (positive(n) for n in ("weight", "total", "chance"))
    return prove_zero(weight / total - weight * chance / (total * chance), "each trajectory")


row(
    "report.039.posterior.corrected",
    "proved",
    "report (39); report A.5.1",
    r"P(O^{-i}_t=1) \text{ the same in every state} \Rightarrow P(\tau | O^i=1, O^{-i}=1) "
    r"\text{ of (39) is that of A.5.1}",
    "As printed, a number without a state, the factor cancels. So A.5.1's model, in which the "
    "opponent merely acts by ρ, is the one to keep; (39) with O^-i is not needed for it.",
    TRAJECTORIES,
    Symbolic(prove_constant_chance),
    sample(
        constant_chance,
        {"law": distribution("trajectories"), "chance": number("1/8", 1)},
        "== 0",
        sizes={"trajectories": (1, 4)},
    ),
)

# -- (40) ----------------------------------------------------------------------------------------


def variational_mass(arithmetic: Arithmetic, model: Numbers, chance: Numbers) -> Sides:
    """Σ_b P(b|s, O^-i=1) P(O^-i=1), one state, one time, against 1."""
    return sides((model * chance).sum(axis=0), arithmetic.number(1))


row(
    "report.040.printed",
    "refuted",
    "report (40)",
    r"\textstyle\sum_\tau q(\tau) = 1",
    "q contains P(O^-i_t=1) but sums over one value of O^-i only, so its mass is Π_t P(O^-i_t=1): "
    "no distribution, and E_q no expectation.",
    scope(opponent_actions=">= 1", chance="(0, 1]"),
    Counterexample(variational_mass, {"model": [1], "chance": "1/2"}, "== 0"),
)
row(
    "report.040.corrected",
    "proved",
    "report (40); report A.5.1",
    r"q(\tau) = P(s_0)\prod_t \pi(a_t|s_t, a^{-i}_t)\,\rho(a^{-i}_t|s_t)\,P(s_{t+1}|\cdot) "
    r"\text{ sums to } 1",
    "Without the factor, as A.5.1 has it (with all variables on the left).",
    scope(states=">= 1", actions=">= 1", opponent_actions=">= 1", times=">= 1"),
    Deduction(("report.004.corrected",), "special case", "ρ of (4) is P_prior(a^-i|s, O^-i=1)"),
)

# -- (41) ----------------------------------------------------------------------------------------

row(
    "report.041.printed",
    "refuted",
    "report (41)",
    r"P(O^i_t=1|s_t, a_t, a^{-i}_t, O^{-i}_t=1) = \exp(\beta^i R) \in [0, 1]",
    "As (3): it exceeds 1 wherever β^i R > 0.",
    scope(beta=SIGNED),
    Counterexample(at_most_one, {"reward": [1], "beta": 1}),
)
row(
    "report.041.corrected",
    "proved",
    "report (41)",
    r"\exp(\beta^i R - \max \beta^i R) \text{ is a probability, with the same posterior}",
    "Shift by the largest β^i R: every trajectory carries the same factor.",
    ANY_BETA,
    Deduction(("report.003.corrected", "report.003.posterior.corrected"), "conjunction", "β = β^i"),
    sample(
        shifted_at_most_one,
        {"reward": array("states", "actions", "opponent_actions"), "beta": game_fields()["beta"]},
    ),
)


def independence(arithmetic: Arithmetic, joint: Numbers) -> Sides:
    """P(O^i=1) and P(O^i=1|O^-i=1) at one (s, a, b); joint[O^i, O^-i], both values 0, 1."""
    return sides(joint[1].sum(axis=0), joint[1, 1] / joint[:, 1].sum(axis=0))


def independent(arithmetic: Arithmetic, own: Numbers, other: Numbers) -> Sides:
    """The same for a product law."""
    return independence(arithmetic, own[:, None] * other)


def prove_independent() -> Proof:
    yes, no, other = (positive(n) for n in ("yes", "no", "other"))
    total = yes + no
    return prove_zero(
        yes / total - (yes / total * other) / (yes / total * other + no / total * other),
        "the common factor P(O^-i=1|s,a,b) cancels",
    )


row(
    "report.041.conditioning.printed",
    "refuted",
    "report (39); report (41)",
    r"P(O^i_t=1|s_t, a_t, a^{-i}_t) = P(O^i_t=1|s_t, a_t, a^{-i}_t, O^{-i}_t=1)",
    "(39) has the left side, (41) defines the right one. They differ where O^i and O^-i are "
    "dependent given the actions: one fair coin for both, 1/2 against 1.",
    scope(),
    Counterexample(independence, {"joint": [["1/2", 0], [0, "1/2"]]}, "== 0"),
)
row(
    "report.041.conditioning.corrected",
    "proved",
    "report (39); report (41)",
    r"O^i_t \perp O^{-i}_t \,|\, s_t, a_t, a^{-i}_t \Rightarrow P(O^i_t=1|s_t, a_t, a^{-i}_t) = "
    r"P(O^i_t=1|s_t, a_t, a^{-i}_t, O^{-i}_t=1)",
    "The assumption that (39) needs.",
    scope(),
    Symbolic(prove_independent),
    sample(independent, {"own": distribution(2), "other": distribution(2)}, "== 0", sizes={}),
    assumes=("O^i and O^-i are independent given (s, a, a^-i)",),
)

# -- A.5.1: the posterior --------------------------------------------------------------------------


def posterior_mass(
    arithmetic: Arithmetic, initial: Numbers, reward: Numbers, transition: Numbers, beta: Numbers
) -> Sides:
    """Σ_τ P(τ, O^i=1), one time, uniform priors, against 1."""
    game = Game.of(arithmetic, reward, beta, transition)
    return sides(model(game, initial, 1).sum(axis=every(1)), arithmetic.number(1))


row(
    "report.A.5.1.posterior.printed",
    "refuted",
    "report A.5.1; report A.5.2",
    r"P(\tau, O^i=1) \text{ is the posterior: } \textstyle\sum_\tau P(\tau, O^i=1) = 1",
    "“We have the posterior as P(τ, O=1)”, “starting with the posterior P(s, a^-i, O=1)”: these "
    "are joint laws; the posterior is the joint over P(O=1), as the divergences below have it.",
    UNDISCOUNTED,
    Counterexample(
        posterior_mass,
        {"initial": [1], "reward": [[[-1]]], "transition": [[[[1]]]], "beta": 1},
        "== 0",
    ),
)
row(
    "report.A.5.1.posterior.corrected",
    "proved",
    "report A.5.1; report A.5.2",
    r"\textstyle\sum_\tau P(\tau, O^i=1)/P(O^i=1) = 1, \quad P(O^i=1) = \sum_\tau P(\tau, O^i=1)",
    "The joint over the evidence.",
    UNDISCOUNTED,
    Symbolic(lambda: prove_zero(positive("total") / positive("total") - 1, "by definition")),
)
