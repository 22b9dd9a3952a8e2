"""The bound of an agent with options as a number: (72), with and without a discount.

    log P(O=1) − E_q Σ_t (βr − log π/P − log π^H/P^H − log π^T/P^T) = KL(q ‖ P(τ|O=1))          (72)

Master policies and priors are (71): where an option goes on, δ stands against δ and the ratio is 1.
In an instance: reward [S, A], transition [S, A, S]; low [T, S, M, A], master [T, S, M], stop
[T, S, M, 2] with the probability of ending last; priors the same without time; first P(z_{-1}).
"""

from __future__ import annotations

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    array,
    beta,
    discount,
    distribution,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._elbo import (
    Walk,
    cyclic,
    first_only,
    options_solution,
    options_walk,
    surviving,
)
from tabular_marl.verification.claims._rommeo_rows import GIBBS, sample
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides
from tabular_marl.verification.strategies import Field, option_policies, option_priors

SIZES = {"states": (1, 2), "actions": (1, 2), "options": (1, 2), "times": (1, 2)}
ONE = {"states": ">= 1", "actions": ">= 1", "options": ">= 1", "beta": "(-inf, inf)"}
PLAYS = scope(**ONE, times=">= 1")
DISCOUNTED = scope(**ONE, times=">= 1", gamma="[0, 1]")
GAME: dict[str, Field] = {
    "reward": array("states", "actions"),
    "beta": beta("both", zero=True, high=4),
    **option_priors(),
    **option_policies(times="times"),
}
PLAY: dict[str, Field] = {
    "initial": distribution("states", degenerate=True),
    "first": distribution("options", degenerate=True),
    "transition": distribution("states", "actions", "states", degenerate=True),
    **GAME,
}


def one_agent(
    arithmetic: Arithmetic,
    initial: Numbers,
    first: Numbers,
    reward: Numbers,
    transition: Numbers,
    beta: Numbers,
    low_prior: Numbers,
    master_prior: Numbers,
    stop_prior: Numbers,
    low: Numbers,
    master: Numbers,
    stop: Numbers,
) -> Walk:
    """(69), (70) of an instance."""
    priors, policies = (low_prior, master_prior, stop_prior), (low, master, stop)
    steps = [list(policy) for policy in policies]
    return options_walk(arithmetic, initial, first, reward, transition, beta, priors, steps)


def gap(arithmetic: Arithmetic, **play: Numbers) -> Sides:
    """log P(O=1) − (72), and KL."""
    of = one_agent(arithmetic, **play)
    return sides(of.log_evidence - of.objective(), of.divergence)


def bound(arithmetic: Arithmetic, **play: Numbers) -> Numbers:
    """log P(O=1) − (72)."""
    of = one_agent(arithmetic, **play)
    return of.log_evidence - of.objective()


ELBO = (
    r"E_q\Big[\sum_{t=0}^{T} \beta r_t - \log\frac{\pi}{P} - \log\frac{\pi^H}{P^H} "
    r"- \log\frac{\pi^T}{P^T}\Big]"
)
row(
    "report.072.elbo-gap.added",
    "proved",
    "report (69); report (70); report (72)",
    rf"\log P(O=1) - {ELBO} = D_{{KL}}(q \,\|\, P(\tau|O=1))",
    "From t = 0, as (69) and (70) have it.",
    PLAYS,
    Deduction(
        ("elbo.gap.added", "elbo.factors.added"),
        "special case",
        "starts and transitions are kept and cancel; three factors a step are chosen",
    ),
    sample(gap, PLAY, "== 0", SIZES),
)
row(
    "report.072.elbo-bound.added",
    "proved",
    "report (72)",
    rf"{ELBO} \le \log P(O=1)",
    "Its gap is a divergence.",
    PLAYS,
    Deduction(("report.072.elbo-gap.added", GIBBS), "chain of inequalities", "the gap is KL >= 0"),
    sample(bound, PLAY, ">= 0", SIZES),
)


def from_one(arithmetic: Arithmetic, **play: Numbers) -> Numbers:
    """log P(O=1) minus the sum from t = 1."""
    of = one_agent(arithmetic, **play)
    return of.log_evidence - of.objective(start=1)


LONE: dict[str, object] = {
    "initial": [1],
    "first": [1],
    "reward": [[-1]],
    "transition": [[[1]]],
    "beta": 1,
    "low_prior": [[[1]]],
    "master_prior": [[1]],
    "stop_prior": [[["1/2", "1/2"]]],
}
ALONE: dict[str, list[object]] = {"low": [[[[1]]]], "master": [[[1]]], "stop": [[[["1/2", "1/2"]]]]}
TWICE = {name: policy * 2 for name, policy in ALONE.items()}
row(
    "report.072.elbo-start.added",
    "refuted",
    "report (69); report (72)",
    r"E_q\Big[\sum_{t=1}^{T} \cdots\Big] \le \log P(O=1) \text{ of (69)}",
    "Summed from t = 1 as printed it leaves out what (69) weighs at t = 0. One of everything, one "
    "step, βr = −1: 0 > −1.",
    PLAYS,
    Counterexample(from_one, LONE | ALONE),
)


def solved(
    arithmetic: Arithmetic,
    reward: Numbers,
    beta: Numbers,
    low_prior: Numbers,
    master_prior: Numbers,
    stop_prior: Numbers,
    low: Numbers,
    master: Numbers,
    stop: Numbers,
) -> Sides:
    """Gap of any policies, and best (72) − (72): a sure start, deterministic transitions."""
    moves, priors = cyclic(arithmetic, reward), (low_prior, master_prior, stop_prior)
    start = first_only(reward[:, 0]), first_only(master_prior[0])
    best = options_solution(arithmetic, reward, moves, beta, priors, len(low))
    own, top = (
        options_walk(arithmetic, *start, reward, moves, beta, priors, policies)
        for policies in ([list(low), list(master), list(stop)], best)
    )
    return sides(own.divergence, top.objective() - own.objective())


row(
    "report.072.elbo-tight.added",
    "proved",
    "report (72); report (73); report (75)",
    r"\max \text{(72)} = \log P(O=1) \iff U_{t+1}(s', z_t) \text{ is one number for all } s' "
    r"\text{ that may come, wherever } q^* \text{ goes, and } U_0 \text{ on the start's support}",
    "U of (75) with 1/m inside the logarithm of V^H. Deterministic transitions, a known state and "
    "a known option at the start are enough; then the gap of any policies is their regret.",
    PLAYS,
    Deduction(
        ("elbo.tight.added", "elbo.posterior.added", "report.072.elbo-gap.added"),
        "special case",
        "the messages of the graph are Q, V(s,z), V^H or V(s,z_), U; what is kept are P(s_0), "
        "P(z_{-1}) and the transitions",
    ),
    sample(solved, GAME, "== 0", SIZES),
)


def unknown_option(
    arithmetic: Arithmetic,
    reward: Numbers,
    low_prior: Numbers,
    master_prior: Numbers,
    stop_prior: Numbers,
    first: Numbers,
) -> Numbers:
    """The least gap of one step in one state, β = 1, option before drawn from ``first``."""
    one = arithmetic.number(1)
    priors = (low_prior, master_prior, stop_prior)
    sure = first_only(reward[:, 0])
    moves = cyclic(arithmetic, reward)
    best = options_solution(arithmetic, reward, moves, one, priors, 1)
    return options_walk(arithmetic, sure, first, reward, moves, one, priors, best).divergence


row(
    "report.072.elbo-option.added",
    "refuted",
    "report (69); report (70); report (72)",
    r"\text{deterministic transitions and a known } s_0 \Rightarrow \max \text{(72)} = \log P(O=1)",
    "q also keeps P(z_{-1}): an option in force before play is worth more than another. One "
    "state, two options that never end, each with its own action, rewards 0 and 1.",
    PLAYS,
    Counterexample(
        unknown_option,
        {
            "reward": [[0, 1]],
            "low_prior": [[[1, 0], [0, 1]]],
            "master_prior": [["1/2", "1/2"]],
            "stop_prior": [[[1, 0], [1, 0]]],
            "first": ["1/2", "1/2"],
        },
        "== 0",
    ),
)


# -- discount -------------------------------------------------------------------------------------


def discounted(arithmetic: Arithmetic, gamma: Numbers, **play: Numbers) -> Numbers:
    """log P(O=1) − (72) with γ^t."""
    of = one_agent(arithmetic, **play)
    return of.log_evidence - of.objective(gamma)


def survives(arithmetic: Arithmetic, gamma: Numbers, **play: Numbers) -> Sides:
    """KL in the surviving graph, and its log P(O=1) minus (72) with γ^t."""
    of = one_agent(arithmetic, **play)
    longer = surviving(of, gamma)
    return sides(longer.divergence, longer.log_evidence - of.objective(gamma))


row(
    "report.072.elbo-survival.added",
    "proved",
    "report (72)",
    r"\log P_\gamma(O=1) - \text{(72) with } \gamma^t = D_{KL}(q_\gamma \,\|\, "
    r"P_\gamma(\tau|O=1))",
    "Where a γ in (76) can come from: not from the graph, whose (72) has none, but from play "
    "that survives each step with probability γ.",
    DISCOUNTED,
    Deduction(
        ("elbo.survival.added", "elbo.gap.added", "elbo.factors.added"),
        "substitution of equals",
        "the gap of the longer graph, whose bound is the discounted sum",
    ),
    sample(survives, {**PLAY, "gamma": discount(high=1)}, "== 0", SIZES),
)
row(
    "report.072.elbo-discount.added",
    "refuted",
    "report (72); report (76)",
    r"\text{(72) with } \gamma^t \le \log P(O=1) \text{ of (69)}",
    "One of everything, βr = −1, two steps, γ = 1/2: −3/2 > −2.",
    DISCOUNTED,
    Counterexample(discounted, {"gamma": "1/2", **LONE, **TWICE}),
)
