"""B.1.2: the earlier solution that is criticised, and what it lacks: report (175), (176).

    (176)  Q = βr + γ E[ E_{b~P(b|s',z), z'~P(z'|s')} (1 − b) V(s',z) + b V(s',z') ]

averages where (75), (74) take a log-mean-exp. With the priors for P it leaves the optimum by two
divergences, the termination's and the master's; with the optimal policies for P it forgets to
charge for both. Shapes as in ``_options``.
"""

from __future__ import annotations

from tabular_marl.verification import (
    Counterexample,
    Deduction,
    sides,
)
from tabular_marl.verification.arithmetic import Arithmetic, Numbers, kl
from tabular_marl.verification.claims._balancing import identity, inequality
from tabular_marl.verification.claims._options import (
    GAME,
    GAMES,
    GIBBS,
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
    over_time,
)
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
