"""B.1.2: the lower level first, and the earlier solution that it criticises: report (175)-(180).

    (176)  Q = βr + γ E[ E_{b~P(b|s',z), z'~P(z'|s')} (1 − b) V(s',z) + b V(s',z') ]

averages where (75), (74) take a log-mean-exp. With the priors for P it leaves the optimum by two
divergences, the termination's and the master's; with the optimal policies for P it forgets to
charge for both. Shapes as in ``_options``.
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
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._balancing import identity, inequality
from tabular_marl.verification.claims._options import (
    GAME,
    GAMES,
    GIBBS,
    LOW_PRIOR,
    MONOTONE,
    PRIORS,
    STAGE,
    UNIT,
    Options,
    Play,
    Q,
    both,
    constant,
    family,
    mean,
    outside,
    over_time,
)
from tabular_marl.verification.claims._rommeo import log_ratio
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

# -- (176) -----------------------------------------------------------------------------------------


def averaged(options: Options, value: Numbers, master: Numbers, stop: Numbers) -> Numbers:
    """E_{b, z'}[(1 − b) V(s,z_) + b V(s,z')] of (s, z_): the continuation of (176)."""
    return (stop * both(value, (master * value).sum(axis=1))).sum(axis=2)


def below(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """U − (176)'s continuation under the priors, and the two divergences."""
    options = Options.of(arithmetic, q, **priors)
    value = options.low_soft(q)
    _, master, stop = options.tilts(q)
    left = options.soft(q) - averaged(options, value, options.master_prior, options.stop_prior)
    choosing = kl(options.master_prior, master, 1, arithmetic)[:, None]
    apart = kl(options.stop_prior, stop, 2, arithmetic)
    return sides(left, apart + options.stop_prior[:, :, 1] * choosing)


row(
    "report.176.mistake.printed",
    "proved",
    "report 2.1; report (176); report B.1.2",
    r"U(s,z_{-}) - E_{b\sim P^T, z'\sim P^H}[(1-b)V(s,z_{-}) + bV(s,z')] = "
    r"D_{KL}(P^T\|\pi^{T*}) + P^T(1|s,z_{-})\,D_{KL}(P^H\|\pi^{H*}) \ge 0",
    "That (176) contains a mistake is right: with the priors for P it values the options under the "
    "priors instead of the best policies, less by exactly two divergences. Equal only where "
    "nothing is to choose, V(s,·) constant on the support. (V in (176) is V^lower, "
    "undefined as printed, V(s_{t+1}, z'_t) is at z'_{t+1}, and γ is missing as in (76).)",
    STAGE,
    Deduction(
        ("report.075.identity.added", GIBBS),
        "special case",
        "policies at the priors, whose costs are 0, and π = π*",
    ),
    identity(below, family(Q, PRIORS)),
)


def never_below(
    arithmetic: Arithmetic, reward: Numbers, transition: Numbers, gamma: Numbers, **priors: Numbers
) -> Numbers:
    """Q of (76) minus Q of (176) three steps before the end."""
    options = Options.of(arithmetic, priors["low_prior"], **priors)
    play = Play(options, reward, transition, gamma)
    q = earlier = play.backup(0 * options.master_prior)
    for _ in range(3):
        value = options.low_soft(earlier)
        q = play.backup(options.soft(q))
        earlier = play.backup(averaged(options, value, options.master_prior, options.stop_prior))
    return q - earlier


row(
    "report.176.lower.added",
    "proved",
    "report (176)",
    r"Q_{(176)} \le Q_{(76)} \text{ at every step, with the priors for } P, \gamma \text{ in both}",
    "Term by term, then backwards in time, since both operators are monotone.",
    GAMES,
    Deduction(
        ("report.176.mistake.printed", GIBBS, MONOTONE),
        ("chain of inequalities", "backward induction over time"),
        "at one V by two divergences >= 0, and Q_{t+1} lower makes V, so Q_t, lower",
    ),
    inequality(never_below, family(GAME, UNIT)),
)


def earlier_solution(arithmetic: Arithmetic, reward: Numbers, transition: Numbers) -> Numbers:
    """(72), T = 1, at the policies of (176), (179) minus at the corrected ones. Two states; option
    z plays action z in the second, anything in the first; priors uniform otherwise."""
    low_prior = constant(arithmetic, [[["1/2", "1/2"], ["1/2", "1/2"]], [[1, 0], [0, 1]]])
    options = Options.of(arithmetic, low_prior, low_prior)
    play = Play(options, reward, transition, 1)
    start = constant(arithmetic, [["1/2", "1/2"], [0, 0]])
    last = play.optimise(1, 0 * start)[0]
    value = options.low_soft(last)
    first = play.backup(averaged(options, value, options.master_prior, options.stop_prior))
    found = play.objective(start, *over_time(options.tilts(q) for q in (first, last)))
    return found - play.objective(start, *play.best(2, 0 * start))


row(
    "report.176.solution.printed",
    "refuted",
    "report (72); report (176); report (179)",
    r"\text{the policies of (176), (179), (75) maximise (72)}",
    "The earlier solution, as the report renders it. An action leads to a state where one option "
    "earns 2 and the other −2: worth 0 on average, log cosh 2 to who may choose.",
    STAGE,
    Counterexample(
        earlier_solution,
        {
            "reward": [[0, 0], [2, -2]],
            "transition": [[[1, 0], [0, 1]], [[0, 1], [0, 1]]],
        },
    ),
)

# -- whose cost is missing -------------------------------------------------------------------------


def charged(options: Options, q: Numbers, master_too: bool, stop_too: bool) -> Numbers:
    """E_{τ*}[(1 − b) V + b E_{η*} V], less the divergences that are asked for; over (s, z_)."""
    value = options.low_soft(q)
    _, master, stop = options.tilts(q)
    drawn = (master * value).sum(axis=1)
    if master_too:
        drawn = drawn - kl(master, options.master_prior, 1, options.arithmetic)
    total = (stop * both(value, drawn)).sum(axis=2)
    return total - kl(stop, options.stop_prior, 2, options.arithmetic) if stop_too else total


def master_alone(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """U, and (176)'s continuation at the optimal policies with the master's divergence charged."""
    options = Options.of(arithmetic, q)
    return sides(options.soft(q), charged(options, q, True, False))


row(
    "report.176.cause.printed",
    "refuted",
    "report (176); report B.1.2",
    r"\text{(176), with the optimal policies for } P, \text{ lacks the divergence of } \pi^H_\phi "
    r"\text{ and nothing else}",
    "'The mistake is when we doesn't consider the KL-regularization of the master policy': the "
    "termination's is missing as well. Two options worth 1 and 0.",
    STAGE,
    Counterexample(master_alone, {"q": [[[1], [0]]]}, "== 0"),
)


def both_charged(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """U, and the continuation with both divergences charged."""
    options = Options.of(arithmetic, q, **priors)
    return sides(options.soft(q), charged(options, q, True, True))


row(
    "report.176.cause.corrected",
    "proved",
    "report (176); report B.1.2",
    r"U(s,z_{-}) = E_{\pi^{T*},\pi^{H*}}[(1-b)V(s,z_{-}) + bV(s,z')] - D_{KL}(\pi^{T*}\|P^T) - "
    r"\pi^{T*}(1) D_{KL}(\pi^{H*}\|P^H)",
    "With the optimal policies for P, (176) is too high by two divergences.",
    STAGE,
    Deduction(
        ("report.168.message.printed", "report.164.corrected"),
        "substitution of equals",
        "U = E_τ*[b V^H + (1 − b) V] − KL, V^H = E_η* V − KL",
    ),
    identity(both_charged, family(Q, PRIORS)),
)


def conclusion(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """U, and (176)'s continuation with V(s',z_t) → V(s') literally; uniform priors."""
    options = Options.of(arithmetic, q)
    value = options.low_soft(q)
    chosen = options.master_soft(value)[:, None] + 0 * value
    drawn = (options.master_prior * value).sum(axis=1)
    return sides(options.soft(q), (options.stop_prior * both(chosen, drawn)).sum(axis=2))


def rechosen(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """U, and the continuation with the re-chosen V(s',z') → V(s'), b from its prior."""
    options = Options.of(arithmetic, q)
    value = options.low_soft(q)
    pair = both(value, options.master_soft(value))
    return sides(options.soft(q), (options.stop_prior * pair).sum(axis=2))


VALUES = {"q": [[[1], [0]]]}
row(
    "report.B.1.2.conclusion.printed",
    "refuted",
    "report (176); report (180); report B.1.2",
    r"\text{(176) with } V(s_{t+1}) \text{ for } V(s_{t+1}, z_t) \text{ is the solution of the "
    r"section before}",
    "V(s_{t+1}, z_t) is the value of the option that is kept; it is V(s_{t+1}, z'), of the option "
    "chosen anew, that V^H replaces.",
    STAGE,
    Counterexample(conclusion, VALUES, "== 0"),
)
row(
    "report.B.1.2.rechosen.printed",
    "refuted",
    "report (176); report (180); report B.1.2",
    r"\text{(176) with } V(s_{t+1}) \text{ for } V(s_{t+1}, z'_{t+1}) \text{ is the solution of "
    r"the section before}",
    "The charitable reading: then the master is in order, but b is still averaged over P^T where "
    "(75) has U = log Σ_b P^T exp.",
    STAGE,
    Counterexample(rechosen, VALUES, "== 0"),
)


def repaired(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """U, and E_{τ*}[(1 − b) V + b V^H] − KL(τ* ‖ P^T)."""
    options = Options.of(arithmetic, q, **priors)
    value = options.low_soft(q)
    stop = options.tilts(q)[2]
    pair = both(value, options.master_soft(value))
    charge = kl(stop, options.stop_prior, 2, arithmetic)
    return sides(options.soft(q), (stop * pair).sum(axis=2) - charge)


row(
    "report.B.1.2.conclusion.corrected",
    "proved",
    "report (176); report (180); report B.1.2",
    r"\text{(176) with } V(s_{t+1}) \text{ for } V(s_{t+1}, z'_{t+1}),\ b \sim \pi^{T*} "
    r"\text{ and } -D_{KL}(\pi^{T*}\|P^T) \text{ is (76)}",
    "Then one may indeed solve backward, the lower level first.",
    STAGE,
    Deduction(("report.168.message.printed",), "special case", "(167) at its maximiser is U"),
    identity(repaired, family(Q, PRIORS)),
)

# -- (177), (178) ----------------------------------------------------------------------------------


def without_low_cost(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """V^H, and the first line of (177) at the optimal policies; uniform priors."""
    options = Options.of(arithmetic, q)
    low, master, _ = options.tilts(q)
    value = options.master_soft(options.low_soft(q))
    return sides(value, options.master_value(mean(q, low), master))


row(
    "report.177.printed",
    "refuted",
    "report (177)",
    r"V^H(s) = E_{z^*}\Big[E_{a^*}[Q(s,a,z)] - \log\frac{\pi^H}{P}\Big]",
    "It drops −log π/P, the cost of the low-level policy, as (74) does: the report makes the "
    "mistake for the lower level that it finds in [12] for the master.",
    STAGE,
    Counterexample(without_low_cost, {"q": [[[1, -1]]]}, "== 0"),
)


def two_lines(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """The two lines of (177)."""
    options = Options.of(arithmetic, q, **priors)
    low, master, _ = options.tilts(q)
    spent = log_ratio(low, options.low_prior, arithmetic)
    second = (low * (options.low_soft(q)[:, :, None] + spent)).sum(axis=2)
    first = options.master_value(mean(q, low), master)
    return sides(first, options.master_value(second, master))


def prove_two_lines() -> Proof:
    t, prior, total = positive("t"), positive("prior"), positive("Z")
    log = sympy.log
    what = "Q = V + log[(P e^Q/Z)/P] for every a, Z = e^V"
    return prove_zero(log(t) - (log(total) + log((prior * t / total) / prior)), what)


row(
    "report.177.step.printed",
    "proved",
    "report (177)",
    r"E_{z^*}\Big[E_{a^*}[Q] - \log\frac{\pi^H}{P}\Big] = E_{z^*}\Big[E_a\Big[V(s,z) + "
    r"\log\frac{\pi}{P}\Big] - \log\frac{\pi^H}{P}\Big]",
    "The second line follows from the first; it shows the excess, E log π/P.",
    STAGE,
    Symbolic(prove_two_lines),
    identity(two_lines, family(Q, PRIORS)),
)


def with_low_cost(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """V^H, and E_{η*}[E_{π*}[Q − log π*/P] − log η*/P^H]."""
    options = Options.of(arithmetic, q, **priors)
    low, master, _ = options.tilts(q)
    value = options.master_soft(options.low_soft(q))
    return sides(value, options.master_value(options.low_value(q, low), master))


row(
    "report.177.corrected",
    "proved",
    "report (177)",
    r"V^H(s) = E_{z^*}\Big[E_{a^*}\Big[Q - \log\frac{\pi}{P}\Big] - \log\frac{\pi^H}{P^H}\Big] = "
    r"E_{z^*}\Big[V(s,z) - \log\frac{\pi^H}{P^H}\Big]",
    "Both costs; the printed line exceeds it by E_{z*} KL(π(·|z) ‖ P).",
    STAGE,
    Deduction(
        ("report.164.corrected", "report.173.printed"),
        "substitution of equals",
        "Q^H = V at π*, then V^H = V − log η*/P^H for every z",
    ),
    identity(with_low_cost, family(Q, PRIORS)),
)


def own_normaliser(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """log Σ P^H exp E_π[Q], and (177)'s first line at η ∝ P^H exp E_π[Q]."""
    options = Options.of(arithmetic, q, **priors)
    table = mean(q, options.low_tilt(q))
    right = options.master_value(table, options.master_tilt(table))
    return sides(options.master_soft(table), right)


row(
    "report.177.consistent.added",
    "proved",
    "report (74); report (177)",
    r"\text{(177) is true of (74)'s own } Q^H = E_\pi[Q],\ \pi^H \text{ and } V^H = "
    r"\log\tfrac1m\int\exp Q^H",
    "So (74) and (177) agree with each other (1/m inside), and with neither (72) nor (173).",
    STAGE,
    Deduction(("report.164.corrected",), "special case", "any table over (s, z) for Q^H"),
    identity(own_normaliser, family(Q, PRIORS)),
)


def outside_mean(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """V, and E_π*[Q] − log π*(a)/P(a) for every a; uniform priors."""
    options = Options.of(arithmetic, q)
    low = options.low_tilt(q)
    right = mean(q, low)[:, :, None] - log_ratio(low, options.low_prior, arithmetic)
    return sides(options.low_soft(q)[:, :, None] + 0 * right, right)


row(
    "report.178.bracket.printed",
    "refuted",
    "report (178)",
    r"V^{\mathrm{lower}}(s,z) = E_{a^*}[Q(s,a,z)] - \log\frac{\pi(a|s,z)}{P(a|s,z)}",
    "The bracket closes too early: outside the expectation the logarithm depends on a.",
    STAGE,
    Counterexample(outside_mean, {"q": [[[1, -1]]]}, "== 0"),
)


def inside_mean(arithmetic: Arithmetic, q: Numbers, low_prior: Numbers) -> Sides:
    """V, and E_π*[Q − log π*/P]."""
    options = Options.of(arithmetic, q, low_prior)
    return sides(options.low_soft(q), options.low_value(q, options.low_tilt(q)))


row(
    "report.178.corrected",
    "proved",
    "report (178)",
    r"V^{\mathrm{lower}}(s,z) = E_{a^*}\Big[Q(s,a,z) - \log\frac{\pi(a|s,z)}{P(a|s,z)}\Big]",
    "Offered as the wrong 'impression' that (176) gives, it is an identity, for (176)'s Q and any "
    "other: V is not where (176) goes wrong, its continuation is.",
    STAGE,
    Deduction(("report.073.printed",), "special case", "the value attained at π*"),
    identity(inside_mean, family(Q, LOW_PRIOR)),
)

# -- (180) -----------------------------------------------------------------------------------------


def last_printed(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """V(s) of (179) as printed, and E_η*[V − log η*/P^H]; uniform priors."""
    options = Options.of(arithmetic, q)
    value = options.low_soft(q)
    right = options.master_value(value, options.master_tilt(value))
    return sides(outside(arithmetic, value), right)


row(
    "report.180.printed",
    "refuted",
    "report (179); report (180)",
    r"V(s) = E_z\Big[V^{\mathrm{lower}}(s,z) - \log\frac{\pi^H}{P}\Big] \text{ with (179)'s } V(s) "
    r"= \tfrac1m\log\int\exp V^{\mathrm{lower}}",
    "1/m outside the logarithm once more: (log 2)/2 against 0.",
    STAGE,
    Counterexample(last_printed, {"q": [[[0], [0]]]}, "== 0"),
)


def last(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """log Σ P^H exp V, and E_η*[V − log η*/P^H]."""
    options = Options.of(arithmetic, q, **priors)
    value = options.low_soft(q)
    right = options.master_value(value, options.master_tilt(value))
    return sides(options.master_soft(value), right)


row(
    "report.180.corrected",
    "proved",
    "report (179); report (180)",
    r"V(s) = E_z\Big[V^{\mathrm{lower}}(s,z) - \log\frac{\pi^H}{P^H}\Big],\ V(s) = "
    r"\log\tfrac1m\int\exp V^{\mathrm{lower}}(s,z)\,dz",
    "(180) is right with 1/m inside.",
    STAGE,
    Deduction(("report.164.corrected",), "special case", "V^lower for Q^H, then E_η*"),
    identity(last, family(Q, PRIORS)),
)


def missing(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """E_η*[V] − V(s), and KL(η* ‖ P^H)."""
    options = Options.of(arithmetic, q, **priors)
    value = options.low_soft(q)
    master = options.master_tilt(value)
    left = (master * value).sum(axis=1) - options.master_soft(value)
    return sides(left, kl(master, options.master_prior, 1, arithmetic))


row(
    "report.180.missing.printed",
    "proved",
    "report (180)",
    r"E_{z\sim\pi^H}[V^{\mathrm{lower}}(s,z)] - V(s) = D_{KL}(\pi^H\|P^H) \ge 0",
    "'Isn't the same as the regularized reward, since we are missing such a term': right.",
    STAGE,
    Deduction(("report.180.corrected", GIBBS), "substitution of equals", "E log η*/P^H = KL"),
    identity(missing, family(Q, PRIORS)),
    assumes=("V(s) of (179) with 1/m inside the logarithm",),
)
