"""The Bellman equation of two agents with options: report (86), (190), and what 2.2 says of it.

    Q(s,a,b,z,y) = βR(s,a,b) + γ E_{s'}[U(s',z,y)]                                       (86), (190)

U is the message of (85): the options of a step are what the next step may keep. Letters and shapes
as in ``_multi_options``.
"""

from __future__ import annotations

import numpy as np
import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    discount,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy
from tabular_marl.verification.claims._balancing import identity, inequality
from tabular_marl.verification.claims._multi_options import (
    GAME,
    GAMES,
    LAWS,
    PLAYED,
    PLAYS,
    PRIORS,
    STAGE,
    START,
    Match,
    Q,
    Team,
    begin,
    family,
    policies_of,
    priors_of,
)
from tabular_marl.verification.claims._options import (
    MONOTONE,
    SHIFT,
    UNIT,
    Options,
    constant,
)
from tabular_marl.verification.claims._options import PRIORS as ONE_PRIORS
from tabular_marl.verification.claims._options import Q as ONE_Q
from tabular_marl.verification.claims._options import family as single
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

CONTRACTION = scope(
    states=">= 1",
    actions=">= 1",
    opponent_actions=">= 1",
    options=">= 1",
    opponent_options=">= 1",
    gamma="[0, 1)",
)
VALUE = array("states", "options", "opponent_options")


def backup_distance(
    arithmetic: Arithmetic,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    value: Numbers,
    other: Numbers,
    **priors: Numbers,
) -> Numbers:
    """γ ‖U − W‖ − ‖TU − TW‖."""
    team = Team.of(arithmetic, **priors)
    match = Match(team, reward, transition, gamma)
    moved = team.soft(match.backup(value)) - team.soft(match.backup(other))
    return gamma * arithmetic.norm(value - other) - arithmetic.norm(moved)


row(
    "report.086.printed",
    "proved",
    "report (86); report (190)",
    r"Q = \beta R + \gamma E_{s'}[Q(s', z^i, z^{-i})],\ \gamma < 1, \text{ has one solution: } "
    r"\|TU - TW\|_\infty \le \gamma \|U - W\|_\infty",
    "Well printed: here γ is there, against (76).",
    CONTRACTION,
    Deduction(
        (MONOTONE, SHIFT),
        (
            "composition of monotone shift-equivariant maps",
            "monotone and shift-equivariant implies non-expansive",
            "non-expansive after a discounted expectation",
            "banach fixed point",
        ),
        "six aggregations, each monotone and moving with constants",
    ),
    inequality(
        backup_distance,
        family(GAME, PRIORS, {"value": VALUE, "other": VALUE, "gamma": discount()}),
        examples=1000,
    ),
    assumes=("(82)-(85) as corrected",),
)


def solved(
    arithmetic: Arithmetic,
    initial: Numbers,
    before: Numbers,
    opponent_before: Numbers,
    reward: Numbers,
    transition: Numbers,
    gamma: Numbers,
    **laws: Numbers,
) -> Numbers:
    """(80) with γ^t at (82)-(86) minus at other time-dependent policies."""
    match = Match(Team.of(arithmetic, **priors_of(laws)), reward, transition, gamma)
    start = begin(initial, before, opponent_before)
    plays = list(map(list, policies_of(laws)))
    best = match.objective(start, *match.best(len(plays[0]), 0 * start))
    return best - match.objective(start, *plays)


row(
    "report.086.corrected",
    "proved",
    "report (80); report (86); report (190); report B.2",
    r"\text{(82)-(85) as corrected with } Q_t = \beta R + \gamma E[U_{t+1}],\ U_{T+1} = 0 \text{ "
    r"maximise (80) with } \gamma^t \text{ over policies conditioned as in them}",
    "'We shall re-do all the solving': backward induction. At γ = 1 this is (80) itself; tables "
    "depend on t, and the stationary (86) is their limit T → ∞.",
    PLAYS,
    Deduction(
        ("report.085.joint.corrected",),
        "backward induction over time",
        "whatever happens before t, U_{t+1}(s',z,y) is what the rest is worth at best",
    ),
    inequality(solved, family(START, GAME, PRIORS, PLAYED, UNIT, times=(1, 3)), examples=512),
    assumes=("each policy ≪ its prior (else (80) is −∞)",),
)


def discounted(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, gamma: Numbers, like: Numbers
) -> Numbers:
    """(80) as printed, T = 1, at (82)-(86) minus its maximum; uniform priors, start in state 0."""
    team = Team.even(arithmetic, like)
    start = constant(arithmetic, [[[1]]] + [[[0]]] * (len(reward) - 1))
    plain = Match(team, reward, transition, 1)
    found = Match(team, reward, transition, gamma).best(2, 0 * start)
    return plain.objective(start, *found) - plain.objective(start, *plain.best(2, 0 * start))


row(
    "report.086.discount.printed",
    "refuted",
    "report (80); report (86); report (190)",
    r"\text{(82)-(86) maximise (80), } \gamma < 1",
    "(80) has no γ, (86) has: γ^t is dropped from (80), or put into (86) without a word, as "
    "between (5) and (6). An action that pays 1 tomorrow, γ = 1/2.",
    GAMES,
    Counterexample(
        discounted,
        {
            "reward": [[[0], [0]], [[1], [1]]],
            "transition": [[[[1, 0]], [[0, 1]]], [[[0, 1]], [[0, 1]]]],
            "gamma": "1/2",
            "like": [[[[[0, 0]]]], [[[[0, 0]]]]],
        },
    ),
)

# -- 2.2: an extension of 2.1 ----------------------------------------------------------------------


def alone(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """U of six aggregations where the opponent has one action and one option, and (75)'s U.
    q and low_prior [S, Z, A] and the priors of one agent."""
    one = Options.of(arithmetic, q, **priors)
    table = q[:, :, 0]
    unit = 0 * table + 1
    half = np.stack([unit, unit], axis=2) / 2
    team = Team(
        arithmetic,
        (
            one.low_prior[:, None, :, None],
            one.master_prior[:, None, None],
            one.stop_prior[:, :, None, None],
            unit[:, :, None, None],
            unit[:, :, None],
            half[:, :, None],
        ),
    )
    return sides(team.soft(q[:, None, :, None])[:, :, 0], one.soft(q))


def prove_alone() -> list[Proof]:
    t, first = positive("t"), positive("p")
    log = sympy.log
    return [
        prove_zero(log(1 * t) - log(t), "4, 5: one action, one option: F(x) = x"),
        prove_zero(log(first * t + (1 - first) * t) - log(t), "6: to keep or to choose the same"),
    ]


row(
    "report.2.2.extension.printed",
    "proved",
    "report 2.2; report (82); report (83); report (84); report (85)",
    r"|A^{-i}| = m^{-i} = 1: \text{ (82)-(85) as corrected are (73), (74) as corrected, (75)}",
    "'This would be a direct extension to the single agent HRL problem': steps 4 to 6 are then "
    "identities, steps 1 to 3 are the three of 2.1.",
    scope(states=">= 1", options=">= 1", actions=">= 1"),
    Symbolic(prove_alone),
    identity(alone, single(ONE_Q, ONE_PRIORS)),
)


# -- whose optimum ---------------------------------------------------------------------------------


def generous(arithmetic: Arithmetic, q: Numbers, **laws: Numbers) -> Numbers:
    """U − the most that the agent gets when the opponent plays given policies."""
    team = Team.of(arithmetic, **priors_of(laws))
    policies = [*team.tilts(q)[:3], *policies_of(laws)[3:]]
    return team.soft(q) - team.value(q, *policies)


row(
    "report.2.2.optimistic.added",
    "proved",
    "report 2.2; report (83); report (84); report (85)",
    r"U \ge \max_{\pi, q^{H,i}, q^{T,i}} E_q[Q - \text{six log-ratios}] \text{ for every } "
    r"\rho, q^{H,-i}, q^{T,-i}",
    "The opponent's three policies maximise the agent's own R^i: as in ROMMEO, the model is of an "
    "opponent who helps. 2.2 does not say that this is for cooperation only.",
    STAGE,
    Deduction(
        ("report.085.joint.corrected",),
        "special case",
        "the maximum over all six is at least that over three",
    ),
    inequality(generous, family(Q, PRIORS, LAWS), examples=1000),
)


def adversary(arithmetic: Arithmetic, reward: Numbers) -> Sides:
    """ρ of (83), and the soft best reply of an opponent with R^-i = −R^i; agent with one action,
    one option each, uniform priors; reward [B]."""
    prior = arithmetic.number(1) / len(reward) + 0 * reward
    policies = []
    for sign in (1, -1):
        x = sign * reward
        policies.append(prior * arithmetic.exp(x - free_energy(x, prior, 1, 0, arithmetic)))
    return sides(*policies)


row(
    "report.2.2.zero-sum.added",
    "refuted",
    "report 2.2; report (83)",
    r"R^{-i} = -R^i: \ \rho \text{ of (83) is the opponent's soft best reply}",
    "It is the opposite: the opponent is expected to play what suits the agent. Rewards 0 and 1.",
    scope(opponent_actions=">= 1"),
    Counterexample(adversary, {"reward": [0, 1]}, "== 0"),
)
