"""The bounds of options as numbers: (72) of one agent, (80) of two, with and without a discount.

    log P(O=1) − E_q Σ_t (βr − log π/P − log π^H/P^H − log π^T/P^T) = KL(q ‖ P(τ|O=1))          (72)

and (80) with all six ratios, the opponent's master under its own name. Master policies and priors
are (71), (81): where an option goes on, δ stands against δ and the ratio is 1.

In an instance: reward [S, A] or [S, A, B], transition [S, A, S]; low [T, S, M, A], master
[T, S, M], stop [T, S, M, 2] with the probability of ending last; priors the same without time;
first P(z_{-1}). Two agents: axes ``_elbo.SIX``, one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    beta,
    discount,
    distribution,
    positive,
    prove_positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._elbo import (
    SIX,
    TWO,
    Walk,
    cyclic,
    first_only,
    options_solution,
    options_walk,
    surviving,
    two_agents_solution,
    two_agents_walk,
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


def prove_step_survives() -> Iterator[Proof]:
    """With c_t what step t adds: alive with probability γ, else worth 0 for ever."""
    import sympy

    now, later, gamma = sympy.symbols("c V gamma")
    yield prove_zero(
        now + gamma * later + (1 - gamma) * 0 - (now + gamma * later),
        "V_t = c_t + γ E V_{t+1} + (1 − γ) 0",
    )
    yield prove_zero(sympy.log(positive("p") / positive("p")), "once over, q = P costs nothing")


row(
    "elbo.survival.added",
    "proved",
    "report (6); report (72); report (80)",
    r"E_q \sum_t \gamma^t \Big(w_t - \sum_k \log\frac{q_k}{p_k}\Big) \text{ is the bound of the "
    r"graph that goes on with probability } \gamma \text{ after each step}",
    "Any graph: one more kept variable a step; once play is over w = 0 and policies are the priors."
    " Play is alive at t with probability γ^t, whatever the policies.",
    scope(gamma="[0, 1]", times=">= 1"),
    Symbolic(prove_step_survives),
)
SURVIVES = sample(survives, {**PLAY, "gamma": discount(high=1)}, "== 0", SIZES)
for tag, symbol, samples in (("072", "(72)", (SURVIVES,)), ("080", "(80)", ())):
    row(
        f"report.{tag}.elbo-survival.added",
        "proved",
        f"report ({int(tag)})",
        rf"\log P_\gamma(O=1) - \text{{{symbol} with }} \gamma^t = D_{{KL}}(q_\gamma \,\|\, "
        r"P_\gamma(\tau|O=1))",
        f"Where the γ of (86), or one in (76), can come from: not from the graph, whose {symbol} "
        "has none, but from play that survives each step with probability γ.",
        DISCOUNTED,
        Deduction(
            ("elbo.survival.added", "elbo.gap.added", "elbo.factors.added"),
            "substitution of equals",
            "the gap of the longer graph, whose bound is the discounted sum",
        ),
        *samples,
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


# -- two agents -----------------------------------------------------------------------------------


LENGTHS: Mapping[str, str | int] = {
    "s": "states", "z_": "options", "y_": "others", "stop_y": 2, "y": "others",
    "b": "opponent_actions", "stop": 2, "z": "options", "a": "actions",
}  # fmt: skip
TWO_SIZES = {
    "states": (1, 2), "actions": (1, 2), "opponent_actions": (1, 2),
    "options": (1, 2), "others": (1, 2),
}  # fmt: skip
PAIRS = scope(**{name: ">= 1" for name in TWO_SIZES}, beta="(-inf, inf)")
TWO_GAME: dict[str, Field] = {
    "reward": array("states", "actions", "opponent_actions"),
    "beta": beta("both", zero=True, high=4),
    **{f"{n}_prior": distribution(*(LENGTHS[axis] for axis in SIX[n])) for n in TWO},
    **{n: distribution(*(LENGTHS[axis] for axis in SIX[n]), degenerate=True) for n in TWO},
}
TWO_PLAY: dict[str, Field] = {
    "start": distribution("states", degenerate=True),
    "option": distribution("options", degenerate=True),
    "other": distribution("others", degenerate=True),
    **TWO_GAME,
}


def two_agents(
    arithmetic: Arithmetic,
    start: Numbers,
    option: Numbers,
    other: Numbers,
    reward: Numbers,
    beta: Numbers,
    **tables: Numbers,
) -> Walk:
    """(77), (79) of an instance, one step."""
    priors, policies = [tables[f"{n}_prior"] for n in TWO], [tables[n] for n in TWO]
    return two_agents_walk(arithmetic, (start, option, other), reward, beta, priors, policies)


def two_gap(arithmetic: Arithmetic, **play: Numbers) -> Sides:
    """log P(O=1) − (80), and KL."""
    of = two_agents(arithmetic, **play)
    return sides(of.log_evidence - of.objective(), of.divergence)


def two_bound(arithmetic: Arithmetic, **play: Numbers) -> Numbers:
    """log P(O=1) − (80)."""
    of = two_agents(arithmetic, **play)
    return of.log_evidence - of.objective()


row(
    "report.080.elbo-gap.added",
    "proved",
    "report (77); report (79); report (80); report (81)",
    r"\log P(O=1) - E_q\Big[\sum_{t=0}^{T} \beta R_t - \sum_{\text{six policies}} \log\frac{q}{P}"
    r"\Big] = D_{KL}(q \,\|\, P(\tau|O=1))",
    "(80) with the opponent's master and termination under their own names, all given O^-i = 1. "
    "For the arguments of (79) and for the wider ones of (82)-(85).",
    PAIRS,
    Deduction(
        ("elbo.gap.added", "elbo.factors.added"),
        "special case",
        "six chosen factors a step, starts and transitions kept",
    ),
    sample(two_gap, TWO_PLAY, "== 0", TWO_SIZES),
)
row(
    "report.080.elbo-bound.added",
    "proved",
    "report (80)",
    r"E_q\Big[\sum_{t=0}^{T} \beta R_t - \sum_{\text{six policies}} \log\frac{q}{P}\Big] "
    r"\le \log P(O=1)",
    "Its gap is a divergence.",
    PAIRS,
    Deduction(("report.080.elbo-gap.added", GIBBS), "chain of inequalities", "the gap is KL >= 0"),
    sample(two_bound, TWO_PLAY, ">= 0", TWO_SIZES),
)


def two_solved(arithmetic: Arithmetic, reward: Numbers, beta: Numbers, **tables: Numbers) -> Sides:
    """Gap of any policies, and best (80) − (80): one step from a sure start."""
    priors, policies = [tables[f"{n}_prior"] for n in TWO], [tables[n] for n in TWO]
    earlier = priors[0]  # [s, z_, y_, 2]
    starts = [
        first_only(reward[:, 0, 0]), first_only(earlier[0, :, 0, 0]),
        first_only(earlier[0, 0, :, 0]),
    ]  # fmt: skip
    best = two_agents_solution(arithmetic, reward, beta, priors)
    own, top = (
        two_agents_walk(arithmetic, starts, reward, beta, priors, chosen)
        for chosen in (policies, best)
    )
    return sides(own.divergence, top.objective() - own.objective())


row(
    "report.080.elbo-tight.added",
    "proved",
    "report (80); report (82); report (85)",
    r"\max \text{(80)} = \log P(O=1) \iff U_{t+1}(s', z_t, y_t) \text{ is one number for all } s' "
    r"\text{ that may come, and } U_0 \text{ on the support of the start}",
    "With the conditioning of (82)-(85), their logarithms put in. Deterministic transitions and "
    "known state and options at the start are enough.",
    PAIRS,
    Deduction(
        ("elbo.tight.added", "elbo.posterior.added", "report.080.elbo-gap.added"),
        "special case",
        "the messages of the graph are the six values of (82)-(86); the rest is kept",
    ),
    sample(two_solved, TWO_GAME, "== 0", TWO_SIZES),
)


def prove_family() -> Iterator[Proof]:
    """One state, one option each, uniform priors, R = 1 where a = b: e^β = 1 + t, t > 0."""
    x, y, t = positive("x"), positive("y"), positive("t")
    product = [[x * y, x * (1 - y)], [(1 - x) * y, (1 - x) * (1 - y)]]
    yield prove_zero(
        product[0][0] * product[1][1] - product[0][1] * product[1][0],
        "π(a) ρ(b) has determinant 0, whatever the policies",
    )
    total = 2 * (1 + t) + 2
    yield prove_positive(
        ((1 + t) / total) ** 2 - (1 / total) ** 2, "the posterior of (a, b) has determinant > 0"
    )


row(
    "report.080.elbo-family.added",
    "proved",
    "report (79); report (80)",
    r"R = 1[a=b],\ \text{one state, one option each: } \text{(80)} < \log P(O=1) "
    r"\text{ for every } q \text{ of (79)}",
    "Deterministic, with a sure start, and still not tight: in (79) π(a|s,z) does not see b, so q "
    "is a product, and the posterior correlates a with b. The policies of (82) see b.",
    scope(beta="(0, inf)"),
    Symbolic(prove_family),
    rests_on=("elbo.bound.added",),
)


def two_mass(arithmetic: Arithmetic, chance: Numbers, u: Numbers) -> Numbers:
    """log P(O=1) − Σ q log P/q with P(O^-i=1) = ``chance`` in both; one trajectory, Σ βR = u."""
    return arithmetic.log(chance) + u - chance * u


row(
    "report.080.elbo-mass.added",
    "refuted",
    "report (77); report (79); report (80)",
    r"q = \cdots P(O^{-i}_{1:T}=1) \Rightarrow \sum_\tau q \log\frac{P(\tau, O=1)}{q} \le "
    r"\log P(O^i=1, O^{-i}=1)",
    "(79) has the factor P(O^-i=1) and so no mass one. R = 0 and P(O^-i=1) = 1/2: 0 against "
    "log 1/2. Everything must be given O^-i = 1.",
    scope(chance="(0, 1]"),
    Counterexample(two_mass, {"chance": "1/2", "u": 0}),
)


def two_discounted(arithmetic: Arithmetic, gamma: Numbers, u: Numbers) -> Numbers:
    """log P(O=1) − Σ γ^t u_t where there is one of everything; u [T + 1]."""
    total, factor = 0 * u[0], arithmetic.number(1)
    for now in u:
        total, factor = total + factor * now, factor * gamma
    return u.sum(axis=0) - total


row(
    "report.080.elbo-discount.added",
    "refuted",
    "report (80); report (86)",
    r"\text{(80) with } \gamma^t \le \log P(O=1) \text{ of (77)}",
    "(86) discounts, (77) and (80) do not. One of everything, βR = −1 twice, γ = 1/2: −3/2 > −2.",
    DISCOUNTED,
    Counterexample(two_discounted, {"gamma": "1/2", "u": [-1, -1]}),
)
