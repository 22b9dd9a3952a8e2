"""The six policies of two agents with options: report (82)-(85), (181)-(188).

Each is the prior times exp of what it sees, the logarithm of the sum is what the next one sees, in
the order 1 to 6 of ``_multi_options``. The loss of any other six is a sum of divergences,

    U(s,z_,y_) − E[Q − six log-ratios] = E Σ_k KL(policy_k ‖ (82)-(85)_k)

and exp U is one sum of exp Q over the prior of (77). Letters and shapes as in ``_multi_options``.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    distribution,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, free_energy, kl, tilt
from tabular_marl.verification.claims._balancing import identity, inequality
from tabular_marl.verification.claims._multi_options import (
    AXES,
    LAWS,
    NAMES,
    PRIORS,
    STAGE,
    Q,
    Team,
    climb,
    family,
    policies_of,
    priors_of,
)
from tabular_marl.verification.claims._options import DUALITY, GIBBS, MAXIMUM, cost
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Gap, Sides

# -- one at a time ---------------------------------------------------------------------------------


def optimum(k: int) -> Gap:
    """log Σ P exp x − E_p[x − log p/P] for the k-th policy p, x what it sees of Q."""

    def gap(arithmetic: Arithmetic, q: Numbers, policy: Numbers, **priors: Numbers) -> Numbers:
        team = Team.of(arithmetic, **priors)
        table, prior = team.tables(q)[k], team.priors[k]
        best = free_energy(table, prior, 1, AXES[k], arithmetic)
        return best - cost(arithmetic, table, policy, prior, AXES[k])

    return gap


def best_policy(claim_id: str, k: int, source: str, statement: str, note: str) -> None:
    """The row that the k-th policy is right, given what it sees."""
    row(
        claim_id,
        "proved",
        source,
        statement,
        note,
        STAGE,
        Deduction((MAXIMUM,), "special case", "β = 1, at each of the variables drawn before"),
        inequality(optimum(k), family(Q, PRIORS, {"policy": LAWS[NAMES[k]]}), examples=1000),
        assumes=("the policy ≪ its prior (else the objective is −∞)",),
    )


def unlogged_mass(arithmetic: Arithmetic, table: Numbers) -> Numbers:
    """Σ_a P exp Q / exp Q^H − 1 with Q^H = Σ_a P exp Q; uniform prior."""
    share = arithmetic.number(Fraction(1, len(table)))
    total = (share * arithmetic.exp(table)).sum(axis=0)
    return total / arithmetic.exp(total) - 1


row(
    "report.082.log.printed",
    "refuted",
    "report (82); report (181)",
    r"\pi = \frac{P\exp Q}{\exp Q^H} \text{ sums to one for } Q^H = \int P \exp Q\,da^i",
    "The logarithm is missing, before (82) and in B.2 alike (the equations' own numbers are lost "
    "in the scan); with Q = 0 the policy sums to 1/e.",
    scope(actions=">= 1"),
    Counterexample(unlogged_mass, {"table": [0]}, "== 0"),
)
best_policy(
    "report.082.agent.corrected",
    0,
    "report (82); report (181)",
    r"\pi(a^i|s,z^i,a^{-i},z^{-i}) = \frac{P\exp Q}{\exp Q^H},\ Q^H = \log\int P\exp Q\,da^i "
    r"\text{ maximises } E_\pi\Big[Q - \log\frac{\pi}{P}\Big]",
    "With the logarithm (and z_t for z_T in the prior).",
)
best_policy(
    "report.082.printed",
    1,
    "report (82); report (182)",
    r"q^{H,i}(z^i|s,a^{-i},z^{-i}) = \frac{P^{H,i}\exp Q^H}{\exp Q(s,a^{-i},z^{-i})} \text{ is the "
    r"best master given } b^i = 1",
    "Well printed, for Q^H = log ∫. 'The master has to assign the right option given the "
    "opponent's action': it sees a^-i and z^-i, which are drawn before.",
)


def named_alike(arithmetic: Arithmetic, kept: Numbers, chosen: Numbers, end: Numbers) -> Sides:
    """The solution Q(s,b,y) of the literal equation, and log Σ_c P exp[c chosen + (1−c) kept]."""
    right = free_energy(np.stack([kept, chosen]), end, 1, 0, arithmetic)
    return sides(chosen, right)


row(
    "report.082.termination.printed",
    "refuted",
    "report (82); report (183)",
    r"Q(s,z^i_{t-1},a^{-i},z^{-i}) = \log\int P\exp\left(b^i Q(s,a^{-i},z^{-i}) + (1-b^i) "
    r"Q(s,z^i_{t-1},a^{-i},z^{-i})\right)db^i \text{ is the value of } q^{T,i}",
    "The continued value bears the name of what the line defines. Literally its one solution is "
    "Q(s,a^-i,z^-i): keeping is worth as much as choosing anew, and q^{T,i} is its prior. It must "
    "be Q^H(s, z^i_{t−1}, a^-i, z^-i). The same in (183) (unnumbered in the scan).",
    scope(kept="(-inf, inf)", chosen="(-inf, inf)"),
    Counterexample(named_alike, {"kept": 1, "chosen": 0, "end": ["1/2", "1/2"]}, "== 0"),
    rests_on=("report.082.self.added",),
)


def prove_self() -> Proof:
    end, x, y = positive("P1"), positive("X"), positive("Y")
    what = "P(1) e^X + P(0) e^Y − e^Y = P(1)(e^X − e^Y), zero only at Y = X"
    return prove_zero((end * x + (1 - end) * y - y) - end * (x - y), what)


row(
    "report.082.self.added",
    "proved",
    "report (82); report (183)",
    r"P(1) > 0: \ Y = \log\left(P(1)e^{X} + P(0)e^{Y}\right) \iff Y = X",
    "What the literal termination line says.",
    scope(P="(0, 1]"),
    Symbolic(prove_self),
)
best_policy(
    "report.082.termination.corrected",
    2,
    "report (82); report (183)",
    r"q^{T,i} \propto P^{T,i} \exp\left(b^i Q(s,a^{-i},z^{-i}) + (1-b^i) "
    r"Q^H(s,z^i_{t-1},a^{-i},z^{-i})\right) \text{ is the best termination policy of the agent}",
    "Its prior may be conditioned on any variable drawn before; (82) and (183) write z^-i, the "
    "display before (182) writes a^-i, (77) neither.",
)


def own_definition(arithmetic: Arithmetic, prior: Numbers, value: Numbers, actions: int) -> Sides:
    """Q^H, and log ∫ P(b) exp Q^H da^i = Q^H + log(|A| P(b))."""
    return sides(value, value + arithmetic.log(actions * prior))


row(
    "report.083.printed",
    "refuted",
    "report (83); report (184)",
    r"Q^H(s,z^i_{t-1},z^{-i}) = \log\int P(a^{-i}|\cdot)\exp Q^H(s,z^i_{t-1},z^{-i})\,da^i",
    "Q^H stands in its own definition and the integral is over the agent's action: literally it "
    "says |A| P(a^-i|·) = 1 for every a^-i. It must be Q(s,z^i_{t−1},a^-i,z^-i) and da^-i, as the "
    "numerator has it.",
    scope(prior="(0, 1]", value="(-inf, inf)", actions=">= 1"),
    Counterexample(own_definition, {"prior": 1, "value": 0, "actions": 2}, "== 0"),
)
best_policy(
    "report.083.corrected",
    3,
    "report (83); report (184)",
    r"\rho(a^{-i}|s,z^{-i},z^i_{t-1}) = \frac{P\exp Q(s,z^i_{t-1},a^{-i},z^{-i})}{\exp Q^H},\ "
    r"Q^H = \log\int P\exp Q(s,z^i_{t-1},a^{-i},z^{-i})\,da^{-i} \text{ is the opponent's best "
    r"policy}",
    "The policy is printed right, its normaliser is not. It knows the agent's option before, "
    "not the one that the agent will choose.",
)
best_policy(
    "report.084.printed",
    4,
    "report (84); report (186)",
    r"q^{H,-i}(z^{-i}|s,z^i_{t-1}) = \frac{P\exp Q^H(s,z^i_{t-1},z^{-i})}{\exp Q(s,z^i_{t-1})} "
    r"\text{ is the opponent's best master given } b^{-i} = 1",
    "Well printed, for the corrected Q^H.",
)

# -- the opponent's termination: (85), (188) -------------------------------------------------------


def repeated_argument(arithmetic: Arithmetic, prior: Numbers) -> Sides:
    """P(d|s,y_) [Y, 2], and the same where it may not depend on y_: its first row."""
    return sides(prior, prior[:1] + 0 * prior)


row(
    "report.085.prior.printed",
    "refuted",
    "report (85)",
    r"P(b^{-i}|s, z^i_{t-1}, z^i_{t-1}) = P^{T,-i}(b^{-i}|s, z^{-i}_{t-1}) \text{ of (77)}",
    "The prior of (85) names z^i_{t−1} twice where z^-i_{t−1} is meant, as its own normaliser and "
    "(188) have it.",
    scope(opponent_options=">= 1"),
    Counterexample(repeated_argument, {"prior": [["1/2", "1/2"], ["1/4", "3/4"]]}, "== 0"),
)


def other_end(
    arithmetic: Arithmetic, kept: Numbers, chosen: Numbers, agent_end: Numbers, stop: Numbers
) -> Numbers:
    """E_d[d Q + (1−d) Q^H − log] of the policy ∝ P(d) exp(c Q + (1−c) Q^H), at c = ``agent_end``,
    minus of another; uniform prior."""
    table = np.stack([kept, chosen])
    prior = arithmetic.array(["1/2", "1/2"])
    literal = agent_end * chosen + (1 - agent_end) * kept + 0 * table
    policy = tilt(literal, prior, 1, 0, arithmetic)
    mine = cost(arithmetic, table, policy, prior, 0)
    return mine - cost(arithmetic, table, stop, prior, 0)


row(
    "report.085.superscript.printed",
    "refuted",
    "report (85); report (188)",
    r"q^{T,-i}(b^{-i}|\cdot) \propto P\exp\left(b^i Q(s,z^i_{t-1}) + (1-b^i) "
    r"Q^H(s,z^i_{t-1},z^{-i}_{t-1})\right) \text{ is the opponent's best termination policy}",
    "The split must be over b^-i. With b^i in it nothing depends on b^-i: the policy is its prior, "
    "whatever the two values.",
    scope(kept="(-inf, inf)", chosen="(-inf, inf)", agent_end="{0, 1}"),
    Counterexample(other_end, {"kept": 0, "chosen": 1, "agent_end": 1, "stop": ["1/4", "3/4"]}),
)


def later_option(arithmetic: Arithmetic, values: Numbers, chosen: Numbers) -> Sides:
    """Q(d,s,z_,y_t) and Q(d,s,z_,y_{t−1}) for y_t = 0, …, y_{t−1} = 0; ``values`` Q^H [Y]."""
    pairs = np.stack([values, chosen + 0 * values], axis=1)
    return sides(pairs, pairs[:1] + 0 * pairs)


row(
    "report.085.option.printed",
    "refuted",
    "report (85); report (188)",
    r"\frac{P\exp Q(b^{-i},s,z^i_{t-1},z^{-i}_t)}{\exp Q(s,z^i_{t-1},z^{-i}_t)} = "
    r"\frac{P\exp Q(b^{-i},s,z^i_{t-1},z^{-i}_{t-1})}{\exp Q(s,z^i_{t-1},z^{-i}_{t-1})}",
    "The option to keep is z^-i_{t−1}, as the two lines below define it; z^-i_t is drawn after "
    "b^-i. (188) also gives Q^H the argument z^-i_{t−1} twice.",
    scope(opponent_options=">= 1"),
    Counterexample(later_option, {"values": [0, 1], "chosen": 0}, "== 0"),
)
best_policy(
    "report.085.corrected",
    5,
    "report (85); report (187); report (188)",
    r"q^{T,-i}(b^{-i}|s,z^i_{t-1},z^{-i}_{t-1}) = \frac{P\exp\left(b^{-i} Q(s,z^i_{t-1}) + "
    r"(1-b^{-i}) Q^H(s,z^i_{t-1},z^{-i}_{t-1})\right)}{\exp Q(s,z^i_{t-1},z^{-i}_{t-1})} \text{ is "
    r"the opponent's best termination policy}",
    "b^-i in the split, z^-i_{t−1} throughout; the last line, Q(s,z^i_{t−1},z^-i_{t−1}), is "
    "printed right.",
)

# -- all six ---------------------------------------------------------------------------------------


def nested(arithmetic: Arithmetic, q: Numbers, **laws: Numbers) -> Sides:
    """U − E[Q − six log-ratios], and the expected divergences, summed in the order of play."""
    team = Team.of(arithmetic, **priors_of(laws))
    policies, best = policies_of(laws), team.tilts(q)

    def apart(k: int, table: Numbers) -> Numbers:
        lost = kl(policies[k], best[k], AXES[k], arithmetic)
        return (policies[k] * table).sum(axis=AXES[k]) + lost

    return sides(team.soft(q) - team.value(q, *policies), climb(0 * q, apart))


row(
    "report.085.identity.added",
    "proved",
    "report (80); report (82); report (83); report (84); report (85)",
    r"U(s,z^i_{-},z^{-i}_{-}) - E_q[Q - \text{six log-ratios}] = E_q\textstyle\sum_k "
    r"D_{KL}(\text{policy}_k \| \text{(82)-(85)}_k)",
    "What any other six policies lose, exactly.",
    STAGE,
    Deduction(
        (DUALITY,),
        "substitution of equals",
        "E_p[x − log p/P] = log Σ P e^x − KL(p ‖ tilt), six times, innermost first; the KL of an "
        "inner level is averaged by the outer ones",
    ),
    identity(nested, family(Q, PRIORS, LAWS), examples=1000),
    assumes=("each policy ≪ its prior",),
)


def joint_optimum(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """U − E[Q − six log-ratios]."""
    return nested(arithmetic, **given).left


row(
    "report.085.joint.corrected",
    "proved",
    "report (80); report (82); report (83); report (84); report (85)",
    r"\text{(82)-(85) as corrected together maximise } E_q[Q - \text{six log-ratios}], \text{ with "
    r"value } U",
    "The printed order a, z, b^i, a^-i, z^-i, b^-i is consistent: each policy is conditioned on "
    "variables drawn before its own, and what it sees depends on no others.",
    STAGE,
    Deduction(("report.085.identity.added", GIBBS), "chain of inequalities", "divergences >= 0"),
    inequality(joint_optimum, family(Q, PRIORS, LAWS), examples=1000),
    assumes=("each policy ≪ its prior (else the objective is −∞)",),
)


def evidence(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """exp U, and the sum of exp Q over the prior."""
    team = Team.of(arithmetic, **priors)

    def summed(k: int, table: Numbers) -> Numbers:
        return (team.priors[k] * table).sum(axis=AXES[k])

    return sides(arithmetic.exp(team.soft(q)), climb(arithmetic.exp(q), summed))


def prove_evidence() -> list[Proof]:
    p, rest, x = positive("p"), positive("rest"), positive("x")
    inner = sympy.exp(sympy.log(p * x + rest))
    what = "exp of a level's value is the prior's mean of exp of what it sees; so six times over"
    return [prove_zero(inner - (p * x + rest), what)]


row(
    "report.085.evidence.added",
    "proved",
    "report (77); report (85)",
    r"\exp U(s,z^i_{-},z^{-i}_{-}) = \sum_{b^{-i},z^{-i},a^{-i},b^i,z^i,a^i} P_{\mathrm{prior}}"
    r"(\cdot|s,z^i_{-},z^{-i}_{-}) \exp Q",
    "So with one β the value does not depend on the order in which the joint prior is factorized, "
    "only the policies' arguments do.",
    STAGE,
    Symbolic(prove_evidence),
    identity(evidence, family(Q, PRIORS), examples=1000),
)

# -- the family of policies ------------------------------------------------------------------------


def sees_the_opponent(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """π(a|s,z,b,y) of (82), and the same at b = 0; uniform priors."""
    policy = Team.even(arithmetic, q).tilts(q)[0]
    return sides(policy, policy[:, :1] + 0 * policy)


COORDINATION = {"q": [[[[[1, 0]]], [[[0, 1]]]]]}
row(
    "report.082.family.printed",
    "refuted",
    "report (79); report (80); report (82); report (181)",
    r"\text{the solution (82)-(85) is a member of (79), } \pi(a^i|s,z^i),\ "
    r"q^{T,i}(b^i|s,z^i_{t-1}),\ \rho(a^{-i}|s,z^{-i}), \ldots",
    "(79) and (80) condition the policies on less than (82)-(85) do: the solution's π sees a^-i "
    "and z^-i, its ρ sees z^i_{t−1}. B.2 begins with other conditionals than (80) ends with. "
    "Coordination: π copies a^-i.",
    STAGE,
    Counterexample(sees_the_opponent, COORDINATION, "== 0"),
)


def other_prior(arithmetic: Arithmetic, prior: Numbers) -> Sides:
    """P(a|·,x) [X, A], and the same where it may not depend on x: its first row."""
    return sides(prior, prior[:1] + 0 * prior)


row(
    "report.082.priors.printed",
    "refuted",
    "report (77); report (82); report (83); report (85); report (181)",
    r"P(a^i|s,z^i,a^{-i},z^{-i}) = P(a^i|s,z^i), \ldots: \text{ the priors of (82)-(85) are those "
    r"of (77)}",
    "Most have gained arguments on the way from (77), and (82), (181) and (183) disagree on those "
    "of P^{T,i}. The priors of (77) are a special case of what is proved here.",
    scope(actions=">= 1", opponent_actions=">= 1"),
    Counterexample(other_prior, {"prior": [["1/2", "1/2"], ["1/4", "3/4"]]}, "== 0"),
)
row(
    "report.082.index.printed",
    "refuted",
    "report (82)",
    r"P(a^i_t|s_t, z^i_t, a^{-i}_t, z^{-i}_T) = P(a^i_t|s_t, z^i_t, a^{-i}_t, z^{-i}_t)",
    "T is left over from B.2, in the policy above (82) and in its normaliser.",
    scope(actions=">= 1", opponent_options=">= 1"),
    Counterexample(other_prior, {"prior": [["1/2", "1/2"], ["1/4", "3/4"]]}, "== 0"),
)


def independent_pair(
    arithmetic: Arithmetic, q: Numbers, agent: Numbers, opponent: Numbers
) -> Numbers:
    """U − E[Q − log-ratios] of π(a|s,z), ρ(b|s,y) as in (79); one option each, uniform priors.
    q [B, A], agent [A], opponent [B]."""
    team = Team.even(arithmetic, q[None, :, None, None])
    one = arithmetic.number(1)
    share = cost(arithmetic, q, agent + 0 * q, one / q.shape[1] + 0 * q, 1)
    value = cost(arithmetic, share, opponent, one / q.shape[0] + 0 * share, 0)
    return team.soft(q[None, :, None, None])[0, 0, 0] - value


row(
    "report.082.family.corrected",
    "proved",
    "report (79); report (82); report (181)",
    r"\text{no policies conditioned on variables drawn before, those of (79) among them, do "
    r"better than (82)-(85) as corrected}",
    "So the objective that the printed solution solves is (181), with these conditionals: the "
    "value U is an upper bound for (79), in general not attained there.",
    STAGE,
    Deduction(
        ("report.085.joint.corrected",),
        "maximisation in stages",
        "given all that was drawn before, the best k-th policy is (82)-(85), which uses less of it",
    ),
    inequality(
        independent_pair,
        family(
            {
                "q": array("opponent_actions", "actions"),
                "agent": distribution("actions"),
                "opponent": distribution("opponent_actions"),
            }
        ),
    ),
)
