"""What a policy loss computes: its gradient, fitted by the gradients of named terms.

    ∂L/∂logits = Σ_rows w π (y − E_π y),    y = c [log π − log p − β x]       right, any c > 0

which is the gradient of c E_π[log π − log p − β x], least at the tilt π* ∝ p exp(β x). As right is
w c (π − π*), the gradient of the cross-entropy to the tilt: other rows of steps, the same minimum.
At random tables the gradients of the candidates for x are linearly independent, so that a fit
without residual names a wrong temperature, a missing entropy or prior, a wrong x.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.crosscheck.terms import EXACT, Fit, any_of, fits, near
from tabular_marl.deep.systems import Actor, System, Tables
from tabular_marl.deep.systems.wrong import F_WITH, MARGINAL, TRANSPOSED, TWINS

LOG_POLICY, LOG_PRIOR = "log π", "log p"
TILT = "cross-entropy to the tilt of "
LEAST = "least at the tilt of "
MAXIMISED = "it is maximised where it must be minimised"
GIVEN = "the prior"
WRONG = ", but "
REPLAYED = "replayed "
UNWEIGHTED = "the actions are replayed ones, without importance weights"


def judge(
    name: str, system: System, drawn: list[tuple[Tables, Any, dict[str, Tensor]]]
) -> tuple[bool, str, str, float]:
    """(right, what it is, the mistake, residual) of one actor's gradients at random tables."""
    best: Fit | None = None
    whose: Actor | None = None
    actors = [next(a for a in system.actors(t, b) if a.name == name) for t, b, _ in drawn]
    target = torch.cat([gradients[name].flatten() for _, _, gradients in drawn])
    for made in (_usual, _rarer):
        for rows in actors[0].rows:
            columns: dict[str, list[Tensor]] = {}
            for actor, (tables, _, _) in zip(actors, drawn, strict=True):
                for term, column in made(actor, tables, rows).items():
                    columns.setdefault(term, []).append(column.flatten())
            held = {term: torch.cat(parts) for term, parts in columns.items()}
            for fit in _fits(held, target):
                if best is None or _better(fit, best, actors[0]):
                    best, whose = fit, actors[0]
        if best is not None and best.residual < EXACT:
            break
    if best is None or whose is None:
        return False, "nothing", "", 1.0
    if best.residual >= EXACT:
        return False, f"no combination of known terms (closest: {best})", "", best.residual
    right = _is_right(best, whose)
    if all(term.startswith(REPLAYED) for term in best.terms):
        kept = tuple(term.removeprefix(REPLAYED) for term in best.terms)
        best = Fit(kept, best.coefficients, best.residual)
        named = "" if _is_right(best, whose) else _named(best, whose)
        mistake = "; ".join(p for p in (UNWEIGHTED, named) if p)
        return False, f"over replayed actions {_shown(best)}", mistake, best.residual
    return right, _shown(best), "" if right else _named(best, whose), best.residual


def _usual(actor: Actor, tables: Tables, rows: str) -> dict[str, Tensor]:
    """Those of the worths that a loss may have."""
    if actor.beta == 0:
        policy, given = tables.policy(actor.name), actor.log_prior.exp()
        aim = {f"{TILT}{GIVEN}": actor.rows[rows] * (policy - given)}
        return _columns(actor, tables, rows, {}) | aim
    return _columns(actor, tables, rows, actor.worths)


def _columns(
    actor: Actor, tables: Tables, rows: str, worths: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Gradients of Σ w E_π[y] for log π, log p and every worth, and of the cross-entropies."""
    policy, log_policy = tables.policy(actor.name), getattr(tables, f"log_{actor.name}")
    weight = actor.rows[rows]
    found = {
        LOG_POLICY: _slope(weight, policy, log_policy, actor),
        LOG_PRIOR: _slope(weight, policy, actor.log_prior, actor),
    }
    for name, worth in worths.items():
        found[name] = _slope(weight, policy, worth, actor)
        tilt = torch.softmax((actor.beta * worth + actor.log_prior).expand_as(policy), actor.axis)
        found[TILT + name] = weight * (policy - tilt)
    return found


def _rarer(actor: Actor, tables: Tables, rows: str) -> dict[str, Tensor]:
    """The same with rarer worths, wrong aims of cross-entropies, and actions from the replay."""
    if actor.beta == 0:
        return {}
    policy, log_policy = tables.policy(actor.name), getattr(tables, f"log_{actor.name}")
    weight, axis = actor.rows[rows], actor.axis
    found = _columns(actor, tables, rows, actor.rarer())
    even = torch.softmax(torch.where(policy > 0, 0.0, -torch.inf), axis)
    followed = {name: actor.worths[name] for name in actor.right}
    for name, y in {LOG_POLICY: log_policy, LOG_PRIOR: actor.log_prior, **followed}.items():
        found[REPLAYED + name] = _slope(weight, policy, y, actor, even)
    for name, worth in followed.items():
        for told, logits in _aims(worth, log_policy, actor):
            tilt = torch.softmax(logits.expand_as(policy), axis)
            found[TILT + name + WRONG + told] = weight * (policy - tilt)
    return found


def _slope(
    weight: Tensor, policy: Tensor, y: Tensor, actor: Actor, law: Tensor | None = None
) -> Tensor:
    """w Σ_a μ(a) y(a) ∂log π(a)/∂logits, the gradient of w E_π[y] where μ is π."""
    y = (policy if law is None else law) * torch.where(policy > 0, y.expand_as(policy), 0.0)
    return weight * (y - policy * y.sum(actor.axis, keepdim=True))


def _aims(worth: Tensor, log_policy: Tensor, actor: Actor) -> Iterator[tuple[str, Tensor]]:
    """Logits of wrong aims of a cross-entropy, each after what is wrong with it."""
    pulled, prior = actor.beta * worth, actor.log_prior
    possible = torch.where(prior > -torch.inf, 0.0, -torch.inf)
    best = pulled == pulled.amax(actor.axis, keepdim=True)
    yield "the temperature for its inverse", worth / actor.beta + prior
    yield "the sign of the temperature, or of x", prior - pulled
    yield "the temperature is multiplied by 0.5", 2 * pulled + prior
    yield "the temperature is multiplied by 2", pulled / 2 + prior
    yield "the prior is missing", pulled + possible
    yield "the policy itself stands for the prior", pulled + log_policy
    yield "a hard extremum for the tilt", torch.where(best, possible, -torch.inf)
    yield "x and the prior are missing: replayed actions are imitated", possible + 0 * worth


def _fits(columns: dict[str, Tensor], target: Tensor) -> list[Fit]:
    """One x at a time, with log π and log p; cross-entropies alone."""
    found: list[Fit] = []
    for name, column in columns.items():
        if name.startswith(TILT):
            found += fits({name: column}, target, (name,), [[()]])
    for law in ("", REPLAYED):
        held = {
            n: c
            for n, c in columns.items()
            if not n.startswith(TILT) and n.startswith(REPLAYED) == bool(law)
        }
        both = (law + LOG_POLICY, law + LOG_PRIOR)
        pair = tuple(n for n in both if n in held and float(held[n].abs().max()) > 1e-12)
        found += fits(held, target, pair, any_of(held, pair, 0, 1)) if held else []
    return found


def _better(one: Fit, other: Fit, actor: Actor) -> bool:
    if one.residual < EXACT and other.residual < EXACT:
        return _is_right(one, actor) and not _is_right(other, actor)
    return one.residual < other.residual


def _is_right(fit: Fit, actor: Actor) -> bool:
    if fit.residual >= EXACT:
        return False
    found, entropy = fit.by_name, fit.by_name.get(LOG_POLICY, 0.0)
    tilt = next((n for n in found if n.startswith(TILT)), "")
    if tilt:
        return found[tilt] > 0 and tilt.removeprefix(TILT) in (*actor.right, GIVEN)
    main = _main(fit)
    prior = near(found.get(LOG_PRIOR, -entropy), -entropy)
    if actor.beta == 0:
        return not main and entropy > 0 and prior
    return (
        main in actor.right and entropy > 0 and prior and near(found[main] / entropy, -actor.beta)
    )


def _main(fit: Fit) -> str:
    """The x of a fit, "" where there is none."""
    return next((n for n, c in fit.by_name.items() if n[:3] != "log" and abs(c) > 1e-12), "")


def _shown(fit: Fit) -> str:
    """The loss in words, scaled so that x has coefficient −1 where there is one."""
    main = _main(fit)
    if main.startswith(TILT):
        return main
    scale = abs(fit.by_name[main]) if main else abs(fit.by_name[LOG_POLICY])
    order = sorted(fit.terms, key=lambda n: n != main)
    return "E_π of " + " + ".join(f"{fit.by_name[n] / scale:.6g}·{n}" for n in order)


def _named(fit: Fit, actor: Actor) -> str:
    found, main = fit.by_name, _main(fit)
    if main.startswith(TILT):
        told = _tilted(main.removeprefix(TILT), actor)
        return "; ".join(p for p in (told, MAXIMISED if found[main] < 0 else "") if p)
    if not main:
        return "x is missing"
    said = [_worth(main, actor)]
    entropy, worth = found.get(LOG_POLICY, 0.0), found[main]
    if abs(entropy) < 1e-9 * abs(worth):
        return "; ".join(p for p in (*said, "the entropy is missing") if p)
    if actor.beta == 0:
        return "; ".join(p for p in (*said, "x moves a policy that is given") if p)
    factor = -worth / entropy / actor.beta
    if near(factor, -1.0):
        said.append("the sign of the temperature, or of x")
    elif near(factor, actor.beta**-2):
        said.append("the temperature for its inverse")
    elif not near(factor, 1.0):
        said.append(f"the temperature is multiplied by {1 / factor:.6g}")
    elif entropy < 0:
        said.append(MAXIMISED)
    if LOG_PRIOR in found and not near(found[LOG_PRIOR], -entropy):
        gone = abs(found[LOG_PRIOR]) < 1e-9 * abs(entropy)
        said.append(
            "the prior is missing"
            if gone
            else f"the prior's factor is {-found[LOG_PRIOR] / entropy:.6g}"
        )
    return "; ".join(part for part in said if part)


def _tilted(aim: str, actor: Actor) -> str:
    """What is wrong with a cross-entropy's aim."""
    name, _, told = aim.partition(WRONG)
    return told or ("" if name == GIVEN else _worth(name, actor))


def _worth(main: str, actor: Actor) -> str:
    if main in actor.right:
        return ""
    other = "agent" if actor.name == "opponent" else "opponent"
    for kind, told in zip(TWINS[1:], ("mean", "maximum"), strict=True):
        if kind in main:
            return f"the twins' {told} for their minimum"
    if main.startswith(F_WITH):
        return main.removeprefix(F_WITH)
    if main.startswith(MARGINAL):
        return f"an expectation over the {other}'s actions, which this policy sees"
    if main == TRANSPOSED:
        return "the two actions are exchanged"
    if main.endswith("+ log ratio/β]"):
        return f"the sign of the {other}'s log ratio"
    if main.startswith("E_b"):
        return f"an expectation under the {other}'s policy for its free energy"
    if main.startswith("the mean over b"):
        return f"the mean over the {other}'s replayed actions for its free energy"
    if main.startswith(("max_b", "min_b")):
        return f"a hard extremum over the {other}'s actions for its free energy"
    if "E_π[q]" in main:
        return "E_π[q] for V, as (74) is printed"
    return f"x is {main}"


def least(
    name: str,
    system: System,
    drawn: list[tuple[Tables, Any, dict[str, Tensor]]],
    gradients: Callable[[Tables, Any], dict[str, Tensor]],
    allowed: float,
) -> str:
    """The x at whose tilt the loss is least in every row of the batch, or "".

    However it is written. At random tables but for the policy, which is the tilt: no gradient
    there, and near it one that leads back.
    """
    generator = torch.Generator().manual_seed(0)
    left: set[str] | None = None
    for tables, batch, found in drawn:
        actor = next(a for a in system.actors(tables, batch) if a.name == name)
        logits, axis = tables.parameters()[name], actor.axis
        rows = (actor.rows["the batch"] > 0).expand(logits.shape).amax(axis)
        noise = 0.01 * torch.randn(logits.shape, generator=generator, dtype=logits.dtype)
        noise = torch.where(logits > -torch.inf, noise, 0.0)
        size, good = float(found[name].abs().max()), set()
        for worth in actor.right:
            pulled = actor.beta * actor.worths[worth] if actor.beta else 0.0
            tilt = torch.log_softmax(pulled + actor.log_prior, axis).expand(logits.shape)
            there, near_it = (
                gradients(tables.replaced(**{name: x}).trainable(), batch)[name]
                for x in (tilt, tilt + noise)
            )
            back = (near_it * noise).sum(axis)
            moves = logits.shape[axis] == 1 or bool((back[rows] > 0).all())
            if float(there.abs().max()) <= allowed * size and moves:
                good.add(worth)
        left = good if left is None else left & good
    return next((worth for worth in actor.right if left and worth in left), "")
