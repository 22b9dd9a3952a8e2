"""The three policies of soft options: report (73)-(75), (166), (168), (172)-(175), (179).

    π(a|s,z) ∝ P exp Q,  V = log Σ_a P exp Q                                             (73)
    η(z|s) ∝ P^H exp V,  V^H = log Σ_z P^H exp V      printed: exp E_π[Q], (1/m) log Σ_z  (74)
    τ(b|s,z_) ∝ P^T exp U(·,b),  U = log Σ_b P^T exp U(·,b)                              (75)

    U(s,z_) − value(π, η, τ) = KL(τ ‖ τ*) + τ(0) KL(π(·|z_) ‖ π*)
                               + τ(1) [KL(η ‖ η*) + E_η KL(π(·|z) ‖ π*)]

so the corrected three, and they alone, maximise what (72) leaves at a step. Shapes as in
``_options``; the report's P^H is 1/m, the rows hold for any.
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
    distribution,
    positive,
    prove_zero,
    scope,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._balancing import identity, inequality
from tabular_marl.verification.claims._options import (
    DUALITY,
    GIBBS,
    LOW,
    LOW_PRIOR,
    MAXIMUM,
    POLICIES,
    PRIORS,
    STAGE,
    Options,
    Q,
    cost,
    family,
    mean,
    outside,
)
from tabular_marl.verification.claims._rows import row
from tabular_marl.verification.relation import Sides

# -- the low-level policy: (73) --------------------------------------------------------------------


def low_optimum(arithmetic: Arithmetic, q: Numbers, low_prior: Numbers, low: Numbers) -> Numbers:
    """V − E_π[Q − log π/P]."""
    options = Options.of(arithmetic, q, low_prior)
    return options.low_soft(q) - options.low_value(q, low)


row(
    "report.073.printed",
    "proved",
    "report (73); report (166); report (172); report (175); report (176)",
    r"\pi(a|s,z) = \frac{P(a|s,z)\exp Q(s,a,z)}{\exp V(s,z)},\ V = \log\int P \exp Q\,da "
    r"\text{ maximises } E_\pi\Big[Q - \log\frac{\pi}{P}\Big] \text{ with value } V",
    "Well printed, for whatever Q: βr in (166), (175), and the Q of (170) or (176).",
    STAGE,
    Deduction((MAXIMUM,), "special case", "β = 1 in the report's units, one (s, z) at a time"),
    inequality(low_optimum, family(Q, LOW_PRIOR, LOW)),
    assumes=("π ≪ P (else the objective is −∞)",),
)


def losses(
    arithmetic: Arithmetic,
    q: Numbers,
    low: Numbers,
    master: Numbers,
    stop: Numbers,
    **priors: Numbers,
) -> Sides:
    """Minus the three losses, E[x − log p/P], and the log-normaliser − KL(p ‖ tilt)."""
    options = Options.of(arithmetic, q, **priors)
    best = options.tilts(q)
    value = options.low_soft(q)
    chosen = options.master_soft(value)
    left = [options.low_value(q, low).sum(axis=1)]
    left += [options.master_value(value, master)]
    left += [options.stop_value(value, chosen, stop).sum(axis=1)]
    right = [(value - kl(low, best[0], 2, arithmetic)).sum(axis=1)]
    right += [chosen - kl(master, best[1], 1, arithmetic)]
    right += [(options.stop_soft(value, chosen) - kl(stop, best[2], 2, arithmetic)).sum(axis=1)]
    return sides(np.stack(left), np.stack(right))


row(
    "report.076.actor-critic.printed",
    "proved",
    "report 2.1; report (73); report (74); report (75)",
    r"E_p\Big[\log\frac{p}{P} - x\Big] = D_{KL}(p \| p^*) - \log\sum P e^{x}, \quad "
    r"(p, x) = (\pi, Q), (\pi^H, V), (\pi^T, U(\cdot, b))",
    "'We can derive the soft actor-critic objective for all components': each actor's loss is a "
    "divergence from (73), (74) as corrected, (75), up to a constant. (The critic's is (76).)",
    STAGE,
    Deduction((DUALITY,), "special case", "one policy at a time, in the report's units"),
    identity(losses, family(Q, PRIORS, POLICIES)),
    assumes=("V(s,z) for the Q^H of (74)",),
)

# -- termination: (75), (168), (174) ---------------------------------------------------------------


def stop_optimum(
    arithmetic: Arithmetic, kept: Numbers, chosen: Numbers, stop_prior: Numbers, stop: Numbers
) -> Numbers:
    """U − E_τ[b V^H + (1 − b) V − log τ/P^T] for any two values."""
    options = Options(arithmetic, None, None, stop_prior)
    return options.stop_soft(kept, chosen) - options.stop_value(kept, chosen, stop)


TWO = {"kept": array("states", "options"), "chosen": array("states")}
row(
    "report.075.printed",
    "proved",
    "report (75); report (168); report (174)",
    r"\pi^T(b|s,z_{t-1}) = \frac{P^T \exp U(s,z_{t-1},b)}{\exp U(s,z_{t-1})} \text{ maximises } "
    r"E\Big[b V^H + (1-b)V - \log\frac{\pi^T}{P^T}\Big] \text{ for any } V^H, V",
    "Well printed, given the two values; ∫ db is the sum over b = 0, 1.",
    scope(states=">= 1", options=">= 1"),
    Deduction((MAXIMUM,), "special case", "two outcomes, b = 0 and 1"),
    inequality(
        stop_optimum,
        family(TWO, {"stop_prior": PRIORS["stop_prior"], "stop": POLICIES["stop"]}),
    ),
)


def stop_gain(arithmetic: Arithmetic, q: Numbers, stop: Numbers, printed: Numbers) -> Numbers:
    """E_τ[b V^H + (1 − b) V − log τ/P^T] at τ from a printed V^H, minus at another τ."""
    options = Options.of(arithmetic, q)
    kept = options.low_soft(q)
    chosen = options.master_soft(kept)
    policy = options.stop_tilt(kept, printed)
    return options.stop_value(kept, chosen, policy) - options.stop_value(kept, chosen, stop)


def stop_by_outside(arithmetic: Arithmetic, q: Numbers, stop: Numbers) -> Numbers:
    """The gain with V^H = (1/m) log Σ exp V; uniform priors."""
    value = Options.of(arithmetic, q).low_soft(q)
    return stop_gain(arithmetic, q, stop, outside(arithmetic, value))


def stop_by_mean(arithmetic: Arithmetic, q: Numbers, stop: Numbers) -> Numbers:
    """The gain with V^H = log (1/m) Σ exp E_π[Q]; uniform priors."""
    options = Options.of(arithmetic, q)
    printed = options.master_soft(mean(q, options.low_tilt(q)))
    return stop_gain(arithmetic, q, stop, printed)


row(
    "report.075.optimum.printed",
    "refuted",
    "report (74); report (75); report (168); report (173); report (174)",
    r"\pi^T \text{ with the printed } V^H = \tfrac1m\log\int\exp V\,dz \text{ maximises (72) in "
    r"the last step}",
    "Two options alike: to keep or to choose again is the same, and the optimum is the prior; the "
    "printed V^H = (log 2)/2 > 0 terminates more often.",
    STAGE,
    Counterexample(stop_by_outside, {"q": [[[0], [0]]], "stop": [[["1/2", "1/2"]] * 2]}),
)
row(
    "report.075.expectation.printed",
    "refuted",
    "report (74); report (75); report (177)",
    r"\pi^T \text{ with } V^H = \log\tfrac1m\int\exp E_\pi[Q]\,dz \text{ maximises (72) in the "
    r"last step}",
    "1/m inside but Q^H = E_π[Q] as in (74): with a single option V^H exceeds V by KL(π‖P), so the "
    "agent terminates an option in order to choose the same one without its cost.",
    STAGE,
    Counterexample(stop_by_mean, {"q": [[[1, -1]]], "stop": [[["1/2", "1/2"]]]}),
)


def stage_identity(
    arithmetic: Arithmetic,
    q: Numbers,
    low: Numbers,
    master: Numbers,
    stop: Numbers,
    **priors: Numbers,
) -> Sides:
    """U(s,z_) − value, and the four divergences."""
    options = Options.of(arithmetic, q, **priors)
    best = options.tilts(q)
    acting = kl(low, best[0], 2, arithmetic)
    choosing = kl(master, best[1], 1, arithmetic) + (master * acting).sum(axis=1)
    apart = kl(stop, best[2], 2, arithmetic)
    apart = apart + stop[:, :, 0] * acting + stop[:, :, 1] * choosing[:, None]
    return sides(options.soft(q) - options.value(q, low, master, stop), apart)


row(
    "report.075.identity.added",
    "proved",
    "report (72); report (73); report (74); report (75)",
    r"U(s,z_{-}) - E\Big[Q - \log\frac{\pi}{P} - b\log\frac{\pi^H}{P^H} - \log\frac{\pi^T}{P^T}"
    r"\Big] = D_{KL}(\pi^T\|\cdot) + \pi^T(0) D_{KL}(\pi(z_{-})\|\cdot) + \pi^T(1)\left["
    r"D_{KL}(\pi^H\|\cdot) + E D_{KL}(\pi(z)\|\cdot)\right]",
    "What any other three policies lose, exactly; the divergences are from (73), (74) as "
    "corrected, (75). So these are optimal, and no others where play gets to.",
    STAGE,
    Deduction(
        (DUALITY,),
        "substitution of equals",
        "E_π[Q − log π/P] = V − KL; put into the master's line, V^H − KL − E_η KL; both into the "
        "termination's line",
    ),
    identity(stage_identity, family(Q, PRIORS, POLICIES)),
    assumes=("π ≪ P, π^H ≪ P^H, π^T ≪ P^T",),
)


def stage_optimum(arithmetic: Arithmetic, **given: Numbers) -> Numbers:
    """U(s,z_) − value."""
    return stage_identity(arithmetic, **given).left


row(
    "report.075.corrected",
    "proved",
    "report (73); report (74); report (75); report (172); report (173); report (174)",
    r"\text{(73), (74) as corrected and (75) together maximise } E\Big[Q - \log\frac{\pi}{P} - "
    r"b\log\frac{\pi^H}{P^H} - \log\frac{\pi^T}{P^T}\Big], \text{ with value } U(s, z_{-})",
    "The reading that solves (72): V^H = log (1/m) ∫ exp V.",
    STAGE,
    Deduction(("report.075.identity.added", GIBBS), "chain of inequalities", "divergences >= 0"),
    inequality(stage_optimum, family(Q, PRIORS, POLICIES)),
    assumes=("π ≪ P, π^H ≪ P^H, π^T ≪ P^T (else the objective is −∞)",),
)


def informed(
    arithmetic: Arithmetic,
    q: Numbers,
    stop: Numbers,
    informed_master: Numbers,
    kept_low: Numbers,
    chosen_low: Numbers,
    **priors: Numbers,
) -> Numbers:
    """U(s,z_) − the value of policies that may see z_ and b: η(z|s,z_), π(a|s,z_) if b = 0,
    π(a|s,z_,z) if b = 1."""
    options = Options.of(arithmetic, q, **priors)
    kept = options.low_value(q, kept_low)
    values = []
    for z in range(q.shape[1]):
        table = options.low_value(q, chosen_low[:, z])
        values.append(options.master_value(table, informed_master[:, z]))
    pair = np.stack([kept, np.stack(values, axis=1)], axis=2)
    return options.soft(q) - cost(arithmetic, pair, stop, options.stop_prior, 2)


row(
    "report.070.general.corrected",
    "proved",
    "report (70); report (71)",
    r"\text{no policies } \pi(a|s,z,z_{-},b), \pi^H(z|s,z_{-},b), \pi^T "
    r"\text{ do better than (70) with (71)}",
    "A low-level policy that sees z_ and b and a master that sees z_ gain nothing: Q depends on "
    "(s, a, z) alone. At b = 0 the prior of (71) forces z = z_ on every master.",
    STAGE,
    Deduction(
        ("report.073.printed", "report.074.corrected", "report.075.printed"),
        "maximisation in stages",
        "for every (z_, b, z) the best π is (73), then for every z_ the best master is (74)",
    ),
    inequality(
        informed,
        family(
            Q,
            PRIORS,
            {
                "stop": POLICIES["stop"],
                "informed_master": distribution("states", "options", "options"),
                "kept_low": LOW["low"],
                "chosen_low": distribution("states", "options", "options", "actions"),
            },
        ),
    ),
)


def merged(arithmetic: Arithmetic, q: Numbers, **priors: Numbers) -> Sides:
    """exp U, and Σ_b P^T Σ_z P^H(z|s,z_,b) Σ_a P exp Q."""
    options = Options.of(arithmetic, q, **priors)
    acted = (options.low_prior * arithmetic.exp(q)).sum(axis=2)
    chosen = (options.master_prior * acted).sum(axis=1)[:, None]
    stop = options.stop_prior
    right = stop[:, :, 0] * acted + stop[:, :, 1] * chosen
    return sides(arithmetic.exp(options.soft(q)), right)


def prove_merged() -> Proof:
    keep, drop, acted, chosen = (positive(n) for n in ("P0", "P1", "acted", "chosen"))
    exp, log = sympy.exp, sympy.log
    left = exp(log(keep * exp(log(acted)) + drop * exp(log(chosen))))
    what = "with V = log Σ_a P e^Q, V^H = log Σ_z P^H e^V, each sum one symbol"
    return prove_zero(left - (keep * acted + drop * chosen), what)


row(
    "report.075.joint.added",
    "proved",
    "report (69); report (75)",
    r"\exp U(s,z_{-}) = \sum_{b,z,a} P^T(b|s,z_{-}) P^H(z|s,z_{-},b) P(a|s,z) \exp Q(s,a,z)",
    "One sum over the prior of (69): termination and choice are one aggregation under "
    "(1 − τ) δ + τ P^H, and the order of the three does not matter.",
    STAGE,
    Symbolic(prove_merged),
    identity(merged, family(Q, PRIORS)),
)
