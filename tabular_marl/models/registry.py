"""The models by their command-line names: light to import, functions are loaded on first use."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from tabular_marl.solution import Solution


@dataclass(frozen=True)
class Model:
    """One model: where its function lives, what it takes, where it is from.

    ``parameters`` are its own keyword arguments beside the game, priors and solver options;
    ``required`` those without a default; ``citations`` keys of :mod:`tabular_marl.citations`;
    ``attribute`` is the function's name where it is not the module's.
    """

    name: str
    module: str
    parameters: tuple[str, ...]
    required: tuple[str, ...]
    equations: tuple[str, ...]
    citations: tuple[str, ...]
    attribute: str = ""

    @property
    def function(self) -> Callable[..., Solution]:
        """The public function, such as :func:`tabular_marl.rommeo`."""
        home = self.module if "." in self.module else f"models.{self.module}"
        loaded: Callable[..., Solution] = getattr(
            importlib.import_module(f"tabular_marl.{home}"), self.attribute or self.module
        )
        return loaded


#: command-line name -> model
MODELS: dict[str, Model] = {
    model.name: model
    for model in (
        Model("soft-q", "soft_q", ("beta",), ("beta",), ("report (58)",), ("haarnoja2017",)),
        Model(
            "rommeo", "rommeo", ("beta",), ("beta",), ("report (13)", "report (14)"), ("tian2019",)
        ),
        Model("pr2", "pr2", ("beta",), ("beta",), ("report (57)",), ("wen2019",)),
        Model(
            "balancing-q",
            "balancing_q",
            ("beta_agent", "beta_opponent", "view"),
            ("beta_agent", "beta_opponent"),
            ("report (20)", "report (21)", "report (24)", "report (25)"),
            ("grau-moya2018",),
        ),
        Model(
            "logit",
            "equilibria.product_form",
            ("beta_agent", "beta_opponent", "evaluation"),
            ("beta_agent", "beta_opponent"),
            ("report (17)", "report (18)", "report (19)"),
            ("grau-moya2018", "mckelvey1995", "eibelshaeuser2019"),
            attribute="logit",
        ),
        Model(
            "minimax-pr2",
            "minimax_pr2",
            ("beta", "beta_opponent"),
            ("beta",),
            ("report 1.4",),
            ("wen2019",),
        ),
        Model(
            "fictitious-play",
            "fictitious_play",
            ("beta_agent", "beta_opponent", "prior_update", "evaluation", "rounds"),
            ("beta_agent", "beta_opponent"),
            ("report (42)", "report (46)", "report (50)", "report (158)"),
            ("grau-moya2018",),
        ),
        Model(
            "perfect-model",
            "perfect_model",
            ("beta_agent", "beta_opponent", "evaluation", "coupled", "damping", "rounds"),
            ("beta_agent", "beta_opponent"),
            ("report (53)", "report (54)", "report (55)", "report (56)"),
            ("tian2019", "grau-moya2018"),
        ),
        Model(
            "options",
            "options",
            ("beta", "num_options"),
            ("beta",),
            ("report (72)", "report (73)", "report (74)", "report (75)", "report (76)"),
            ("igl2019",),
        ),
        Model(
            "multi-agent-options",
            "multi_agent_options",
            ("beta", "beta_opponent", "num_options"),
            ("beta",),
            ("report (82)", "report (83)", "report (84)", "report (85)", "report (86)"),
            ("igl2019", "tian2019"),
        ),
        Model(
            "rommeo-em",
            "em",
            ("beta", "prior_update", "evaluation", "rounds"),
            ("beta",),
            ("report (89)", "report (91)", "report (92)", "report (93)"),
            ("tian2019",),
            attribute="rommeo_em",
        ),
        Model(
            "em",
            "em",
            ("beta_agent", "beta_opponent", "prior_update", "rounds"),
            ("beta_agent", "beta_opponent"),
            ("report (97)", "report (99)", "report (101)", "report (102)"),
            ("tian2019", "grau-moya2018"),
        ),
        Model(
            "level-k",
            "recursive",
            ("beta", "beta_opponent", "levels", "chain", "level_two"),
            ("beta",),
            ("report (103)", "report (108)", "report (109)"),
            ("wen2019b",),
            attribute="level_k",
        ),
    )
}
