"""B.1.2: the lower level first, its values put in: report (177)-(180).

    V^H(s) = E_η[E_π[Q − log π/P] − log η/P^H]                                            (177)
    V(s, z) = E_π[Q − log π/P],   V(s) = E_η[V(s, z) − log η/P^H]                    (178), (180)
    V(s) = log Σ_z P^H exp V(s, z),   η = P^H exp(V(s, z) − V(s))                           (179)

As printed a logarithm or a bracket is missing, and 1/m stands outside; so corrected, each holds.
Shapes as in ``_options``.
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
from tabular_marl.verification.claims._balancing import identity
from tabular_marl.verification.claims._options import (
    GIBBS,
    LOW_PRIOR,
    PRIORS,
    STAGE,
    Options,
    Q,
    family,
    mean,
    outside,
)
from tabular_marl.verification.claims._rommeo import log_ratio
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

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
