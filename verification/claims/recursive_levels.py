"""Levels one and two as printed: report (103)-(107).

    V_1 = log Σ ρ_0 Σ π_0 exp Q_1,    ρ_1(b|s) = ρ_0 exp(Q_1(s,b) − V_1(s))        (105), corrected
    V_2 = log Σ π_1 Σ ρ_1 exp Q_2,    π_2(a|s) = π_1 exp(Q_2(s,a) − V_2(s))        (107), corrected

Shapes as in ``_recursive``.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    distribution,
    positive,
    prove_zero,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, kl
from tabular_marl.verification.claims._recursive import (
    COORDINATE,
    CORNER,
    DUALITY,
    GAMES,
    LEVEL,
    PRIORS,
    STATES,
    Level,
    cost,
)
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row

# -- (104) -----------------------------------------------------------------------------------------


def backups(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, gamma: Numbers, value: Numbers
) -> Any:
    """R + γ V(s_t), and R + γ E V(s_{t+1})."""
    return sides(
        reward + gamma * value[:, None, None],
        reward + gamma * (transition * value).sum(axis=3),
    )


def temperatures(arithmetic: Arithmetic, q: Numbers, beta: Numbers) -> Any:
    """π_1(a|s,b) from R, and from βR; q = R."""
    return sides(Level.of(arithmetic, q).answers(), Level.of(arithmetic, beta * q).answers())


row(
    "report.104.index.printed",
    "refuted",
    "report (104)",
    r"Q_1(s_t, a_t, b_t) = R + \gamma E_{s_{t+1}}[V_1(s_t)]",
    "V_1 must be taken at s_{t+1} (as in (106)); as printed transitions do not matter. The text "
    "before it calls Q_1 Q_0, the one after it V(0 s_t).",
    GAMES,
    Counterexample(
        backups,
        {
            "reward": [[[0]], [[0]]],
            "transition": [[[[0, 1]]], [[[0, 1]]]],
            "gamma": "1/2",
            "value": [0, 1],
        },
        "== 0",
    ),
)
row(
    "report.104.temperature.printed",
    "refuted",
    "report (104); report (106); report (108); report (109)",
    r"Q_k = R + \gamma E[V_k] \text{ gives the policies of (13), (14) at any } \beta",
    "β is dropped from here on; (14) and (86) have βR. Right for β = 1 only.",
    GAMES,
    Counterexample(temperatures, {"q": [[[1], [0]]], "beta": 2}, "== 0"),
)
row(
    "report.104.corrected",
    "proved",
    "report (103); report (104); report (14)",
    r"Q_1(s_t, a_t, b_t) = \beta R + \gamma E_{s_{t+1}}[V_1(s_{t+1})] \text{ with } V_1 \text{ of "
    r"(105) "
    r"has one solution, ROMMEO's (14) with priors } \pi_0, \rho_0",
    "Level one is ROMMEO. So is every level, with the marginals below it as priors.",
    GAMES,
    Deduction(("recipe.fixed-point",), "special case", "a given b, then b, one β"),
)

# -- (105) -----------------------------------------------------------------------------------------


def soft_optimum(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """V_1, and E[Q_1] − KL(p ‖ π_0 ρ_0) at p = π_1 ρ_1."""
    here = Level.of(arithmetic, q, pi, rho)
    law = here.joint()
    return sides(here.value(), here.mean(law) - cost(arithmetic, law, here.product()))


def prove_soft_optimum() -> list[Proof]:
    import sympy

    Q, soft, v, lmu, lnu = sympy.symbols("Q Q_b V logpi0 logrho0")
    lpi, lrho = lmu + Q - soft, lnu + soft - v
    return [prove_zero(Q - (lpi - lmu) - (lrho - lnu) - v, "at every (s, a, b)")]


row(
    "report.105.value.printed",
    "proved",
    "report (105)",
    r"V_1(s) = \log \int \rho_0 \int \pi_0 \exp Q_1 = E_{\pi_1, \rho_1}[Q_1] - D_{KL}(\pi_1 \rho_1 "
    r"\| "
    r"\pi_0 \rho_0)",
    "The soft-max over both, attained by level one's pair, also where π_0 depends on b as in "
    "(105). (A d is missing before a^-i.)",
    STATES,
    Symbolic(prove_soft_optimum),
    sample(soft_optimum, LEVEL, "== 0"),
)


def next_state(arithmetic: Arithmetic, q: Numbers) -> Any:
    """Σ_b ρ_0 exp(Q(s,b) − V(s')) with s' the other state, and one; uniform priors."""
    here = Level.of(arithmetic, q)
    weights = here.rho * arithmetic.exp(here.agent_soft() - here.value()[::-1, None])
    return sides(weights.sum(axis=1), arithmetic.number(1))


def level_zero(arithmetic: Arithmetic, q: Numbers) -> Any:
    """Σ_b ρ_0 exp(Q_0(s,b) − V_0(s)), V_0 the value of the level-0 pair itself; and one."""
    here = Level.of(arithmetic, q)
    weights = here.rho * arithmetic.exp(here.agent_soft() - here.mean(here.product())[:, None])
    return sides(weights.sum(axis=1), arithmetic.number(1))


def as_agents(arithmetic: Arithmetic, q: Numbers) -> Any:
    """The right side of (105) as a law of a^i, and π_1(a|s); A = B, uniform priors."""
    here = Level.of(arithmetic, q)
    return sides(here.opponent(), here.marginals()[0])


def opponent_mass(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """ρ_1 by (105), exp(Q_1(s,b) − V_1(s)) ρ_0, and the b-marginal of the optimal pair."""
    here = Level.of(arithmetic, q, pi, rho)
    weights = here.rho * arithmetic.exp(here.agent_soft() - here.value()[:, None])
    return sides(weights, here.marginals()[1])


def prove_opponent_mass() -> list[Proof]:
    nu, soft, rest, p = (positive(name) for name in ["nu", "E", "S", "p"])
    z = rest + nu * soft
    return [
        prove_zero(rest / z + nu * soft / z - 1, "it sums to one"),
        prove_zero((nu * soft / z) * (p + (1 - p)) - nu * soft / z, "Σ_a π_1(a|s,b) ρ_1 = ρ_1"),
    ]


row(
    "report.105.next-state.printed",
    "refuted",
    "report (105)",
    r"\rho_1 = \rho_0 \exp Q(s_t, b) / \exp V(s_{t+1})",
    "The normaliser is that of the same state, exp V_1(s_t). Two states worth 0 and 1.",
    STATES,
    Counterexample(next_state, {"q": [[[0]], [[1]]]}, "== 0"),
)
row(
    "report.105.level.printed",
    "refuted",
    "report (105)",
    r"\rho_1 = \rho_0 \exp Q_0(s, b) / \exp V_0(s), \text{ } V_0 \text{ the value of level zero}",
    "Q_0, V_0 must be Q_1, V_1 (before (104) Q_1 is called Q_0). Nobody has answered at level "
    "zero: "
    "with its own value the line is not normalised.",
    STATES,
    Counterexample(level_zero, {"q": [[[1], [0]]]}, "== 0"),
)
row(
    "report.105.index.printed",
    "refuted",
    "report (105)",
    r"\rho_1(a^i|s) = \rho_0(a^{-i}|s) \exp Q(s, a^{-i}) / \exp V(s)",
    "A law of a^-i: read as one of a^i it is not the agent's marginal.",
    STATES,
    Counterexample(as_agents, {"q": [[[1, 0], [1, 0]]]}, "== 0"),
)
row(
    "report.105.corrected",
    "proved",
    "report (105)",
    r"\rho_1(a^{-i}|s) = \rho_0(a^{-i}|s) \exp Q_1(s, a^{-i}) / \exp V_1(s)",
    "Normalised, and the b-marginal of level one's pair.",
    STATES,
    Symbolic(prove_opponent_mass),
    sample(opponent_mass, LEVEL, "== 0"),
)


def with_old_model(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """V_1 minus the value of (π_1, ρ_0), and KL(ρ_0 ‖ ρ_1)."""
    here = Level.of(arithmetic, q, pi, rho)
    law = here.answers() * here.rho[:, None]
    old = here.mean(law) - cost(arithmetic, law, here.product())
    return sides(here.value() - old, kl(here.rho, here.opponent(), 1, arithmetic))


row(
    "report.105.marginal.printed",
    "proved",
    "report (105)",
    r"\pi_1(a|s) = \textstyle\sum_b \pi_1(a|s, b) \rho_1(b|s); \ \text{ with } \rho_0 \text{ in "
    r"place of "
    r"} \rho_1 \text{ the pair is worth } V_1 - D_{KL}(\rho_0 \| \rho_1)",
    '"It doesn\'t make sense to use ρ_0": V_1 is the value of π_1 with ρ_1, so π_1(a|s) is the '
    "marginal under ρ_1. It also says what level one believes: not an opponent at level zero, but "
    "one who has moved to ρ_1 in the agent's favour.",
    STATES,
    Deduction(
        ("report.105.value.printed", "report.105.corrected", DUALITY),
        "substitution of equals",
        "at π_1 the objective is E_ρ Q_1(s,b) − KL(ρ ‖ ρ_0) = V_1 − KL(ρ ‖ ρ_1)",
    ),
    sample(with_old_model, LEVEL, "== 0"),
)


def expected(arithmetic: Arithmetic, q: Numbers) -> Any:
    """V_1 and E_{π_1,ρ_1} Q_1; uniform priors."""
    here = Level.of(arithmetic, q)
    return sides(here.value(), here.mean(here.joint()))


row(
    "report.105.expected.printed",
    "refuted",
    "report (105)",
    r"V_1(s) = E_{\pi_1, \rho_1}[Q_1(s, a, b)]",
    '"The Bellman equation will calculate the expected reward given the fact that ρ_1 is playing": '
    "it also charges both divergences, see (105).",
    STATES,
    Counterexample(expected, {"q": [[[1], [0]]]}, "== 0"),
)

# -- (106), (107) ----------------------------------------------------------------------------------


def two_values(arithmetic: Arithmetic, q: Numbers) -> Any:
    """V of (105) and V of (107), with the marginals of level one as priors."""
    here = Level.of(arithmetic, q)
    return sides(here.value(), here.next().value())


def mixed_prior(arithmetic: Arithmetic, q: Numbers) -> Any:
    """Σ_a π_0 exp(Q(s,a) − V), V of (107) with π_1; and one. Uniform priors."""
    first = Level.of(arithmetic, q)
    second = Level(arithmetic, q, first.marginals()[0], first.rho)
    weights = first.pi * arithmetic.exp(second.opponent_soft() - second.value()[:, None])
    return sides(weights.sum(axis=1), arithmetic.number(1))


def agent_mass(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """π exp(Q(s,a) − V), and the a-marginal of the pair of the same priors."""
    here = Level.of(arithmetic, q, pi, rho)
    weights = here.pi * arithmetic.exp(here.opponent_soft() - here.value()[:, None])
    law = here.opponent_answers() * here.agent()[:, :, None]
    return sides(weights, law.sum(axis=2))


row(
    "report.106.level.printed",
    "refuted",
    "report (106); report (107); report (105)",
    r"V_1 \text{ of (106), (107)} = V_1 \text{ of (105)}",
    "Level two's table and value are called Q_1, V_1; they are Q_2, V_2.",
    STATES,
    Counterexample(two_values, {"q": CORNER}, "== 0"),
)
row(
    "report.107.prior.printed",
    "refuted",
    "report (107)",
    r"\pi_2(a|s) = \pi_0(a|s) \exp Q(s, a) / \exp V, \quad V = \log \int \pi_1 \int \rho_0 \exp Q",
    "π_2 takes π_0 while its normaliser was made with π_1: the line does not sum to one.",
    STATES,
    Counterexample(mixed_prior, {"q": CORNER}, "== 0"),
)
row(
    "report.107.prior.corrected",
    "proved",
    "report (106); report (107)",
    r"\pi_2(a|s) = \pi_1(a|s) \exp Q_2(s, a) / \exp V_2(s)",
    "Normalised whichever prior the opponent has, and the a-marginal of level two's pair.",
    STATES,
    Deduction(
        ("report.105.corrected",), "special case", "(105) with the players exchanged, priors π_1, ρ"
    ),
    sample(agent_mass, LEVEL, "== 0"),
)


def rise_of_two(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """V_2 of the priors (π_1, ρ_0) minus V_1, and KL(π_1 ‖ π_0) + KL(p_1 ‖ p_2)."""
    first = Level.of(arithmetic, q, pi, rho)
    second = Level(arithmetic, q, first.marginals()[0], first.rho)
    parts = kl(second.pi, first.pi, 1, arithmetic)
    parts = parts + cost(arithmetic, first.joint(), second.joint())
    return sides(second.value() - first.value(), parts)


def prove_rise_of_two() -> Proof:
    import sympy

    Q, v, w, old, new, rho = sympy.symbols("Q V_1 V_2 logpi_0 logpi_1 logrho_0")
    first, second = old + rho + Q - v, new + rho + Q - w
    return prove_zero((w - v) - (new - old) - (first - second), "at every (a, b), weighted by p_1")


row(
    "report.107.rise.added",
    "proved",
    "report (107)",
    r"\text{on one table } Q, \text{ priors } \pi_1, \rho_0: \ V_2 - V_1 = D_{KL}(\pi_1 \| \pi_0) "
    r"+ D_{KL}(p_1 \| p_2)",
    "Read as (107) has it, with the opponent still at level zero, level two gains as well; with "
    "(109)'s ρ_1 see (108).",
    STATES,
    Symbolic(prove_rise_of_two),
    sample(rise_of_two, LEVEL, "== 0"),
)


def own_marginal(arithmetic: Arithmetic, pi: Numbers, answer: Numbers) -> Any:
    """∫ ρ_0(b|s,a) π_0(a|s) db and π_0(a|s)."""
    return sides((answer * pi[:, :, None]).sum(axis=2), pi)


def prove_own_marginal() -> Proof:
    p, r = positive("pi"), positive("r")
    return prove_zero(r * p + (1 - r) * p - p, "Σ_b ρ_0(b|s,a) = 1, for any ρ_0")


row(
    "report.107.self.printed",
    "proved",
    "report (107)",
    r"\pi_0(a|s) = \int \rho_0(b|s, a)\, \pi_0(a|s)\, \mathrm{d}b",
    "True of every ρ_0(b|s, a): it defines nothing. What is needed is level one's marginal.",
    STATES,
    Symbolic(prove_own_marginal),
    sample(
        own_marginal,
        {"pi": PRIORS["pi"], "answer": distribution("states", "actions", "opponent_actions")},
        "== 0",
    ),
)
row(
    "report.107.self.corrected",
    "proved",
    "report (107); report (105)",
    r"\pi_1(a|s) = \int \rho_1(b|s)\, \pi_1(a|s, b)\, \mathrm{d}b",
    "As the text after (105) says.",
    STATES,
    Deduction(("report.105.marginal.printed",), "special case", "the first half of that statement"),
)


def priors_of_two(arithmetic: Arithmetic, q: Numbers) -> Any:
    """V_2 with priors (π_1, ρ_0) of (107), and with (π_1, ρ_1) of (109) at k = 2."""
    first = Level.of(arithmetic, q)
    old = Level(arithmetic, q, first.marginals()[0], first.rho)
    return sides(old.value(), first.next().value())


row(
    "report.109.level-two.printed",
    "refuted",
    "report (107); report (109)",
    r"\text{(107) is (109) at } k = 2: \ \rho_0 = \rho_{k-1}",
    "(107) gives level two the prior ρ_0, (109) gives it ρ_1. Two different levels two. "
    "(ρ_0(b|s,a) in (107): independent of a by the text after it.)",
    STATES,
    Counterexample(priors_of_two, {"q": CORNER}, "== 0"),
)


def conditional_zero(arithmetic: Arithmetic, q: Numbers, answers: Numbers) -> Any:
    """V_1 of (105) with π_0(a|s,b) = answers [S, A, B], and of (108) with its marginal under "
    "ρ_0."""
    here = Level.of(arithmetic, q)
    soft = free_energy(q, answers, 1, 1, arithmetic)
    pi = (answers * here.rho[:, None]).sum(axis=2)
    return sides(free_energy(soft, here.rho, 1, 1, arithmetic), Level.of(arithmetic, q, pi).value())


row(
    "report.108.level-one.printed",
    "refuted",
    "report (105); report (108)",
    r"\text{(105) is (108) at } k = 1: \ \pi_0(a|s, b) \text{ or } \pi_0(a|s)",
    "(105) has a conditional prior of the agent, (108) a marginal one. They agree only if π_0 does "
    "not depend on b. Here level zero copies b.",
    STATES,
    Counterexample(conditional_zero, {"q": CORNER, "answers": [[[1, 0], [0, 1]]]}, "== 0"),
)


def keep_conditional(arithmetic: Arithmetic, q: Numbers) -> Any:
    """V_{k+1} with the pair of level k as a joint prior, and with the product of its marginals."""
    here = Level.of(arithmetic, q)
    inner = free_energy(q, here.answers(), 1, 1, arithmetic)
    return sides(free_energy(inner, here.opponent(), 1, 1, arithmetic), here.next().value())


row(
    "report.107.special.printed",
    "refuted",
    "report (107); report (108); report (109)",
    r"\text{above level two nothing is marginalised: the prior of level } k \text{ is the "
    r"conditional "
    r"pair of level } k - 1",
    '"The level-2 is the only special case": but (108) and (109) take π_{k-1}(a|s), ρ_{k-1}(b|s), '
    "marginals as if independent, at every k. The value with the conditional pair is another.",
    STATES,
    Counterexample(keep_conditional, {"q": COORDINATE}, "== 0"),
)
