"""B.2 line by line: report (181)-(189).

The scan has lost the numbers (181), (183), (189) and repeats parts of these displays; they are
taken by position: (181) is what stands between (180) and (182), (183) what stands between (182) and
(184), (189) the display before (190). Where scanner and author cannot be told apart, the reading
that is right is taken. Letters and shapes as in ``_multi_options``.
"""

from __future__ import annotations

import numpy as np
import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    number,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers
from tabular_marl.verification.claims._balancing import identity
from tabular_marl.verification.claims._multi_options import (
    AXES,
    LAWS,
    PRIORS,
    STAGE,
    Q,
    Team,
    climb,
    family,
    policies_of,
    priors_of,
)
from tabular_marl.verification.claims._options import cost
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Gap, Sides

# -- (181): the objective of the last step ---------------------------------------------------------


def circle(arithmetic: Arithmetic, end: Numbers, choice: Numbers, answer: Numbers) -> Numbers:
    """Σ_{d,y,b} P(d|b) P(y|d) P(b|y) − 1; end [B, 2], choice [2, Y], answer [Y, B]."""
    table = np.swapaxes(end, 0, 1)[:, None] * choice[:, :, None] * answer
    return table.sum(axis=(0, 1, 2)) - 1


row(
    "report.181.cycle.printed",
    "refuted",
    "report (181); report (183)",
    r"q^{T,-i}(b^{-i}|s, \cdot, a^{-i})\,q^{H,-i}(z^{-i}|s, z^{-i}_{t-1}, b^{-i})\,"
    r"\rho(a^{-i}|s, z^{-i}, \cdot) \text{ is a law of } (b^{-i}, z^{-i}, a^{-i})",
    "B.2 first conditions the opponent's termination on a^-i_T, which is drawn after z^-i_T, which "
    "is drawn after b^-i_T: a circle, of mass 2 here. (187), (188) have z^-i_{T−1}, z^i_{T−1} "
    "instead, and (181) names z^i_{T−1} above and z^-i_{T−1} below.",
    scope(opponent_actions=">= 1", opponent_options=">= 1"),
    Counterexample(
        circle,
        {
            "end": [[1, 0], [0, 1]],
            "choice": [[1, 0], [0, 1]],
            "answer": [[1, 0], [0, 1]],
        },
        "== 0",
    ),
)


def of_itself(arithmetic: Arithmetic, table: Numbers) -> Numbers:
    """Σ_y P(y|y) − 1 of a law P(y|y_) [Y_, Y] taken at y_ = y."""
    return np.trace(table) - 1


row(
    "report.181.option.printed",
    "refuted",
    "report (181)",
    r"q^{H,-i}(z^{-i}_T|s_T, z^{-i}_T, b^{-i}_T) \text{ is the opponent's master}",
    "z^-i_T is conditioned on itself; z^-i_{T−1} is meant, as in the prior below it. Keeping "
    "surely: Σ_z q(z|z) = 2.",
    scope(opponent_options=">= 1"),
    Counterexample(of_itself, {"table": [[1, 0], [0, 1]]}, "== 0"),
)


# -- what is left when policies are plugged in ----------------------------------------------------


def product_of_logs(arithmetic: Arithmetic, master: Numbers, policy: Numbers) -> Sides:
    """−log q/P log ρ/P, and −log q/P − log ρ/P; priors 1/2, at one (y, b)."""
    one, two = (arithmetic.log(2 * p) for p in (master, policy))
    return sides(-one * two, -one - two)


row(
    "report.183.sign.printed",
    "refuted",
    "report (183)",
    r"-\log\frac{q^{H,-i}}{P^{H,-i}}\,\log\frac{\rho}{P} = -\log\frac{q^{H,-i}}{P^{H,-i}} - "
    r"\log\frac{\rho}{P}",
    "A minus is missing between two logarithms (possibly the scanner's; the repetitions after it "
    "are).",
    scope(master="(0, 1)", policy="(0, 1)"),
    Counterexample(product_of_logs, {"master": "1/2", "policy": "1/4"}, "== 0"),
)


def at_best(count: int) -> Gap:
    """(E[Q − six log-ratios] with the first ``count`` policies optimal, and with their values)."""

    def gap(arithmetic: Arithmetic, q: Numbers, **laws: Numbers) -> Sides:
        team = Team.of(arithmetic, **priors_of(laws))
        given = policies_of(laws)
        policies = [*team.tilts(q)[:count], *given[count:]]

        def mixed(k: int, table: Numbers) -> Numbers:
            if k < count:
                return team.soft_at(k, table)
            return cost(arithmetic, table, given[k], team.priors[k], AXES[k])

        return sides(team.value(q, *policies), climb(q, mixed))

    return gap


def reduced(
    claim_id: str,
    count: int,
    source: str,
    statement: str,
    note: str,
    *rests: str,
    assumes: tuple[str, ...] = (),
) -> None:
    """The row that plugging in the first ``count`` policies leaves the stated problem."""
    row(
        claim_id,
        "proved",
        source,
        statement,
        note,
        STAGE,
        Deduction(
            rests,
            "substitution of equals",
            "E_p*[x − log p*/P] = log Σ P e^x for each policy that is plugged in",
        ),
        identity(at_best(count), family(Q, PRIORS, LAWS), examples=1000),
        assumes=assumes,
    )


reduced(
    "report.181.split.corrected",
    1,
    "report (181)",
    r"\text{(181) at } \pi^* = E_q\Big[b^i\Big(Q^H(z^i_T) - \log\frac{q^{H,i}}{P^{H,i}}\Big) + "
    r"(1-b^i) Q^H(z^i_{T-1}) - \log\frac{q^{T,i}}{P^{T,i}} - \text{the opponent's three}\Big]",
    "'Plugging it back', split over b^i. The prior P^{H,i}(z^i|s,z^-i,z^-i) of the display is "
    "P^{H,i}(z^i|s,a^-i,z^-i); its second half is lost in the scan.",
    "report.082.agent.corrected",
    "report.183.expectation.printed",
)
reduced(
    "report.183.corrected",
    2,
    "report (183)",
    r"\text{at } \pi^*, q^{H,i*}: \ E_q\Big[b^i Q(s,a^{-i},z^{-i}) + (1-b^i) "
    r"Q^H(s,z^i_{T-1},a^{-i},z^{-i}) - \log\frac{q^{T,i}}{P^{T,i}} - \text{the opponent's three}"
    r"\Big]",
    "The continued value is Q^H, not the Q that the next display defines, and a minus stands "
    "before log ρ/P.",
    "report.082.agent.corrected",
    "report.082.printed",
)


def prove_either() -> Proof:
    end, new, old = sympy.symbols("end new old")
    left = sum(w * (c * new + (1 - c) * old) for c, w in ((1, end), (0, 1 - end)))
    return prove_zero(left - (end * new + (1 - end) * old), "the mean over c of (81)")


row(
    "report.183.expectation.printed",
    "proved",
    "report (183); report B.2",
    r"E_{z^i_T}[x(z^i_T)] = E_{b^i}\left[b^i E_{q^{H,i}}[x] + (1-b^i)\,x(z^i_{T-1})\right]",
    "'z^i_T is either based on newly generated or the old one': the law (81).",
    scope(options=">= 1"),
    Symbolic(prove_either),
)
reduced(
    "report.183.opponent.corrected",
    3,
    "report (183)",
    r"\text{at } q^{T,i*} \text{ too}: \ E_q\Big[Q(s,z^i_{T-1},a^{-i},z^{-i}) - "
    r"\log\frac{q^{H,-i}}{P^{H,-i}} - \log\frac{\rho}{P} - \log\frac{q^{T,-i}}{P^{T,-i}}\Big]",
    "What is 'left for the opponent's model'; as scanned the last term is log ρ/P again and again. "
    "q^{H,-i} has gained the argument z^i_{T−1} against (79), (181).",
    "report.082.agent.corrected",
    "report.082.printed",
    "report.082.termination.corrected",
)

# -- (185), (187), (188) ---------------------------------------------------------------------------


def agents_end(
    arithmetic: Arithmetic, kept: Numbers, chosen: Numbers, end: Numbers, opponent_end: Numbers
) -> Sides:
    """E[c X + (1−c) Y], and E[d X + (1−d) Y]."""
    return sides(end[1] * chosen + end[0] * kept, opponent_end[1] * chosen + opponent_end[0] * kept)


row(
    "report.185.superscript.printed",
    "refuted",
    "report (185)",
    r"E\left[b^i (\cdot)(z^{-i}_T) + (1-b^i)(\cdot)(z^{-i}_{T-1})\right] = E\left[b^{-i}(\cdot)"
    r"(z^{-i}_T) + (1-b^{-i})(\cdot)(z^{-i}_{T-1})\right]",
    "The opponent's option is kept or chosen by b^-i; b^i is already averaged out. (187) has b^-i.",
    scope(kept="(-inf, inf)", chosen="(-inf, inf)"),
    Counterexample(
        agents_end,
        {"kept": 0, "chosen": 1, "end": ["1/2", "1/2"], "opponent_end": ["1/4", "3/4"]},
        "== 0",
    ),
)


def other_prior(arithmetic: Arithmetic, stop: Numbers, prior: Numbers) -> Sides:
    """log q(d=0)/P(1 − d) as in the second line of (185), and log q(d=0)/P(d=0)."""
    return sides(arithmetic.log(stop[0] / prior[1]), arithmetic.log(stop[0] / prior[0]))


row(
    "report.185.termination.printed",
    "refuted",
    "report (185)",
    r"\log\frac{q^{T,-i}(b^{-i}|\cdot)}{P^{T,-i}(1-b^{-i}|\cdot)} = "
    r"\log\frac{q^{T,-i}(b^{-i}|\cdot)}{P^{T,-i}(b^{-i}|\cdot)} \text{ at } b^{-i} = 0",
    "As in (161), here below the line only. (A plus is missing between the two lines of (185).)",
    scope(),
    Counterexample(other_prior, {"stop": ["1/2", "1/2"], "prior": ["1/4", "3/4"]}, "== 0"),
)
reduced(
    "report.185.corrected",
    4,
    "report (185)",
    r"\text{at } \rho^* \text{ too}: \ E_q\Big[b^{-i}\Big(Q^H(s,z^i_{T-1},z^{-i}_T) - "
    r"\log\frac{q^{H,-i}}{P^{H,-i}}\Big) + (1-b^{-i}) Q^H(s,z^i_{T-1},z^{-i}_{T-1}) - "
    r"\log\frac{q^{T,-i}}{P^{T,-i}}\Big]",
    "With b^-i, a plus, and P(b^-i|·).",
    "report.083.corrected",
    "report.183.opponent.corrected",
)
reduced(
    "report.187.printed",
    5,
    "report (187)",
    r"\text{at } q^{H,-i*} \text{ too}: \ E_q\Big[b^{-i} Q(s,z^i_{T-1}) + (1-b^{-i}) "
    r"Q^H(s,z^i_{T-1},z^{-i}_{T-1}) - \log\frac{q^{T,-i}}{P^{T,-i}}\Big]",
    "Printed right, b^-i included, between (185) and (188) which have b^i.",
    "report.084.printed",
    "report.185.corrected",
    assumes=("the policies plugged in are those of (82)-(84) as corrected",),
)
reduced(
    "report.188.message.printed",
    6,
    "report (188); report B.2",
    r"\text{at all six}: \ Q(s_T, z^i_{T-1}, z^{-i}_{T-1})",
    "'Finally, we are left with the message'.",
    "report.085.corrected",
    "report.187.printed",
    assumes=("(82)-(85) as corrected",),
)

# -- (189) -----------------------------------------------------------------------------------------


def mixed_times(arithmetic: Arithmetic, early: Numbers, late: Numbers) -> Numbers:
    """log π(a_T|s_T)/P(a_t|s_t) at π = P, where P at s_T is ``late`` and at s_t ``early``."""
    return arithmetic.log(late / early)


row(
    "report.189.index.printed",
    "refuted",
    "report (189)",
    r"\pi = P_{\mathrm{prior}} \Rightarrow \log\frac{\pi(a_T|s_T,\cdot)}{P(a_t|s_t,\cdot)} = 0",
    "(189) mixes T above the lines with t below them: the logarithms would not be divergences. "
    "(As scanned, ρ also stands over a prior of a^i, and the rest is lost.)",
    scope(early="(0, 1]", late="(0, 1]"),
    Counterexample(mixed_times, {"early": "1/2", "late": "1/4"}, "== 0"),
)


def folded(arithmetic: Arithmetic, q: Numbers, now: Numbers, **laws: Numbers) -> Sides:
    """E[βR] + E[γU'] less the costs, and E[Q − six log-ratios]; βR is the share ``now`` of Q."""
    team = Team.of(arithmetic, **priors_of(laws))
    policies = policies_of(laws)

    def mean(k: int, table: Numbers) -> Numbers:
        return (policies[k] * table).sum(axis=AXES[k])

    costs = team.value(0 * q, *policies)
    apart = climb(now * q, mean) + climb((1 - now) * q, mean)
    return sides(costs + apart, team.value(q, *policies))


def prove_folded() -> Proof:
    now, gamma, ahead, costs = sympy.symbols("R gamma EU costs")
    q = sympy.Symbol("Q")
    folded_q = (q - costs).subs(q, now + gamma * ahead)
    return prove_zero((now - costs + gamma * ahead) - folded_q, "Q = βR + γ E[U(s',z,y)]")


row(
    "report.189.corrected",
    "proved",
    "report (189); report (190)",
    r"E_q\left[\beta R^i - \text{six log-ratios} + \gamma E[Q(s_{t+1}, z^i_t, z^{-i}_t)]\right] = "
    r"E_q\left[Q(s_t,a^i_t,a^{-i}_t,z^i_t,z^{-i}_t) - \text{six log-ratios}\right]",
    "All indices t; the message of t + 1 is the last term, and γ comes from a discounted (80).",
    STAGE,
    Symbolic(prove_folded),
    identity(folded, family(Q, PRIORS, LAWS, {"now": number(0, 1)}), examples=1000),
)
