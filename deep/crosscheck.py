"""Hold an implementation, ours or a stranger's, against the exact answer of a small game.

An implementation is any object with one or more of

    target(tables, batch)   the critic's regression target at each sample, [n]
    loss(tables, batch)     a scalar, differentiable in the tables
    agent_policy(tables)    the agent's probabilities, [S, A] or [S, A, B]

where ``tables`` (:class:`tabular_marl.deep.systems.Tables`) holds q, value and policy logits, and
``batch`` (:class:`tabular_marl.deep.enumeration.Batch`) is every transition of the game with its
probability as a weight: no noise, so no tolerance for noise.

    target    E[target | s, a, b] = R + γ E[V(s')] at random tables; else the wrong term is named
    gradient  ∂E[loss] = 0 at the exact solution, table by table
    learning  gradient descent on the loss from random tables reaches the exact answer
    policy    KL to the exact policy, and the value it loses, state by state; of the learned tables
              where there is a loss
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.enumeration import Batch, enumerate_game
from tabular_marl.deep.systems import System, Tables
from tabular_marl.deep.terms import EXACT, RIGHT, Fit, expectation, fits, next_values
from tabular_marl.deep.value_gap import value_gap
from tabular_marl.validation import InputError

#: Largest gradient entry at the exact solution that rounding explains, beside the loss's scale.
GRADIENT_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Finding:
    """One check: what was measured against what is allowed, and what it says in words."""

    check: str
    passed: bool
    measured: float
    allowed: float
    says: str
    series: dict[str, list[float]] = field(default_factory=dict)


@dataclass(frozen=True)
class CrossCheck:
    """The findings about one implementation."""

    model: str
    game: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(finding.passed for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "passed": self.passed}


def crosscheck(
    implementation: Any, system: System, steps: int = 2000, tolerance: float = 1e-3
) -> CrossCheck:
    """Run every check that ``implementation`` has a method for.

    ``steps`` of Adam for the learning check, which must end within ``tolerance`` (reward units,
    probability) of the exact q and policies. Raises InputError where there is nothing to check, a
    result has the wrong shape, or is not finite.

    >>> import tabular_marl as tm
    >>> from tabular_marl.deep.tabular import TabularActorCritic
    >>> game = tm.iterated(tm.games.prisoners_dilemma())
    >>> system = System.of(game, "balancing-q", beta_agent=2.0, beta_opponent=-1.0)
    >>> crosscheck(TabularActorCritic(system), system, steps=500, tolerance=0.5).passed
    True
    """
    batch = enumerate_game(system.game)
    findings = tuple(_findings(implementation, system, batch, steps, tolerance))
    if not findings:
        raise InputError(
            "implementation", "have target, loss or agent_policy", f"{implementation!r} had none"
        )
    return CrossCheck(system.name, system.game.name, findings)


def _findings(
    implementation: Any, system: System, batch: Batch, steps: int, tolerance: float
) -> Iterator[Finding]:
    if hasattr(implementation, "target"):
        yield check_target(implementation, system, batch)
    if hasattr(implementation, "loss"):
        yield check_gradient(implementation, system, batch)
    tables = system.exact
    if hasattr(implementation, "loss"):
        learned, tables = check_learning(implementation, system, batch, steps, tolerance)
        yield learned
    if hasattr(implementation, "agent_policy"):
        yield check_policy(implementation, system, tables, tolerance)


# -- the critic's target -------------------------------------------------------------------------


def check_target(implementation: Any, system: System, batch: Batch, draws: int = 3) -> Finding:
    """Fit the expected target at random tables by the terms of :mod:`tabular_marl.deep.terms`."""
    shape = tuple(system.game.reward.shape)
    targets: list[Tensor] = []
    columns: dict[str, list[Tensor]] = {}
    for seed in range(draws):
        tables = system.random(seed)
        given = _per_sample("target", implementation.target(tables, batch), batch)
        targets.append(expectation(batch, given, shape))
        columns.setdefault("R", []).append(expectation(batch, batch.reward, shape))
        for name, after in next_values(system, tables).items():
            columns.setdefault(name, []).append(expectation(batch, after[batch.next_state], shape))
    found = fits({name: torch.cat(parts) for name, parts in columns.items()}, torch.cat(targets))
    right = [fit for fit in found if _is_right(fit, system.game.discount)]
    said = right[0] if right else found[0]
    wanted = f"R + {system.game.discount:g}·V(s')"
    if right:
        return Finding("target", True, said.residual, EXACT, f"is {said}, as it must be")
    if said.residual < EXACT:
        return Finding(
            "target", False, _distance(said, system), EXACT, f"is {said}; it must be {wanted}"
        )
    return Finding(
        "target",
        False,
        said.residual,
        EXACT,
        f"is no combination of known terms (closest: {said}, which leaves a relative residual of "
        f"{said.residual:.2g}); it must be {wanted}",
    )


def _is_right(fit: Fit, discount: float) -> bool:
    if fit.residual >= EXACT or len(fit.terms) != 2 or fit.terms[1] not in RIGHT:
        return False
    return abs(fit.coefficients[0] - 1) < 1e-7 and abs(fit.coefficients[1] - discount) < 1e-7


def _distance(fit: Fit, system: System) -> float:
    """The largest error of a coefficient."""
    wanted = {"R": 1.0} | dict.fromkeys(RIGHT, system.game.discount)
    pairs = zip(fit.terms, fit.coefficients, strict=True)
    return max(abs(c - wanted.get(name, 0.0)) for name, c in pairs)


# -- the loss ------------------------------------------------------------------------------------


def check_gradient(implementation: Any, system: System, batch: Batch) -> Finding:
    """The exact expected gradient at the exact solution, per table and entry, must vanish."""
    tables = system.exact.trainable()
    loss = _scalar(implementation.loss(tables, batch))
    gradients = _gradients(loss, tables)
    scale = max(1.0, float(system.exact.q.abs().max()))
    sizes = {name: float(g.abs().max()) for name, g in gradients.items()}
    allowed = GRADIENT_TOLERANCE * scale
    wrong = [f"{name} ({size:.3g})" for name, size in sizes.items() if size > allowed]
    idle = sorted(set(sizes) - _trained(implementation, system, batch))
    says = "vanishes at the exact solution"
    if wrong:
        says = f"does not vanish at the exact solution: {', '.join(wrong)}"
    if idle:
        says += f"; it does not train {', '.join(idle)}"
    return Finding("gradient", not wrong, max(sizes.values()), allowed, says)


def _trained(implementation: Any, system: System, batch: Batch) -> set[str]:
    """The tables that the loss moves, seen at random ones."""
    tables = system.random(0).trainable()
    gradients = _gradients(_scalar(implementation.loss(tables, batch)), tables)
    return {name for name, g in gradients.items() if bool((g != 0).any())}


def _gradients(loss: Tensor, tables: Tables) -> dict[str, Tensor]:
    held = tables.parameters()
    found = torch.autograd.grad(loss, list(held.values()), allow_unused=True)
    return {
        name: torch.zeros_like(table) if g is None else torch.nan_to_num(g)
        for (name, table), g in zip(held.items(), found, strict=True)
    }


def check_learning(
    implementation: Any, system: System, batch: Batch, steps: int, tolerance: float
) -> tuple[Finding, Tables]:
    """Adam on the exact expected loss from random tables: distances by step, and the tables."""
    trained = _trained(implementation, system, batch)
    start, exact = system.random(1).trainable().parameters(), system.exact.parameters()
    tables = Tables(**{name: start[name] if name in trained else exact[name] for name in exact})
    rate = 0.3 * max(1.0, float(system.exact.q.abs().max()) / 100)
    held = [tables.parameters()[name] for name in sorted(trained)]
    # a short memory: the gradients of a moving target shrink, and Adam must follow
    optimiser = torch.optim.Adam(held, lr=rate, betas=(0.9, 0.95))
    decay = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda k: 1e-4 ** max(0, 2 * k / steps - 1)
    )
    series: dict[str, list[float]] = {"step": []}
    for step in range(steps + 1):
        if step % max(steps // 100, 1) == 0:
            series["step"].append(float(step))
            for name, far in _distances(system, tables, trained).items():
                series.setdefault(name, []).append(far)
        optimiser.zero_grad()
        _scalar(implementation.loss(tables, batch)).backward()
        optimiser.step()
        decay.step()
    last = {name: values[-1] for name, values in series.items() if name != "step"}
    worst = max(last.values())
    told = ", ".join(f"{name} {far:.2g}" for name, far in last.items())
    says = f"after {steps} steps the largest distances are {told}"
    return Finding("learning", worst <= tolerance, worst, tolerance, says, series), tables


def _distances(system: System, tables: Tables, trained: set[str]) -> dict[str, float]:
    """Largest entry of |table − exact|; policies as probabilities."""
    exact, found = system.exact, {}
    for name in sorted(trained):
        one, other = tables.parameters()[name].detach(), exact.parameters()[name]
        if name in ("agent", "opponent"):
            axis = 1 if name == "agent" else 2
            one, other = torch.softmax(one, axis), torch.softmax(other, axis)
        found[name] = float((one - other).abs().max())
    return found


# -- the policy ----------------------------------------------------------------------------------


def check_policy(
    implementation: Any, system: System, tables: Tables, tolerance: float = 1e-3
) -> Finding:
    """KL(π ‖ exact) and the value that π loses against the exact opponent, state by state."""
    exact = system.exact.log_agent
    policy = torch.as_tensor(implementation.agent_policy(tables)).detach().to(exact.dtype)
    policy = policy.unsqueeze(2) if policy.ndim == 2 and exact.ndim == 3 else policy
    if policy.shape != exact.shape:
        was = f"it was {tuple(policy.shape)}"
        raise InputError("agent_policy", f"have shape {tuple(exact.shape)}", was)
    if not bool(torch.isfinite(policy).all()) or float((policy.sum(1) - 1).abs().max()) > 1e-6:
        raise InputError("agent_policy", "be probabilities that sum to one over a", "it was not")
    ratio = torch.where(policy > 0, policy.log() - exact, 0.0)
    divergence = (policy * ratio).sum(1).amax(1)
    lost = value_gap(system, policy)
    worst, most = float(divergence.max()), float(lost.abs().max())
    return Finding(
        "policy",
        worst <= tolerance,
        worst,
        tolerance,
        f"largest KL to the exact policy {worst:.3g} (state {int(divergence.argmax())}), largest "
        f"value gap {most:.3g}",
        {"kl": divergence.tolist(), "value gap": lost.tolist()},
    )


def _per_sample(name: str, given: Any, batch: Batch) -> Tensor:
    found = torch.as_tensor(given).detach().to(batch.reward.dtype)
    if found.shape != batch.reward.shape:
        raise InputError(name, f"have shape ({len(batch)},)", f"it had {tuple(found.shape)}")
    if not bool(torch.isfinite(found).all()):
        at = int(torch.nonzero(~torch.isfinite(found))[0])
        raise InputError(name, "be finite", f"sample {at} was {float(found[at])}")
    return found


def _scalar(loss: Tensor) -> Tensor:
    if loss.ndim != 0 or not bool(torch.isfinite(loss)):
        raise InputError("loss", "be a finite scalar", f"it was {loss.detach().tolist()}")
    return loss
