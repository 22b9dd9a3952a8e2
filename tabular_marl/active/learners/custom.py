"""A user's own learner: two plain functions, for its policy and for its update.

    π_j(·|s; θ) = policy(θ, s),    U_j(·|θ, s, a, r_j, s') = update(θ, s, a, r_j, s')

θ is any hashable value. ``update`` returns the next θ, or a list of (θ', probability) pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import ArrayLike

from tabular_marl.active.learners.rule import NamedRule, hashable, unit_interval
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError


@dataclass(frozen=True)
class FunctionLearner:
    """A learner made of plain functions; source: FURTHER 2.1, any U^-i.

    ``policy(theta, state)`` returns the probabilities of the actions; ``update(theta, state,
    actions, reward, next_state)`` the next θ, or pairs in a *list*; ``starts`` the first θ's, one
    or more in a list. ``parameters`` is the declared set Θ, if given: leaving it is an InputError.

    >>> from tabular_marl.games import matching_pennies
    >>> copycat = FunctionLearner(
    ...     policy=lambda last, s: [1 - last, last],
    ...     update=lambda last, s, actions, reward, t: actions[0],
    ...     starts=[0],
    ... )
    >>> rule = copycat.bind(matching_pennies().as_stochastic(), 1)
    >>> rule.policy(rule.start(), rule.start()[:, 0])
    array([[1., 0.]])
    """

    policy: Callable[[Any, int], ArrayLike]
    update: Callable[[Any, int, tuple[int, ...], float, int], Any]
    starts: Sequence[Hashable]
    epsilon: float = 0.0
    parameters: Collection[Hashable] | None = None

    def bind(self, game: StochasticGame, player: int) -> NamedRule:
        """The rule for ``player`` in ``game``."""
        return _FunctionRule(self, game.action_counts[player])


class _FunctionRule(NamedRule):
    def __init__(self, learner: FunctionLearner, num_actions: int) -> None:
        self.learner = learner
        starts = learner.starts
        if not isinstance(starts, Sequence) or isinstance(starts, str) or not starts:
            raise InputError("starts", "be a list of at least one parameter", f"it was {starts!r}")
        super().__init__(starts, unit_interval("epsilon", learner.epsilon), num_actions)

    def name(self, value: Hashable) -> int:
        allowed = self.learner.parameters
        if hashable("starts", value) not in ((value,) if allowed is None else allowed):
            raise InputError("starts", "be in the set of parameters", f"one was {value!r}")
        return super().name(value)

    def respond(self, value: Any, state: int) -> ArrayLike:
        return self.learner.policy(value, state)

    def revise(
        self, value: Any, state: int, actions: tuple[int, ...], reward: float, next_state: int
    ) -> Sequence[tuple[Hashable, float]]:
        found = self.learner.update(value, state, actions, reward, next_state)
        pairs = found if isinstance(found, list) else [(found, 1.0)]
        allowed = self.learner.parameters
        when = f"from {value!r} in state {state} after actions {actions} "
        for pair in pairs:
            if not (isinstance(pair, tuple) and len(pair) == 2):
                must = "return the next parameter, or a list of pairs (parameter, probability)"
                raise InputError("update", must, f"{when}it returned {found!r}")
            after = hashable("update", pair[0], when)
            if allowed is not None and after not in allowed:
                raise InputError(
                    "update", "stay in the set of parameters", f"{when}it gave {after!r}"
                )
        return pairs
