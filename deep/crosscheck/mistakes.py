"""From what a target is, to what went wrong in it: the catalogue of named mistakes.

Visible in a target: the reward's factor, γ (missing, its sign, another), the entropy (missing,
sign, temperature), priors and importance weights, a hard maximum, the order of the players, actions
at s' from the replay, the mean of twin critics, the gain, a bonus, the mask where an episode ends.
Not visible, because tables are one network: an online network where a target network is meant.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping

from tabular_marl.deep.crosscheck.terms import Fit, near
from tabular_marl.deep.systems import OptionSystem, RecipeSystem, System, Wanted
from tabular_marl.deep.systems.suspects import EXTRAS, WITH
from tabular_marl.deep.systems.wrong import TWINS
from tabular_marl.deep.systems.wrong_steps import PLAYERS

MASK = ", also where s' ends"
BONUS = "1 at s'"

#: Terms that only mend another one: whose entropy they are, and whether the prior is in them.
ENTROPIES = {
    "E[agent's log ratio/β at s']": ("agent", True),
    "E[opponent's log ratio/β at s']": ("opponent", True),
    "E[log π at s']": ("agent", False),
    "E[log ρ at s']": ("opponent", False),
}
#: Wrong combinations of two critics.
TOLD = {
    TWINS[1]: "the twins' mean for their minimum",
    TWINS[2]: "the twins' maximum for their minimum",
}
REWARDS = ("the opponent's reward", "R clipped to [−1, 1]", "the sign of R")
CHARGED = tuple(f"E[{kind}(s') − log ratios/β]" for kind in ("q", *TWINS))
LED = ("E[F[q](s') − log ratio/β]", "E[F[min(q, twin)](s') − log ratio/β]")
PLAIN = tuple(f"E[{kind}(s')] without log ratios" for kind in ("q", *TWINS))


def plainest(found: list[Fit], system: System, wanted: Wanted) -> tuple[Fit, str]:
    """Of several exact fits the one with fewest values at s' whose mistake has a name, and that."""

    def values(fit: Fit) -> int:
        mended = {*wanted.fixed, *ENTROPIES, BONUS}
        return sum(name not in mended and name not in EXTRAS for name in fit.terms)

    ordered = sorted(found, key=values)  # stable: right forms come first
    pairs = [(fit, named(fit, system, wanted)) for fit in ordered]
    return next((pair for pair in pairs if pair[1]), pairs[0])


def with_entropies(system: System) -> list[list[tuple[str, ...]]]:
    """Plain values with one, two or three entropies, as sets of terms."""
    if not isinstance(system, RecipeSystem):
        return []
    return [
        [(main, *some) for main in PLAIN for some in itertools.combinations(ENTROPIES, count)]
        for count in (1, 2, 3)
    ]


def named(fit: Fit, system: System, wanted: Wanted) -> str:
    """The mistakes that an exact fit shows, in words; "" where none of the catalogue's is."""
    found = fit.by_name
    said = [_fixed(name, found.get(name, c), c) for name, c in wanted.fixed.items()]
    rest = {n: c for n, c in found.items() if n not in wanted.fixed and not near(c, 0.0)}
    beside = {n: c for n, c in rest.items() if n in EXTRAS}
    instead = near(found.get("R", 1.0), 0.0) and any(near(beside.get(n, 0.0), 1.0) for n in REWARDS)
    if instead:
        said.remove("the reward is missing")
    values = {n: c for n, c in rest.items() if n not in (*ENTROPIES, *beside, BONUS)}
    if not values:
        only_entropy = any(n in ENTROPIES for n in rest)
        said.append("q at s' is missing" if only_entropy else "the value of s' is missing")
        return _joined(said)
    main = next(iter(values))
    mended = {n: c for n, c in rest.items() if n in ENTROPIES}
    if len(values) > 1:  # one of them alone explains nothing
        if mended or BONUS in rest or not near(sum(values.values()), wanted.value):
            return ""
        parts = (f"{c / wanted.value:.6g} of {name}" for name, c in values.items())
        return _joined([*said, f"a mixture at s', {' and '.join(parts)}"])
    coefficient = rest[main]
    scale = coefficient / wanted.value
    scaled = [near(found[n], scale * c) for n, c in wanted.fixed.items() if n in found]
    if scaled and all(scaled) and scale > 0 and not near(scale, 1.0):
        said = [f"the whole target is multiplied by {scale:.6g}"]
    else:
        said.append(_discount(coefficient, wanted, system))
    plain = main in PLAIN or main in CHARGED or (main in LED and mended)
    if isinstance(system, RecipeSystem) and plain and (mended or main not in wanted.right):
        label = _entropies(mended, coefficient, main, system)
    elif main in wanted.right and mended:
        already = dict.fromkeys(ENTROPIES[name][0] for name in mended)
        label = "; ".join(f"the {who}'s entropy is in V(s') already" for who in already)
    elif mended:
        return ""
    else:
        label = _label(main, wanted.labels)
    said.append(label)
    said += [EXTRAS[name] + (" for the reward" if instead else " is in it too") for name in beside]
    if BONUS in rest:
        said.append(_bonus(rest[BONUS], coefficient, system))
    return _joined(said)


def _joined(said: list[str]) -> str:
    return "; ".join(part for part in dict.fromkeys(said) if part)


def _fixed(name: str, found: float, wanted: float) -> str:
    if near(found, wanted):
        return ""
    told = {"R": "the reward", "gain": "the gain"}[name]
    if near(found, 0.0):
        return f"{told} is missing"
    if near(found, -wanted):
        return f"the sign of {told}"
    return f"{told} is multiplied by {found / wanted:.6g}"


def _discount(found: float, target: Wanted, system: System) -> str:
    wanted = target.value
    scale = found / wanted
    if near(found, wanted):
        return ""
    if near(found, -wanted):
        return "the sign of the value at s'"
    if near(found, 1.0):
        return "the discount is missing"
    if "gain" in target.fixed and 0 < found < 1:
        return f"a discount {found:.6g} under an average reward"
    told = f"the discount is {found:.6g} and not {wanted:g}"
    if not 0 < found < 1 or not target.fixed:
        told = f"the value at s' is multiplied by {scale:.6g}"
    why = next((why for why, x in _factors(system, target) if near(scale, x)), "")
    return f"{told}, as {why}" if why else told


def _factors(system: System, target: Wanted) -> Iterator[tuple[str, float]]:
    """What a value is multiplied with by mistake."""
    yield "γ taken twice", target.value
    yield "a logarithm to base 2", 1 / math.log(2)
    for who, beta, count in _players(system):
        yield f"not divided by the {who}'s β", beta
        yield f"divided by the {who}'s β once more", 1 / beta
        yield f"divided by the {who}'s β twice more", 1 / beta**2
        yield f"multiplied and not divided by the {who}'s β", beta**2
        yield f"a mean over the {who}'s {count} actions for their sum", 1 / count


def _players(system: System) -> list[tuple[str, float, int]]:
    """Who chooses among how many actions, and its β."""
    if isinstance(system, OptionSystem):
        return [("low level", system.beta, system.q.shape[1]), ("termination", system.beta, 2)]
    if not isinstance(system, RecipeSystem):
        return []
    steps = [(who, system.of_player(k), system.q.shape[k + 1]) for k, who in enumerate(PLAYERS)]
    return [(who, step.beta, count) for who, step, count in steps if not step.given and count > 1]


def _label(main: str, labels: object) -> str:
    if main.endswith(MASK):
        return "the mask where s' ends the episode is missing"
    told = dict(labels).get(main, "")  # type: ignore[call-overload]
    return told or (main.removeprefix(WITH) if main.startswith(WITH) else "")


def _entropies(
    mended: Mapping[str, float], coefficient: float, main: str, system: RecipeSystem
) -> str:
    """What is wrong with the divergences of a plain value: log π's factor and log p's, 1 if right.

    −(e log π − p log p)/β is charged, by a log ratio's coefficient −p and a log π's −(e − p)/β.
    """
    twins = next((told for kind, told in TOLD.items() if kind in main), "")
    said, known = [twins], []
    for axis, who in enumerate(PLAYERS):
        step = system.of_player(axis)
        if main in LED and axis != system.first.axis:  # it is charged in the free energy
            again = any(ENTROPIES[name][0] == who for name in mended)
            said.append(f"the {who}'s entropy is in V(s') already" if again else "")
            continue
        if step.given and any(ENTROPIES[name][0] == who for name in mended):
            said.append(f"the {who}'s entropy is charged, whose policy is given")
        if step.given or system.q.shape[axis + 1] == 1:
            continue
        ratio, log = (n for n in ENTROPIES if ENTROPIES[n][0] == who)
        prior = float(main not in PLAIN) - mended.get(ratio, 0.0) / coefficient
        entropy = prior - step.beta * mended.get(log, 0.0) / coefficient
        known.append((who, entropy, prior if bool((step.log_prior != 0).any()) else entropy))
    if not system.charged:
        wrong = [who for who, e, p in known if not (near(e, 0.0) and near(p, 0.0))]
        told = (f"the {who}'s divergence is charged, which EM evaluates without" for who in wrong)
        return _joined([twins, *told])
    if len(known) > 0 and all(near(e, 0.0) and near(p, 0.0) for _, e, p in known):
        return _joined([twins, "the entropy is missing"])
    said += [_divergence(*each) for each in known]
    return _joined(said)


def _divergence(who: str, entropy: float, prior: float) -> str:
    """One player's log π and log p, by their factors."""
    gone = near(prior, 0.0) and not near(entropy, 0.0)
    missing = "the prior is missing (an entropy for a divergence)" if gone else ""
    if near(entropy, 1.0):
        wrong = f"the factor of the {who}'s log prior is {prior:.6g}"
        return missing or ("" if near(prior, 1.0) else wrong)
    if not gone and not near(prior, entropy):
        return f"the factors of the {who}'s log π and log prior are {entropy:.6g} and {prior:.6g}"
    if near(entropy, 0.0):
        told = f"the {who}'s entropy is missing"
    elif near(entropy, -1.0):
        told = f"the sign of the {who}'s temperature"
    else:
        told = f"the {who}'s temperature is multiplied by {entropy:.6g}"
    return _joined([told, missing])


def _bonus(found: float, coefficient: float, system: System) -> str:
    worths = [
        (f"the {who}'s entropy for the divergence", f"log {count}/β", math.log(count) / beta)
        for who, beta, count in _players(system)
    ]
    whole = (
        "the entropies for the divergences",
        "the log counts over β",
        sum(x[2] for x in worths),
    )
    for told, more, worth in [*worths, whole]:
        if worth and near(found, coefficient * worth):
            return (
                f"{told} from a uniform prior, or a sum for a mean: {more} more at every s', "
                "which moves values and no policy"
            )
        if worth and near(found, -coefficient * worth):
            return f"a mean for a sum: {more} less at every s', which moves values and no policy"
    return f"a constant {found:.6g} at every s'"
