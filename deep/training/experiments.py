"""An experiment: who plays what for how long, with which numbers; read from a YAML file.

``configs/`` holds one file for each published experiment (FURTHER Tables 2 to 6, ROMMEO's
differential game), the only place where its numbers stand, with a comment on where each is from.
Two presets say whom to follow where the paper and the authors' code differ; a file of one's own may
have presets of any names.

    environment: bach-or-stravinsky     a named game, differential ones too, a game file, or
                                        FILE.py:NAME, which makes a two-agent ParallelEnv
    opponent: q-learner                 or "self", or an agent's name
    agent: {…}, q_learner: {…}          fields of the agents' configs and of LearnerConfig

An agent takes from ``agent`` what its config has, and leaves the rest to the other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_type_hints

from tabular_marl.deep.agents.balancing_q import BalancingQ
from tabular_marl.deep.agents.base import Agent, CommonConfig
from tabular_marl.deep.agents.continuous.balancing_q import ContinuousBalancingQ, ContinuousPr2
from tabular_marl.deep.agents.continuous.further import ContinuousFurther
from tabular_marl.deep.agents.continuous.rommeo import ContinuousRommeo
from tabular_marl.deep.agents.continuous.sac import ContinuousSac
from tabular_marl.deep.agents.dron import Dron
from tabular_marl.deep.agents.further import Further, Lili
from tabular_marl.deep.agents.masac import Masac
from tabular_marl.deep.agents.moa import Moa
from tabular_marl.deep.agents.options import Options
from tabular_marl.deep.agents.pr2 import Pr2
from tabular_marl.deep.agents.rommeo import Rommeo
from tabular_marl.deep.agents.sac import Sac
from tabular_marl.deep.agents.soft_q_svgd import SoftQSvgd
from tabular_marl.deep.environments.differential import GAMES as DIFFERENTIAL
from tabular_marl.deep.training.plain_yaml import read_yaml
from tabular_marl.games.formats import SUFFIXES, load_game
from tabular_marl.games.iterate import iterated
from tabular_marl.games.library import REGISTRY, named
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.models.solve import Game
from tabular_marl.validation import InputError, one_of

AGENTS: dict[str, type[Agent]] = {
    "further": Further,
    "lili": Lili,
    "masac": Masac,
    "dron": Dron,
    "moa": Moa,
    "sac": Sac,
    "rommeo": Rommeo,
    "pr2": Pr2,
    "balancing-q": BalancingQ,
    "options": Options,
}
#: Those with actions in an interval, for differential games.
CONTINUOUS: dict[str, type[Agent]] = {
    "further": ContinuousFurther,
    "sac": ContinuousSac,
    "rommeo": ContinuousRommeo,
    "pr2": ContinuousPr2,
    "balancing-q": ContinuousBalancingQ,
    "soft-q-svgd": SoftQSvgd,
}
#: Every setting of some agent, and its type.
SETTINGS = {
    name: kind
    for agent in (*AGENTS.values(), *CONTINUOUS.values())
    for name, kind in get_type_hints(agent.settings).items()
}
PRESETS = ("paper", "code")
CONFIGS = Path(__file__).parent / "configs"
#: The published experiments.
EXPERIMENTS = tuple(sorted(path.stem for path in CONFIGS.glob("*.yaml")))
_SHARES = ("discount", "epsilon", "target_rate", "habit")
_SIGNED = ("beta", "beta_opponent")
_MAY_BE_ZERO = ("steps", "episode", "waits", "hidden")


@dataclass(frozen=True)
class LearnerConfig:
    """The tabular Q-learner: ``initial`` values by action, step size, γ, ε, steps it waits."""

    initial: tuple[float, ...] = (10.0, 20.0)
    step_size: float = 0.5
    discount: float = 0.9
    epsilon: float = 0.05
    waits: int = 256


@dataclass(frozen=True)
class Experiment:
    """One experiment with its numbers; ``steps`` and ``episode`` are 0 where none was told."""

    environment: str
    name: str = "mine"
    source: str = "an experiment of one's own"
    opponent: str = "self"
    steps: int = 0
    episode: int = 150
    agent: dict[str, Any] = field(default_factory=dict)
    q_learner: LearnerConfig = field(default_factory=LearnerConfig)

    def __post_init__(self) -> None:
        learner = () if self.environment in DIFFERENTIAL else ("q-learner",)
        one_of("opponent", self.opponent, ("self", *learner, *self.agents))

    @property
    def agents(self) -> dict[str, type[Agent]]:
        """The kinds of agents that can play it."""
        return CONTINUOUS if self.environment in DIFFERENTIAL else AGENTS

    @classmethod
    def of(cls, values: Mapping[str, Any], file: str = "the experiment") -> Experiment:
        """From nested values, as a file or a checkpoint holds them; those left out are defaults.

        Raises InputError on an unknown name, with the nearest known one, or a value of another
        kind than its field.
        """
        return cls(**_typed(values, get_type_hints(cls), "", file))

    def config(self, kind: str) -> CommonConfig:
        """The config of that kind of agent: its own defaults where nothing was told."""
        settings = self.agents[kind].settings
        own = {f.name for f in fields(settings)}
        return settings(**{name: value for name, value in self.agent.items() if name in own})

    def changed(self, settings: Mapping[str, Any], agent: str) -> Experiment:
        """The same with other values: by a field's name, or ``q_learner.NAME``.

        Raises InputError as :meth:`of` does, and where neither ``agent`` nor the opponent has such
        a setting.
        """
        values: dict[str, Any] = asdict(self)
        players = [self.agents[kind] for kind in (agent, self.opponent) if kind in self.agents]
        own = {f.name for player in players for f in fields(player.settings)}
        known = {*values, *own, *(f"q_learner.{f.name}" for f in fields(LearnerConfig))}
        known -= {"agent", "q_learner"}
        for name, value in settings.items():
            one_of("setting", name.removeprefix("agent."), known)
            section, _, rest = name.rpartition(".")
            section = section or ("agent" if name in own else "")
            (values[section] if section else values)[rest] = value
        return Experiment.of(values, "the settings")


def read_experiment(experiment: str, preset: str = "paper") -> Experiment:
    """A published experiment by name, or one's own by file, in one of its presets.

    A two-player game of the library by its name, one in a file, or a differential game is an
    experiment too, see :func:`self_play`. A file's game is looked for beside it first; ``paper``
    is the file as it stands, where it has no preset of that name.

    >>> read_experiment("ibs", "code").q_learner.step_size
    1.0

    Raises InputError where there is no such experiment or preset, and as :meth:`Experiment.of`.
    """
    path = Path(experiment)
    if path.suffix in SUFFIXES:
        one_of("preset", preset, PRESETS)
        return self_play(experiment)
    is_file = path.suffix in (".yaml", ".yml") or "/" in experiment
    if not is_file:
        one_of("experiment", experiment, (*EXPERIMENTS, *REGISTRY, *DIFFERENTIAL))
        if experiment not in EXPERIMENTS:
            one_of("preset", preset, PRESETS)
            return self_play(experiment)
    path = path if is_file else CONFIGS / f"{experiment}.yaml"
    values: dict[str, Any] = {"name": path.stem, **read_yaml(path)}
    presets = values.pop("presets", None) or {}
    if not isinstance(presets, dict):
        raise InputError(f"presets in {path.name}", "be a section", f"it was {presets!r}")
    if preset != PRESETS[0]:  # which is the file as it stands, where it says no more
        one_of("preset", preset, presets or PRESETS)
    if "environment" not in values:
        raise InputError(f"environment in {path.name}", "be given", "it was not")
    beside = path.parent / str(values["environment"])
    if beside.suffix in SUFFIXES and beside.is_file():
        values["environment"] = str(beside)
    return Experiment.of(_merged(values, presets.get(preset) or {}, path.name), path.name)


def self_play(name: str) -> Experiment:
    """A game, by name or file, against another of one's kind, with its own discount if it has one.

    A matrix game is played again and again, with a memory of the last joint action.

    >>> self_play("soccer").agent
    {'discount': 0.9}
    """
    if name in DIFFERENTIAL:
        return Experiment(name, name=name, source=DIFFERENTIAL[name].source, steps=10_000)
    game = stage(name)
    view = iterated(game) if isinstance(game, MatrixGame) else game
    agent = {"discount": view.discount}
    return Experiment(name, name=name, source=view.source, steps=10_000, agent=agent)


def stage(name: str) -> Game:
    """The game of that name, or in that file."""
    return load_game(name) if Path(name).suffix in SUFFIXES else named(name)


def _merged(values: Mapping[str, Any], over: Any, file: str) -> dict[str, Any]:
    """``values`` with those of ``over`` in their place, section by section."""
    if not isinstance(over, dict):
        raise InputError(f"a preset in {file}", "hold sections or values", f"it was {over!r}")
    merged = dict(values)
    for name, value in over.items():
        below = merged.get(name) or {}
        both = isinstance(value, dict) and isinstance(below, dict)
        merged[name] = _merged(below, value, file) if both else value
    return merged


def _typed(values: Any, kinds: Mapping[str, Any], section: str, file: str) -> dict[str, Any]:
    """Text or values, each as its field's type."""
    if values == "":  # a section without lines
        values = {}
    if not isinstance(values, Mapping):
        raise InputError(f"{section} in {file}", "be a section of names", f"it was {values!r}")
    found: dict[str, Any] = {}
    for name, value in values.items():
        one_of(f"a name in {section or file}", name, kinds)
        if kinds[name] is LearnerConfig:
            inside = _typed(value, get_type_hints(LearnerConfig), name, file)
            found[name] = LearnerConfig(**inside)
        elif name == "agent":
            found[name] = _typed(value, SETTINGS, name, file)
        else:
            found[name] = _value(name, kinds[name], value)
    return found


def _value(name: str, kind: Any, value: Any) -> Any:
    """``value``, maybe as text, as a value of ``kind``; within the range of ``name``."""
    if kind is str:
        if not isinstance(value, str) or not value:
            raise InputError(name, "be text", f"it was {value!r}")
        return value
    if kind is bool:
        truth = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
        if str(value).lower() not in truth:
            raise InputError(name, "be true or false", f"it was {value!r}")
        return truth[str(value).lower()]
    if kind == tuple[float, ...]:
        parts = value.strip("[]").split(",") if isinstance(value, str) else value
        if isinstance(parts, list | tuple) and len(parts) > 1:
            return tuple(_number(name, part, value) for part in parts)
        raise InputError(name, "be numbers such as [10, 20]", f"it was {value!r}")
    number = _number(name, value, value)
    if kind is int and number != int(number):
        raise InputError(name, "be a finite int", f"it was {value}")
    least = -math.inf if name in _SIGNED else kind is int and name not in _MAY_BE_ZERO
    if number < least or (name in _SHARES and number > 1):
        span = "between 0 and 1" if name in _SHARES else f"at least {least:d}"
        raise InputError(name, f"be {span}", f"it was {value}")
    return kind(number)


def _number(name: str, part: Any, value: Any) -> float:
    try:
        number = float(part)
    except (TypeError, ValueError):
        raise InputError(name, "be a number", f"it was {value!r}") from None
    if not math.isfinite(number):
        raise InputError(name, "be a finite number", f"it was {value}")
    return number
