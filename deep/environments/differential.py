"""Differential games: one state, two players, an action in an interval each.

    two quadratics   r = max(f1, f2) for both, f2 = 10 − (a−5)² − (b−5)²,
                     f1 = −0.8 [(a+5)² + (b+5)²]/w,   w = 9 as printed, 3 in the authors' code
    rotational       r1 = a²/2 + 10ab,   r2 = b²/2 − 10ab         rewards in PR2's code
    rotational loss  r1 = −a²/2 − 10ab,  r2 = −b²/2 + 10ab        losses where it comes from
    trigonometric    r1 = a cos b,       r2 = b sin a

on [−10, 10]². The sign of the rotational game decides everything: as rewards each payoff is convex
in one's own action, so that only ends are best responses and the one equilibrium tosses coins; as
losses it is concave and the origin is the one equilibrium.

On a grid of cells they are matrix games, and :func:`exact` solves those. A uniform prior over the
cells is the uniform density on the interval, so its soft values are those of the continuous game
up to the midpoint rule's error.

Shapes: actions [N, 1], payoffs [2, …] for actions […]. Units: reward.
Sources: Wei et al. (2018), Tian et al. (2019) (ROMMEO), Wen et al. (2019) (PR2), Balduzzi et al.
(2018).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tabular_marl.deep.parts.devices import at_hand
from tabular_marl.deep.parts.squashed import Box, Squashed
from tabular_marl.deep.systems import System
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.validation import InputError, integer, one_of

TEN = Box(-10.0, 10.0)


@dataclass(frozen=True)
class Equilibrium:
    """Each player draws evenly from its actions; one action each is a pure equilibrium."""

    agent: tuple[float, ...]
    opponent: tuple[float, ...]


@dataclass(frozen=True)
class DifferentialGame:
    """``payoffs(a, b)`` of both players [2, …], for actions in ``box``.

    ``optimum`` is the largest common payoff, None where the players' payoffs differ.
    ``equilibria`` are all pure ones, and the mixed one where there is none.
    """

    name: str
    payoffs: Callable[[Tensor, Tensor], Tensor]
    equilibria: tuple[Equilibrium, ...]
    source: str
    optimum: float | None = None
    box: Box = TEN

    def grid(self, points: int) -> MatrixGame:
        """The game whose actions are the centres of ``points`` equal cells.

        >>> GAMES["two-quadratics"].grid(2).payoffs[0]
        array([[ 0.        , -8.88888889],
               [-8.88888889, 10.        ]])
        """
        line = self.box.cells(integer("points", points)).double()
        payoffs = self.payoffs(line, line.T).expand(2, points, points)
        return MatrixGame(payoffs.numpy(), name=self.name, source=self.source)


def _two_quadratics(name: str, width: float, source: str) -> DifferentialGame:
    def payoffs(a: Tensor, b: Tensor) -> Tensor:
        near = 0 - 0.8 * ((a + 5) ** 2 + (b + 5) ** 2) / width
        common = torch.maximum(near, 10 - (a - 5) ** 2 - (b - 5) ** 2)
        return torch.stack([common, common])

    pure = tuple(Equilibrium((place,), (place,)) for place in (5.0, -5.0))
    return DifferentialGame(name, payoffs, pure, source, optimum=10.0)


def _rotational(a: Tensor, b: Tensor) -> Tensor:
    turn = 10 * a * b
    return torch.stack([a**2 / 2 + turn, b**2 / 2 - turn])


def _trigonometric(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([a * torch.cos(b), b * torch.sin(a)])


#: where both players are indifferent: sin a = 0 and cos b = 0
_INDIFFERENT = tuple(
    Equilibrium((k * math.pi,), ((m + 0.5) * math.pi,)) for k in range(-3, 4) for m in range(-3, 3)
)

GAMES: dict[str, DifferentialGame] = {
    game.name: game
    for game in (
        _two_quadratics("two-quadratics", 9.0, "Wei et al. (2018); Tian et al. (2019), as printed"),
        _two_quadratics("two-quadratics-code", 3.0, "the code of PR2 and of ROMMEO"),
        DifferentialGame(
            "rotational",
            _rotational,
            (Equilibrium((-10.0, 10.0), (-10.0, 10.0)),),
            "Wen et al. (2019), its code",
        ),
        DifferentialGame(
            "rotational-loss",
            lambda a, b: -_rotational(a, b),
            (Equilibrium((0.0,), (0.0,)),),
            "Balduzzi et al. (2018)",
        ),
        DifferentialGame(
            "trigonometric",
            _trigonometric,
            (Equilibrium((-10.0,), (10.0,)), *_INDIFFERENT),
            "Wen et al. (2019), its code",
        ),
    )
}


def differential_game(name: str) -> DifferentialGame:
    """The game of that name. Raises InputError, which suggests the nearest one."""
    return GAMES[one_of("game", name, GAMES)]


def exact(
    game: DifferentialGame, model: str, points: int = 80, discount: float = 0.0, **parameters: Any
) -> System:
    """``game``'s exact soft solution on a grid, repeated for ever with ``discount``.

    ``model`` and ``parameters`` are those of :meth:`tabular_marl.deep.systems.System.of`.
    Raises InputError, NotConverged.

    >>> found = exact(GAMES["two-quadratics"], "rommeo", beta=1.0)
    >>> opponent = found.exact.log_opponent.exp()[0, 0]
    >>> mean = opponent.float() @ GAMES["two-quadratics"].box.cells(80)[:, 0]
    >>> round(float(mean), 3), round(float(found.exact.value[0]), 3)
    (4.995, 5.154)
    """
    found: System = System.of(game.grid(points).as_stochastic(discount), model, **parameters)
    return found


class RepeatedGame:
    """``seeds`` copies of ``game``, played round after round; the one state is observed as 1."""

    shared = True  # both see the same
    digest = ""  # its name tells it from others
    width, widths = 1, (1, 1)

    def __init__(
        self, game: DifferentialGame, seeds: int, device: torch.device | str = "cpu"
    ) -> None:
        self.game, self.seeds = game, integer("seeds", seeds)
        self.actions = (game.box, game.box)
        self.observation = torch.ones(seeds, 1, device=device)

    def step(self, agent: Tensor, opponent: Tensor) -> Tensor:
        """Play one round of actions [N, 1]; the rewards of both, [2, N]. Raises InputError."""
        for name, action in (("agent", agent), ("opponent", opponent)):
            self._check(name, action)
        return self.game.payoffs(agent[:, 0], opponent[:, 0])

    def _check(self, name: str, action: Tensor) -> None:
        if action.shape != (self.seeds, 1):
            raise InputError(name, f"have shape ({self.seeds}, 1)", f"it had {tuple(action.shape)}")
        if not at_hand(action):
            return
        box = self.game.box
        inside = (action >= box.low) & (action <= box.high)  # NaN is not
        if not bool(inside.all()):
            must = f"hold actions in [{box.low:g}, {box.high:g}]"
            raise InputError(name, must, f"one was {action[~inside][0].item():g}")

    @property
    def arrival(self) -> Tensor:
        """The observation: no episode ends."""
        return self.observation

    @property
    def observations(self) -> tuple[Tensor, Tensor]:
        """What each sees, [N, 1]."""
        return self.observation, self.observation

    arrivals = observations

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: nothing moves."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""


class Steady:
    """Draws from one law for ever: an opponent against whom the exact answer is known.

    ``law`` is a Box, for uniform actions, or a Squashed with ``mean`` [N, d].
    """

    def __init__(self, law: Box | Squashed, seeds: int, generator: torch.Generator) -> None:
        self.law, self.seeds, self.generator = law, seeds, generator

    def act(self, obs: Tensor) -> Tensor:
        """An action for each seed, [N, d]."""
        if isinstance(self.law, Box):
            return self.law.uniform((self.seeds,), self.generator)
        return self.law.sample(self.generator)[0]

    def observe(self, *transition: Tensor) -> dict[str, Tensor]:
        """It does not learn."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: nothing moves."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a checkpoint."""
