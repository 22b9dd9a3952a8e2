"""Hold an implementation, ours or a stranger's, against the exact answer of a small game.

An implementation is any object with one or more of

    target(tables, batch)   the critic's regression target at each sample, [n]
    loss(tables, batch)     a scalar, differentiable in the tables
    agent_policy(tables)    the agent's probabilities, [S, A] or the shape of tables.agent

where ``tables`` (:class:`tabular_marl.deep.systems.Tables`) holds q, value and policy logits, and
``batch`` (:class:`tabular_marl.deep.systems.enumeration.Batch`) is every transition of the game
with its probability as a weight: no noise, so no tolerance for noise.

    target     E[target | s, a, b] = R + γ E[V(s')] at random tables; else the mistake is named
    gradient   ∂E[loss] = 0 at the exact solution, table by table
    critic     at random tables ∂E[loss]/∂q = c w (q − E[R + γ V(s')]), c > 0; else it is named
    actor      each policy loss is least at the policy's tilt, at random tables; else it is named
    objective  where q is the value of the agent's policy, ∂E[loss] = −c ∇J: cosine and norm
    learning   gradient descent on the loss from random tables reaches the exact answer
    policy     KL to the exact policy, and the value it loses, state by state; of the learned tables
               where there is a loss

A finished agent of which only its actions can be seen has instead one of

    action_probabilities(observation) -> [A]    asked in every state
    act(observation) -> a                       sampled, within stated bounds, never called exact

as :mod:`tabular_marl.deep.crosscheck.strangers` says, and gets the policy check alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.crosscheck import actors, objectives, policies, strangers
from tabular_marl.deep.crosscheck.findings import (
    CrossCheck,
    Finding,
    per_sample,
    scalar,
    told_as_its_own,
)
from tabular_marl.deep.crosscheck.learning import learn
from tabular_marl.deep.crosscheck.targets import at_one_q, judge, judge_value, not_held
from tabular_marl.deep.crosscheck.terms import EXACT, SINGLE, expectation
from tabular_marl.deep.systems import OPTIONAL, System, Tables
from tabular_marl.validation import InputError

#: Largest gradient at the exact solution that rounding explains, beside those at random tables.
GRADIENT_TOLERANCE = 1e-10
#: Numbers of a term at s' that a fit needs at least, over all draws.
VALUES = 12
CHECKED = ("target", "loss", "agent_policy", "action_probabilities", "act")


def crosscheck(
    implementation: Any,
    system: System,
    steps: int = 2000,
    tolerance: float = 1e-3,
    samples: int = 10_000,
) -> CrossCheck:
    """Run every check that ``implementation`` has a method for.

    ``steps`` of Adam for the learning check (0 leaves it out), which must end within ``tolerance``
    (reward units, probability) of the exact q and policies. ``samples``: calls of ``act`` a state,
    for an agent that only acts. Raises InputError where there is
    nothing to check, a method fails, or its result has the wrong shape or is not finite.

    >>> import tabular_marl as tm
    >>> from tabular_marl.deep.crosscheck.tabular import TabularActorCritic
    >>> game = tm.iterated(tm.games.prisoners_dilemma())
    >>> system = System.of(game, "balancing-q", beta_agent=2.0, beta_opponent=-1.0)
    >>> crosscheck(TabularActorCritic(system), system, steps=500, tolerance=0.5).passed
    True
    """
    if isinstance(steps, bool) or not isinstance(steps, int) or steps < 0:
        raise InputError("steps", "be an integer >= 0", f"it was {steps!r}")
    if not tolerance > 0:
        raise InputError("tolerance", "be > 0", f"it was {tolerance!r}")
    findings = tuple(Bench(implementation, system).findings(steps, tolerance, samples))
    if not findings:
        *names, last = CHECKED
        must = f"have {', '.join(names)} or {last}"
        raise InputError("implementation", must, f"{implementation!r} had none")
    return CrossCheck(system.name, system.game.name, findings, system.game.state_labels)


class Bench:
    """One implementation on one system; each check is a method."""

    def __init__(self, implementation: Any, system: System) -> None:
        self.implementation, self.system = implementation, system
        self.batch = system.enumerate()
        # random tables enough to tell apart all terms, of which a draw gives one number a state
        self.draws = max(3, -(-VALUES // system.game.num_states))
        # what rewards add to the error of a random critic
        self.paid = max(1.0, float(self.batch.reward.abs().max()))

    def findings(self, steps: int, tolerance: float, samples: int) -> Iterator[Finding]:
        """Every check that the implementation has a method for."""
        system = self.system
        tables = system.exact
        if hasattr(self.implementation, "target"):
            yield self.target()
        if hasattr(self.implementation, "loss"):
            yield self.gradient()
            yield from self.critic()
            yield from self.actors()
            yield from self.objective()
            if steps:
                learned, tables = learn(self.loss, system, self.trained, steps, tolerance)
                yield learned
        if hasattr(self.implementation, "agent_policy"):
            given = self._called("agent_policy", tables, None)
            yield policies.judged(policies.checked(given, system), system, tolerance)
        elif hasattr(self.implementation, "action_probabilities"):
            yield strangers.told(self.implementation, system, tolerance)
        elif hasattr(self.implementation, "act"):
            yield strangers.bounded(self.implementation, system, tolerance, samples)

    # -- the critic's target ----------------------------------------------------------------------

    def target(self) -> Finding:
        """Fit the expected target at random tables by the system's terms."""
        system, batch = self.system, self.batch
        drawn = [system.tried(seed) for seed in range(self.draws)]
        wholes = [expectation(batch, self._target(t), tuple(t.q.shape)) for t in drawn]
        found = judge(system, batch, drawn, wholes)
        if found is None:
            return Finding(
                "target", False, 1.0, EXACT, f"is 0 everywhere; it must be {system.wanted}"
            )
        if not found.known:
            found = at_one_q(system, batch, self._target, range(self.draws)) or found
        return found.finding("target")

    def _target(self, tables: Tables) -> Tensor:
        return per_sample("target", self._called("target", tables), self.batch)

    # -- the loss ---------------------------------------------------------------------------------

    def gradient(self) -> Finding:
        """The exact expected gradient at the exact solution, per table, must vanish.

        Beside the gradients at random tables, so that a loss's scale does not matter.
        """
        gradients = self.gradients(self._exact.trainable(), self.batch)
        size = max(1.0, float(self.system.exact.q.abs().max()))
        scales = {
            n: max(float(drawn[n].abs().max()) for _, _, drawn in self._drawn) or 1.0
            for n in gradients
        }
        shares = {
            n: float(g.abs().max()) / scales[n] * (self.paid if n in ("q", "twin", "gain") else 1)
            for n, g in gradients.items()
        }
        allowed = GRADIENT_TOLERANCE * size
        worst = max(shares.values())
        says = "vanishes at the exact solution"
        if allowed < worst <= SINGLE * size:
            allowed, says = SINGLE * size, f"{says}, to single precision"
        wrong = [
            f"{name} ({float(gradients[name].abs().max()):.3g})"
            for name, share in shares.items()
            if share > allowed
        ]
        mistake = ""
        if wrong:
            says = f"does not vanish at the exact solution: {', '.join(wrong)}"
            if self._ignores_weights():
                mistake = "the samples' weights are ignored"
                says += f": {mistake}"
        elif self._loses_the_gain():
            mistake = "the gain is moved the wrong way"
            wrong, worst, says = ["gain"], 1.0, f"{says}, but near it {mistake}"
        if idle := sorted(set(shares) - self.trained - set(OPTIONAL)):
            says += f"; it does not train {', '.join(idle)}"
            read = [name for name in idle if self._reads(name)]
            says += f", but reads {', '.join(read)}" if read else ""
        return Finding("gradient", not wrong, worst, allowed, says, mistake=mistake)

    @cached_property
    def _level(self) -> tuple[Tensor, Tensor]:
        """∂E[loss]/∂q at the exact tables, and how it changes where they are 1 higher."""
        exact = self.system.exact
        here, above = (
            self.gradients(t.trainable(), self.batch)["q"] for t in (exact, exact.raised(1.0))
        )
        slope = above - here
        random = float(self._drawn[0][2]["q"].abs().max()) / self.paid
        free = float(slope.abs().max()) <= SINGLE * random
        return here, torch.zeros_like(slope) if free else slope

    @cached_property
    def _exact(self) -> Tables:
        """The exact tables; of an average reward at the level at which ∂E[loss]/∂q vanishes.

        The level is free but where the gain is read off q, which is then at the gain.
        """
        exact = self.system.exact
        if "gain" not in exact.held or not bool(self._level[1].any()):
            return exact
        here, slope = self._level
        return exact.raised(-float((here * slope).sum() / (slope**2).sum()))

    def _loses_the_gain(self) -> bool:
        """Whether a step along the gradient takes a wrong gain further from the exact one."""
        if "gain" in self.trained:
            raised = self._exact.replaced(gain=self._exact.gain + 1.0)
            return float(self.gradients(raised.trainable(), self.batch)["gain"]) < 0
        return "gain" in self._exact.held and float(self._level[1].sum()) < 0

    def critic(self) -> Iterator[Finding]:
        """What q, its twin and the value table are moved to, by gradients at random tables.

        Of a form that is not known nothing is said: gradient and learning judge it.
        """
        drawn = [self.system.tried(seed) for seed in range(self.draws)]
        pulled = [self.gradients(tables.trainable(), self.batch) for tables in drawn]
        for name in ("q", "twin"):
            if name not in self.trained or self.system.game.num_states == 1:  # there q(s') is q
                continue
            shape = tuple(drawn[0].q.shape)
            weight = torch.zeros(shape, dtype=self.batch.weight.dtype)
            weight = weight.index_put_(self.batch.taken, self.batch.weight, accumulate=True)
            pulls = [gradients[name] for gradients in pulled]
            wholes = [(pull / weight)[weight > 0] for pull in pulls]
            found = judge(self.system, self.batch, drawn, wholes, name)
            if found is not None and found.known:
                yield found.finding("critic", name)
            elif mistake := not_held(self.system, self.batch, drawn, pulls, name):
                says = f"the gradient of {name} is that of a squared error, but {mistake}"
                yield Finding("critic", False, 1.0, EXACT, says, mistake=mistake)
        if "value" in self.trained:
            pulls = [gradients["value"] for gradients in pulled]
            moved = judge_value(self.system, self.batch, drawn, pulls)
            if moved is not None and moved.known:
                yield moved.finding("critic", "value")

    def _reads(self, name: str) -> bool:
        """Whether the loss's gradients depend on a table."""
        tables, batch, found = self._drawn[0]
        other = tables.replaced(**{name: self._drawn[1][0].parameters()[name]})
        again = self.gradients(other.trainable(), batch)
        return any(bool((again[k] != found[k]).any()) for k in found)

    def _ignores_weights(self) -> bool:
        tables = self.system.random(0)
        turned = type(self.batch)(
            **{**self.batch.__dict__, "weight": self.batch.weight.flip(0).roll(1)}
        )
        one, other = (self.loss(tables, b) for b in (self.batch, turned))
        uneven = bool((turned.weight != self.batch.weight).any())
        return uneven and float(one.detach()) == float(other.detach())

    @cached_property
    def _drawn(self) -> list[tuple[Tables, Any, dict[str, Tensor]]]:
        """Random tables, with the loss's gradients there."""
        found = []
        for seed in range(self.draws):
            tables = self.system.random(seed)
            found.append((tables, self.batch, self.gradients(tables.trainable(), self.batch)))
        return found

    @cached_property
    def trained(self) -> set[str]:
        """The tables that the loss moves, seen at random ones."""
        gradients = [g for _, _, g in self._drawn]
        return {n for n in gradients[0] if any(bool((g[n] != 0).any()) for g in gradients)}

    def loss(self, tables: Tables, batch: Any = ...) -> Tensor:
        """The loss, checked."""
        return scalar(self._called("loss", tables, batch))

    def gradients(self, tables: Tables, batch: Any) -> dict[str, Tensor]:
        """∂E[loss], table by table."""
        loss = self.loss(tables, batch)
        held = tables.parameters()
        if not loss.requires_grad:
            raise InputError(
                "loss", "be differentiable in the tables", "no table has a gradient (detached?)"
            )
        found = torch.autograd.grad(loss, list(held.values()), allow_unused=True)
        if all(bool(possible.all()) for possible in self.system.supports.values()):
            for name, g in zip(held, found, strict=True):
                if g is not None and not bool(torch.isfinite(g).all()):
                    raise InputError("loss", "have finite gradients", f"that of {name} is not")
        return {
            name: torch.zeros_like(table) if g is None else torch.nan_to_num(g)
            for (name, table), g in zip(held.items(), found, strict=True)
        }

    def actors(self) -> Iterator[Finding]:
        """What each policy loss computes."""
        said, named, wrong, worst = [], [], False, 0.0
        for name in self.system.exact.axes:
            if name not in self.trained:
                continue
            right, shown, mistake, residual = self._actor(name)
            wrong, worst = wrong or not right, max(worst, residual)
            said.append(f"{name}: {shown}" + (f": {mistake}" if mistake else ""))
            named += [f"{name}: {mistake}"] if mistake else []
        if said:
            told, mistake = "; ".join(said), "; ".join(named)
            yield Finding("actor", not wrong, worst, EXACT, told, mistake=mistake)

    def _actor(self, name: str) -> tuple[bool, str, str, float]:
        """(right, what it is, the mistake, residual) of one actor's gradients at random tables."""
        found = actors.judge(name, self.system, self._drawn)
        if found[3] < EXACT:
            return found
        solved = [(self._exact, self.batch, self._drawn[0][2])]
        for drawn, where in ((self._drawn, ""), (solved, ", at the exact answer")):
            least = actors.least(name, self.system, drawn, self.gradients, SINGLE)
            if least:
                return True, f"{actors.LEAST}{least}, in a form of its own{where}", "", 0.0
        return found

    def objective(self) -> Iterator[Finding]:
        """∂E[loss] against the exact −∇J: see :func:`~.objectives.judge`."""
        if "agent" not in self.trained:
            return
        _, shown, _, _ = self._actor("agent")
        if shown.startswith(actors.LEAST):  # another way to the same minimum
            return
        follows = shown.startswith(actors.TILT)
        told = objectives.judge(self.system, self.gradients, self.draws, follows)
        if told is not None:
            if not told.passed and self._ignores_weights():
                mistake = "the samples' weights are ignored"
                told = replace(told, says=f"{told.says}: {mistake}", mistake=mistake)
            yield told

    def _called(self, name: str, tables: Tables, batch: Any = ...) -> Any:
        """The implementation's method; what it raises is told as its own."""
        args = () if batch is None else (self.batch if batch is ... else batch,)
        method = getattr(self.implementation, name)
        given = dict(tables.parameters())
        for batch_ in args:
            given |= {f"batch.{field}": x for field, x in vars(batch_).items()}
        before = {field: x._version for field, x in given.items()}
        found = told_as_its_own(name, "run on tables and a batch", method, tables, *args)
        changed = [field for field, x in given.items() if x._version != before[field]]
        if changed:
            raise InputError(name, "leave what it is given as it is", f"it changed {changed[0]}")
        return found
