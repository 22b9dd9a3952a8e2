"""The master policy of soft options: report (74), (160), (173), (177), (179).

    Q^H = E_π[Q],  π^H = (1/m) exp Q^H / exp V^H,  V^H = (1/m) log Σ_z exp Q^H   (74), as printed
    Q^H = V,       π^H = P^H exp V / exp V^H,      V^H = log Σ_z P^H exp V       as corrected

with P^H = 1/m. Shapes as in ``_options``; x stands for any table over (s, z).
"""

from __future__ import annotations

import sympy

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    Proof,
    Symbolic,
    array,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._balancing import identity, inequality
from tabular_marl.verification.claims._options import (
    DUALITY,
    LOW_PRIOR,
    MAXIMUM,
    POLICIES,
    PRIORS,
    STAGE,
    Options,
    Q,
    family,
    mean,
    outside,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

# -- the normaliser -------------------------------------------------------------------------------


def printed_mass(arithmetic: Arithmetic, table: Numbers) -> Numbers:
    """Σ_z (1/m) exp x(s,z)/exp V^H − 1 with V^H = (1/m) log Σ_z exp x; x [S, Z]."""
    weights = arithmetic.exp(table) / arithmetic.number(table.shape[1])
    return weights.sum(axis=1) / arithmetic.exp(outside(arithmetic, table)) - 1


row(
    "report.074.normaliser.printed",
    "refuted",
    "report (74); report (160); report (173); report (179)",
    r"\pi^H(z|s) = \frac{\frac1m \exp Q^H(s,z)}{\exp V^H(s)} \text{ sums to one for } "
    r"V^H = \frac1m \log\int \exp Q^H\,dz",
    "1/m stands outside the logarithm, four times. It is the prior of (71) and belongs inside: "
    "V^H = log (1/m) ∫ exp Q^H. With two options and Q^H = 0 the policy sums to 1/√2.",
    scope(states=">= 1", options=">= 1"),
    Counterexample(printed_mass, {"table": [[0, 0]]}, "== 0"),
)


def printed_size(arithmetic: Arithmetic, table: Numbers) -> Sides:
    """(1/m) log Σ_z exp x, and (log (1/m) Σ_z exp x + log m)/m."""
    m = arithmetic.number(table.shape[1])
    right = arithmetic.log(arithmetic.exp(table).sum(axis=1) / m) + arithmetic.log(m)
    return sides(outside(arithmetic, table), right / m)


def prove_size() -> Proof:
    total, m = positive("total"), positive("m")
    right = (sympy.log(total / m) + sympy.log(m)) / m
    return prove_zero(sympy.log(total) / m - right, "Σ exp is one symbol: any number of options")


TABLE = {"table": array("states", "options")}
row(
    "report.074.size.added",
    "proved",
    "report (74); report (160); report (173); report (179)",
    r"\tfrac1m \log\textstyle\sum_z e^{x_z} = \tfrac1m\left(V^H + \log m\right),\quad "
    r"V^H = \log \tfrac1m\sum_z e^{x_z}",
    "The printed V^H shrinks the value by m and adds (log m)/m; right only if m = 1 or "
    "V^H = log m/(m − 1).",
    scope(states=">= 1", options=">= 1"),
    Symbolic(prove_size),
    identity(printed_size, family(TABLE)),
)


def printed_shift(arithmetic: Arithmetic, table: Numbers, c: Numbers) -> Sides:
    """V^H of x + c as printed, and V^H of x, plus c."""
    return sides(outside(arithmetic, table + c), outside(arithmetic, table) + c)


row(
    "report.074.shift.printed",
    "refuted",
    "report (74); report (75)",
    r"V^H(x + c) = V^H(x) + c \text{ for } V^H = \tfrac1m \log\textstyle\sum_z e^{x_z}",
    "A constant added to every reward moves the kept value by c and the printed V^H by c/m, so it "
    "changes who terminates; in (72) a constant changes nothing.",
    scope(states=">= 1", options=">= 1", c="(-inf, inf)"),
    Counterexample(printed_shift, {"table": [[0, 0]], "c": 1}, "== 0"),
)


def last_option(arithmetic: Arithmetic, table: Numbers) -> Sides:
    """(1/m) log ∫ exp x(s, z_t) dz_T over two options, at z_t = the first and the second."""
    m = arithmetic.number(table.shape[1])
    literal = (table + arithmetic.log(m)) / m
    return sides(literal, literal[:, :1] + 0 * literal)


row(
    "report.074.index.printed",
    "refuted",
    "report (74); report (173)",
    r"\tfrac1m\log\int \exp Q(s_t, z_t)\,dz_T \text{ is a function of } s_t",
    "The variable of integration has kept the index T of (160); literally z_t stays free.",
    scope(states=">= 1", options=">= 1"),
    Counterexample(last_option, {"table": [[0, 1]]}, "== 0"),
)


# -- Q^H ------------------------------------------------------------------------------------------


def low_excess(arithmetic: Arithmetic, q: Numbers, low_prior: Numbers) -> Sides:
    """E_{π*}[Q], and V + KL(π* ‖ P)."""
    options = Options.of(arithmetic, q, low_prior)
    best = options.low_tilt(q)
    return sides(mean(q, best), options.low_soft(q) + kl(best, low_prior, 2, arithmetic))


row(
    "report.074.excess.added",
    "proved",
    "report (74); report (177)",
    r"E_{\pi^*}[Q(s,a,z)] = V(s,z) + D_{KL}(\pi^*(\cdot|s,z) \| P(\cdot|s,z))",
    "How far (74)'s Q^H is above (173)'s: an option is credited with what its policy costs.",
    STAGE,
    Deduction((DUALITY,), "special case", "q = tilt: E Q − KL(π*‖P) = V − 0"),
    identity(low_excess, family(Q, LOW_PRIOR)),
)


def symbol_mass(arithmetic: Arithmetic, q: Numbers) -> Numbers:
    """Σ_z (1/m) exp E_π[Q] / ((1/m) Σ_z exp V) − 1, 1/m inside; uniform priors."""
    options = Options.of(arithmetic, q)
    chosen = options.master_soft(options.low_soft(q))
    average = mean(q, options.low_tilt(q))
    return (options.master_prior * arithmetic.exp(average - chosen[:, None])).sum(axis=1) - 1


row(
    "report.074.symbol.printed",
    "refuted",
    "report (74)",
    r"V^H = \log\tfrac1m\int \exp Q(s,z)\,dz,\ Q(s,z) = V(s,z), \text{ normalises "
    r"} \tfrac1m \exp E_\pi[Q(s,a,z)]",
    "(74) exponentiates a Q(s,z) that is not defined. It must be its own Q^H: with (173)'s V in "
    "its place the policy sums to more than one.",
    STAGE,
    Counterexample(symbol_mass, {"q": [[[1, -1]]]}, "== 0"),
)


def master_by_mean(arithmetic: Arithmetic, q: Numbers, master: Numbers) -> Numbers:
    """E_η[V − log η/P^H] at η ∝ (1/m) exp E_π[Q], minus at another η; uniform priors."""
    options = Options.of(arithmetic, q)
    value = options.low_soft(q)
    printed = options.master_tilt(mean(q, options.low_tilt(q)))
    return options.master_value(value, printed) - options.master_value(value, master)


row(
    "report.074.expectation.printed",
    "refuted",
    "report (74)",
    r"\pi^H(z|s) \propto \tfrac1m \exp E_{\pi}[Q(s,a,z)] \text{ maximises what (72) leaves to "
    r"the master}",
    "−log π/P is lost from Q^H: (160) has it, and (173) puts V(s,z), which is right. Two options, "
    "Q = (1, −1) and (0, 0): the optimum is (cosh 1, 1) normalised, (74) prefers the first more.",
    STAGE,
    Counterexample(master_by_mean, {"q": [[[1, -1], [0, 0]]], "master": [["3/5", "2/5"]]}),
)


def two_definitions(arithmetic: Arithmetic, q: Numbers) -> Sides:
    """Q^H of (74) and of (173); uniform priors."""
    options = Options.of(arithmetic, q)
    return sides(mean(q, options.low_tilt(q)), options.low_soft(q))


row(
    "report.074.appendix.printed",
    "refuted",
    "report (74); report (173)",
    r"E_{\pi}[Q(s,a,z)] = V(s,z), \text{ so that (74) and (173) state one solution}",
    "Section 2.1 and its appendix print different master policies.",
    STAGE,
    Counterexample(two_definitions, {"q": [[[1, -1]]]}, "== 0"),
)


def appendix_q(arithmetic: Arithmetic, q: Numbers, low_prior: Numbers) -> Sides:
    """Q^H of (160), E_{π*}[Q − log π*/P], and V of (173)."""
    options = Options.of(arithmetic, q, low_prior)
    return sides(options.low_value(q, options.low_tilt(q)), options.low_soft(q))


row(
    "report.173.printed",
    "proved",
    "report (160); report (173)",
    r"Q^H(s,z) = E_{\pi^*}\Big[Q - \log\frac{\pi^*}{P}\Big] = V(s,z)",
    "Right, against (74): (160)'s Q^H at the optimal low-level policy.",
    STAGE,
    Deduction(("report.073.printed",), "special case", "the value attained at π*"),
    identity(appendix_q, family(Q, LOW_PRIOR)),
)


def master_optimum(
    arithmetic: Arithmetic, q: Numbers, master: Numbers, **priors: Numbers
) -> Numbers:
    """V^H − E_η[V − log η/P^H]."""
    options = Options.of(arithmetic, q, **priors)
    value = options.low_soft(q)
    return options.master_soft(value) - options.master_value(value, master)


row(
    "report.074.corrected",
    "proved",
    "report (74); report (173); report (179)",
    r"\pi^H(z|s) = \frac{P^H(z|s)\exp V(s,z)}{\exp V^H(s)},\ V^H = \log\textstyle\sum_z P^H "
    r"\exp V \text{ sums to one and maximises } E\Big[V - \log\frac{\pi^H}{P^H}\Big]",
    "P^H = 1/m inside the logarithm, V(s,z) for E_π[Q]: this is 'the master policy's correction' "
    "that is right, (173) with its normaliser put in order.",
    STAGE,
    Deduction((MAXIMUM,), "special case", "β = 1, x = V(s, ·), prior P^H"),
    inequality(master_optimum, family(Q, PRIORS, {"master": POLICIES["master"]})),
)
