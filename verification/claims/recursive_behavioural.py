"""What the levels are, and are not: report 4.1.1, the three observations.

    report        π_1(a|s) ∝ π_0(a|s) E_{ρ_0} exp Q(s,a,b)
    level-k       π_1(a|s) ∝ π_0(a|s) exp E_{ρ_0} Q(s,a,b),    π_2 from ρ_1 with prior π_0 again
    hierarchy     π_2 answers a Poisson mixture of ρ_0 and ρ_1
    ROMMEO-EM     the next prior is the pair p_k itself, not the product of its marginals

Level-k (Nagel; Stahl and Wilson) and the cognitive hierarchy (Camerer, Ho, Chong) with logit
answers. The opponent's side is the same with the players exchanged. Shapes as in ``_recursive``.
"""

from __future__ import annotations

from typing import Any

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    array,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, tilt
from tabular_marl.verification.claims._recursive import (
    COORDINATE,
    CORNER,
    DUALITY,
    GAMES,
    GIBBS,
    LEVEL,
    PRIORS,
    STATES,
    Level,
)
from tabular_marl.verification.claims._rommeo_rows import sample
from tabular_marl.verification.claims._rows import row

# -- level-k of behavioural game theory ------------------------------------------------------------


def logit_answers(arithmetic: Arithmetic, here: Level, pi: Numbers, rho: Numbers) -> Any:
    """(agent's, opponent's) logit answers to the beliefs ρ and π, with the priors of ``here``."""
    mine = (here.q * rho[:, None]).sum(axis=2)
    theirs = (here.q * pi[:, :, None]).sum(axis=1)
    return (
        tilt(mine, here.pi, 1, 1, arithmetic),
        tilt(theirs, here.rho, 1, 1, arithmetic),
    )


def level_one(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """π_1(a|s), and the logit answer to ρ_0."""
    here = Level.of(arithmetic, q, pi, rho)
    return sides(here.marginals()[0], logit_answers(arithmetic, here, here.pi, here.rho)[0])


def level_one_additive(
    arithmetic: Arithmetic, mine: Numbers, theirs: Numbers, pi: Numbers, rho: Numbers
) -> Any:
    """The same for Q = f(s,a) + g(s,b)."""
    return level_one(arithmetic, mine[:, :, None] + theirs[:, None], pi, rho)


def level_two(arithmetic: Arithmetic, q: Numbers, share: Numbers) -> Any:
    """π_2(a|s), and the logit answer to share ρ_0 + (1 − share) ρ_1 with ρ_1 the logit answer."""
    here = Level.of(arithmetic, q)
    pi, rho = logit_answers(arithmetic, here, here.pi, here.rho)
    belief = [share * old + (1 - share) * new for old, new in ((here.pi, pi), (here.rho, rho))]
    return sides(here.next().marginals()[0], logit_answers(arithmetic, here, *belief)[0])


UNIFORM = {"pi": [["1/2", "1/2"]], "rho": [["1/2", "1/2"]]}
row(
    "report.4.1.1.behavioural.added",
    "refuted",
    "report 4.1.1; report (105); report (108)",
    r"\pi_1 = \text{ the (logit) answer to an opponent at level zero: } \pi_1 \propto \pi_0 \exp "
    r"E_{\rho_0}[Q]",
    "The report's level-k is not that of behavioural game theory: its level one expects an "
    "opponent "
    "who leaves level zero to help, so it averages e^Q, not Q. 2 or 0 by a fair coin beats 1.",
    STATES,
    Counterexample(level_one, {"q": [[[2, 0], [1, 1]]], **UNIFORM}, "== 0"),
)
row(
    "report.4.1.1.behavioural.additive.added",
    "proved",
    "report 4.1.1; report (105)",
    r"Q = f(s, a) + g(s, b): \ \pi_1 \propto \pi_0 e^f \text{ in both}",
    "Without interaction the two levels one agree.",
    STATES,
    Deduction(
        ("report.108.growth.added", "free-energy.shift-equivariant"),
        "substitution of equals",
        "E_ρ e^{f+g} = e^f E_ρ e^g and exp E_ρ[f + g] = e^f e^{E_ρ g}; the second factors are "
        "normalised away",
    ),
    sample(
        level_one_additive,
        {
            "mine": array("states", "actions"),
            "theirs": array("states", "opponent_actions"),
            **PRIORS,
        },
        "== 0",
    ),
    assumes=("Q = f(s,a) + g(s,b)",),
)
row(
    "report.4.1.1.behavioural.level-two.added",
    "refuted",
    "report 4.1.1; report (107); report (109)",
    r"\pi_2 = \text{ the (logit) answer to level one}",
    "Here even one action of the opponent's suffices: the report takes its own π_1 as prior again, "
    "so "
    "Q counts twice (π_2 ∝ π_0 e^{2Q}); a level-2 player of level-k counts it once.",
    STATES,
    Counterexample(level_two, {"q": [[[1], [0]]], "share": 0}, "== 0"),
)
row(
    "report.4.1.1.hierarchy.added",
    "refuted",
    "report 4.1.1; report (107); report (109)",
    r"\pi_2 = \text{ the (logit) answer to a mixture of levels zero and one}",
    "Nor is it a cognitive hierarchy: no level is mixed with those below it. Poisson mean one, "
    "shares 1/2 and 1/2.",
    STATES,
    Counterexample(level_two, {"q": CORNER, "share": "1/2"}, "== 0"),
)


def pennies_path(arithmetic: Arithmetic, reward: Numbers, first: Numbers, levels: int) -> Numbers:
    """The agent's best answer at the last level minus the one before; zero-sum 2×2, no ties."""
    pi, rho = first[0], first[1]
    before = pi
    for _ in range(levels):
        before = pi
        pi, rho = (
            best(arithmetic, (reward * rho).sum(axis=1)),
            best(arithmetic, -(reward * pi[:, None]).sum(axis=0)),
        )
    return pi - before


def best(arithmetic: Arithmetic, x: Numbers) -> Numbers:
    """The indicator of the larger of two numbers that differ: (1 + sign(x − x'))/2."""
    gap = x - x[::-1]
    return (1 + gap / arithmetic.absolute(gap)) / 2


row(
    "report.4.1.1.behavioural.cycle.added",
    "refuted",
    "report 4.1.1",
    r"\text{the levels of level-k with best answers settle: } \pi_{21} = \pi_{20} \text{ in "
    r"matching "
    r"pennies}",
    "Level-k proper runs in a cycle of period four in matching pennies; the report's levels, with "
    "one β, cannot cycle at all.",
    STATES,
    Counterexample(
        pennies_path,
        {
            "reward": [[1, -1], [-1, 1]],
            "first": [["3/5", "2/5"], ["2/5", "3/5"]],
            "levels": 21,
        },
        "== 0",
    ),
)

# -- first observation -----------------------------------------------------------------------------


def optimism(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """V_1, and the soft value of answering ρ_0: log Σ π_0 exp E_{ρ_0} Q."""
    here = Level.of(arithmetic, q, pi, rho)
    mine = (q * rho[:, None]).sum(axis=2)
    return sides(here.value(), free_energy(mine, pi, 1, 1, arithmetic))


def best_value(arithmetic: Arithmetic, q: Numbers) -> Numbers:
    """max_a E_{ρ_0} Q − V_1; uniform priors."""
    here = Level.of(arithmetic, q)
    mine = (q * here.rho[:, None]).sum(axis=2)
    return arithmetic.maximum(mine, 1) - here.value()


def against_zero(arithmetic: Arithmetic, q: Numbers) -> Numbers:
    """E_{π_1,ρ_0} Q − E_{π_0,ρ_0} Q; uniform priors."""
    here = Level.of(arithmetic, q)
    mine = (q * here.rho[:, None]).sum(axis=2)
    return ((here.marginals()[0] - here.pi) * mine).sum(axis=1)


row(
    "report.4.1.1.superior.printed",
    "proved",
    "report 4.1.1; report (108)",
    r"\text{level } k \text{ is superior to the levels below it in its own soft value: } V_k \ge "
    r"V_{k-1}",
    '"π_k should be superior": so it is, in the value that supposes the opponent\'s model to be '
    "right.",
    GAMES,
    Deduction(
        ("report.108.monotone.added", GIBBS), "chain of inequalities", "divergences are >= 0"
    ),
    assumes=("level zero is a pair of marginals π_0(a|s), ρ_0(b|s), as (108) has it",),
)


def after_conditional(arithmetic: Arithmetic, q: Numbers, answers: Numbers) -> Numbers:
    """V_2 − V_1, level one with the prior π_0(a|s,b) = answers [S, A, B] of (105); uniform ρ_0."""
    rho = Level.of(arithmetic, q).rho
    soft = free_energy(q, answers, 1, 1, arithmetic)
    law = tilt(q, answers, 1, 1, arithmetic) * tilt(soft, rho, 1, 1, arithmetic)[:, None]
    second = Level(arithmetic, q, law.sum(axis=2), law.sum(axis=1))
    return second.value() - free_energy(soft, rho, 1, 1, arithmetic)


row(
    "report.4.1.1.superior-conditional.printed",
    "refuted",
    "report 4.1.1; report (105); report (108)",
    r"\pi_0(a|s, b) \text{ as in (105)}: \ V_2 \ge V_1",
    "From (105)'s conditional level zero the second level can be worse in its own value: an agent "
    "who copies b earns 1 in diag(1, 1), its marginals only log((1 + e)/2).",
    STATES,
    Counterexample(after_conditional, {"q": COORDINATE, "answers": [[[1, 0], [0, 1]]]}),
)
row(
    "report.4.1.1.superior-reward.printed",
    "refuted",
    "report 4.1.1; report (108)",
    r"E_{\pi_1, \rho_0}[R] \ge E_{\pi_0, \rho_0}[R]",
    "Not against an opponent who really is a level below: level one takes ±2 by a fair coin over a "
    "sure 1/2.",
    STATES,
    Counterexample(against_zero, {"q": [[[2, -2], ["1/2", "1/2"]]]}),
)
row(
    "report.4.1.1.best-response.printed",
    "refuted",
    "report 4.1.1; report (105)",
    r"V_1 \le \max_a E_{\rho_0}[Q(s, a, b)]",
    "\"The notion of 'best response' in the truest sense\": V_1 is more than any response to ρ_0 "
    "earns. One action, opponent worth 2 or 0: log((1 + e²)/2) > 1.",
    STATES,
    Counterexample(best_value, {"q": [[[2, 0]]]}),
)
row(
    "report.4.1.1.best-response.corrected",
    "proved",
    "report 4.1.1; report (105)",
    r"V_1 \ge \log \textstyle\int \pi_0 \exp E_{\rho_0}[Q]",
    "A soft response to what ρ_0 could be persuaded to do; at least the soft response to ρ_0.",
    STATES,
    Deduction(
        (DUALITY, GIBBS, "free-energy.monotone", "report.108.order.added"),
        "chain of inequalities",
        "V_1 = F[π_0](F[ρ_0](Q)), F[ρ_0](Q) >= E_{ρ_0} Q, and F[π_0] is monotone",
    ),
    sample(optimism, LEVEL),
)


def conditional_belief(arithmetic: Arithmetic, q: Numbers) -> Any:
    """V_2 with the agent prior π_1(a|s,b), and with π_1(a|s) of (109); opponent prior ρ_1."""
    here = Level.of(arithmetic, q)
    inner = free_energy(q, here.answers(), 1, 1, arithmetic)
    return sides(free_energy(inner, here.opponent(), 1, 1, arithmetic), here.next().value())


row(
    "report.4.1.1.belief.printed",
    "refuted",
    "report 4.1.1; report (109)",
    r"\rho_{k-1} \text{ is optimal for the prior } \pi_{k-2}(a|b, s)",
    "The first observation gives the opponent's level the conditional policy as its prior on the "
    "agent; (109) gives it the marginal π_{k-2}(a|s).",
    STATES,
    Counterexample(conditional_belief, {"q": COORDINATE}, "== 0"),
)

# -- second observation ----------------------------------------------------------------------------


def moved(arithmetic: Arithmetic, q: Numbers) -> Numbers:
    """|V_2 − V_1|; uniform priors."""
    here = Level.of(arithmetic, q)
    return arithmetic.absolute(here.next().value() - here.value())


row(
    "report.4.1.1.shared.printed",
    "refuted",
    "report 4.1.1; report (106)",
    r"\text{no value function serves two levels: } V_2 \ne V_1",
    '"It is impossible to construct such a value function": where the marginals repeat, at a limit '
    "or "
    "when Q does not depend on the actions, one serves all. In general each level does need its "
    "own, "
    "see (106).",
    STATES,
    Counterexample(moved, {"q": [[[0]]]}, "> 0"),
)
row(
    "report.4.1.1.shared.corrected",
    "proved",
    "report 4.1.1; report (108)",
    r"V_{k+1} = V_k \iff (\pi_k, \rho_k) = (\pi_{k-1}, \rho_{k-1})",
    "One table Q. Then all later levels agree too.",
    STATES,
    Deduction(
        ("report.108.rise.added", GIBBS),
        "substitution of equals",
        "the rise is a sum of divergences, zero only where the marginals repeat; equal marginals "
        "give "
        "equal levels",
    ),
)

# -- third observation -----------------------------------------------------------------------------

row(
    "report.4.1.1.em.printed",
    "proved",
    "report 4.1.1; report (108)",
    r"p_k = \arg\max_p \{E_p Q - D_{KL}(p \| \pi_{k-1} \otimes \rho_{k-1})\},\ (\pi_k, \rho_k) = "
    r"\arg\max_{\pi, \rho} \{E_{p_k} Q - D_{KL}(p_k \| \pi \otimes \rho)\}",
    '"Similar to EM in that we reuse our old policy as prior": on one table it is an EM algorithm '
    "exactly, the M step over products of marginals.",
    STATES,
    Deduction(
        ("report.108.pythagoras.added", "report.108.order.added", DUALITY, GIBBS),
        "maximisation in stages",
        "p_k is the tilt of the product; of all products the marginals are nearest to p_k",
    ),
    assumes=("one table Q",),
)


def second_round(arithmetic: Arithmetic, q: Numbers) -> Any:
    """log E_{p_1} e^Q (ROMMEO-EM, prior replaced), and V_2 of the levels; uniform priors."""
    here = Level.of(arithmetic, q)
    law = here.joint() * arithmetic.exp(q)
    return sides(arithmetic.log(law.sum(axis=(1, 2))), here.next().value())


def first_round(arithmetic: Arithmetic, q: Numbers, pi: Numbers, rho: Numbers) -> Any:
    """The pair of level one, and π_0 ρ_0 e^Q/Σ: one E step of ROMMEO-EM."""
    here = Level.of(arithmetic, q, pi, rho)
    weights = here.product() * arithmetic.exp(q)
    return sides(here.joint(), weights / weights.sum(axis=(1, 2))[:, None, None])


row(
    "report.4.1.1.em-same.printed",
    "refuted",
    "report 4.1.1; report (93); report (108)",
    r"\text{EM with a delayed prior update is level-}k: \ \log E_{p_1}[e^Q] = V_2",
    '"Almost the same training behavior": (93) carries the conditional policy π_{t-1}(a|s, b) on, '
    "the "
    "levels their marginals. EM then finds the best joint action, the levels a mutual optimum that "
    "depends on level zero: diag(2, 1.9) from 1/10 ends at 2 and at 1.9.",
    STATES,
    Counterexample(second_round, {"q": COORDINATE}, "== 0"),
)
row(
    "report.4.1.1.em-first.added",
    "proved",
    "report 4.1.1; report (93); report (108)",
    r"p_1 = \text{ one E step of ROMMEO-EM from } \pi_0 \otimes \rho_0",
    "The first level and the first round are the same, ROMMEO's.",
    STATES,
    Deduction(("report.108.order.added",), "special case", "k = 1"),
    sample(first_round, LEVEL, "== 0"),
)
