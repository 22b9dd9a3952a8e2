"""From what a target is, to what went wrong in it: the catalogue of named mistakes.

Visible in a target: the reward's factor, γ (missing, its sign, another), the entropy (missing,
sign, temperature), priors and importance weights, a hard maximum, the order of the players, actions
at s' from the replay, the mean of twin critics, the gain, a bonus, the mask where an episode ends.
Not visible, because tables are one network: an online network where a target network is meant.
"""

from __future__ import annotations

import math

from tabular_marl.deep.crosscheck.terms import Fit, near
from tabular_marl.deep.systems import RecipeSystem, System

MASK = ", also where s' ends"
BONUS = "1 at s'"

#: Terms that only mend another one: whose entropy they are, and whether the prior is in them.
ENTROPIES = {
    "E[agent's log ratio/β at s']": ("agent", True),
    "E[opponent's log ratio/β at s']": ("opponent", True),
    "E[log π at s']": ("agent", False),
    "E[log ρ at s']": ("opponent", False),
}
CHARGED = ("E[q(s') − log ratios/β]",)
PLAIN = ("E[q(s')] without log ratios",)


def plainest(found: list[Fit], system: System) -> tuple[Fit, str]:
    """Of several exact fits the one with fewest values at s' whose mistake has a name, and that."""

    def values(fit: Fit) -> int:
        mended = {*system.wanted.fixed, *ENTROPIES, BONUS}
        return sum(name not in mended for name in fit.terms)

    ordered = sorted(found, key=values)  # stable: right forms come first
    pairs = [(fit, named(fit, system)) for fit in ordered]
    return next((pair for pair in pairs if pair[1]), pairs[0])


def named(fit: Fit, system: System) -> str:
    """The mistakes that an exact fit shows, in words; "" where none of the catalogue's is."""
    wanted, found = system.wanted, fit.by_name
    said = [_fixed(name, found[name], c) for name, c in wanted.fixed.items()]
    rest = {n: c for n, c in found.items() if n not in wanted.fixed and not near(c, 0.0)}
    main = next((n for n in rest if n not in ENTROPIES and n != BONUS), "")
    if not main:
        only_entropy = any(n in ENTROPIES for n in rest)
        said.append("q at s' is missing" if only_entropy else "the value of s' is missing")
        return _joined(said)
    coefficient = rest[main]
    said.append(_discount(coefficient, wanted.value))
    label = _label(main, wanted.labels)
    mended = [n for n in rest if n in ENTROPIES]
    if mended and isinstance(system, RecipeSystem) and main in CHARGED + PLAIN:
        label = "; ".join(_entropy(n, rest[n] / coefficient, main, system) for n in mended)
        if main in PLAIN:
            others = {"agent": 0, "opponent": 1}
            left = [
                who
                for who, axis in others.items()
                if who != ENTROPIES[mended[0]][0]
                and not system.of_player(axis).given
                and system.q.shape[axis + 1] > 1
            ]
            label = _joined([label, *(f"the {who}'s entropy is missing" for who in left)])
    elif main in wanted.right and len(rest) > 1 and BONUS not in rest:
        label = "a term too many"
    said.append(label)
    if BONUS in rest:
        said.append(_bonus(rest[BONUS], coefficient, system))
    return _joined(said)


def _joined(said: list[str]) -> str:
    return "; ".join(part for part in said if part)


def _fixed(name: str, found: float, wanted: float) -> str:
    if near(found, wanted):
        return ""
    told = {"R": "the reward", "gain": "the gain"}[name]
    if near(found, 0.0):
        return f"{told} is missing"
    if near(found, -wanted):
        return f"the sign of {told}"
    return f"{told} is multiplied by {found / wanted:.6g}"


def _discount(found: float, wanted: float) -> str:
    if near(found, wanted):
        return ""
    if near(found, -wanted):
        return "the sign of the value at s'"
    if near(found, 1.0):
        return "the discount is missing"
    if wanted == 1.0:
        return f"a discount {found:.6g} under an average reward"
    return f"the discount is {found:.6g} and not {wanted:g}"


def _label(main: str, labels: object) -> str:
    if main.endswith(MASK):
        return "the mask where s' ends the episode is missing"
    return dict(labels).get(main, "")  # type: ignore[call-overload, no-any-return]


def _entropy(name: str, share: float, main: str, system: RecipeSystem) -> str:
    """The entropy's factor relative to the right one, −1/β of a log ratio."""
    who, whole = ENTROPIES[name]
    axis = ("agent", "opponent").index(who)
    beta = 1.0 if whole else system.of_player(axis).beta
    right = -1.0 if whole else -1.0 / beta
    factor = (share + (right if main in CHARGED else 0.0)) / right
    prior = "" if whole or main in CHARGED else "the prior is missing (an entropy for a divergence)"
    if near(factor, 1.0):
        return prior
    if near(factor, 0.0):
        told = f"the {who}'s entropy is missing"
    elif near(factor, -1.0):
        told = f"the sign of the {who}'s temperature"
    else:
        told = f"the {who}'s temperature is multiplied by {factor:.6g}"
    return _joined([told, prior])


def _bonus(found: float, coefficient: float, system: System) -> str:
    if isinstance(system, RecipeSystem):
        agent = system.of_player(0)
        worth = math.log(system.q.shape[1]) / agent.beta if agent.beta else math.nan
        if near(found, coefficient * worth):
            return (
                "the entropy for the divergence from a uniform prior: log A/β more at every s', "
                "which moves values and no policy"
            )
    return f"a constant {found:.6g} at every s'"
