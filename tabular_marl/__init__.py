"""tabular-marl: exact tabular solver and verification toolkit for probabilistic multi-agent RL.

    import tabular_marl as tm
    tm.rommeo(tm.games.stag_hunt(), beta=2.0).value

Names are loaded on first use, so importing the package stays light.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

#: public name -> module that defines it
_HOMES = {
    "MatrixGame": "games.matrix",
    "StochasticGame": "games.stochastic",
    "iterated": "games.iterate",
    "load_game": "games.formats",
    "save_game": "games.formats",
    "Aggregation": "numerics.recipe",
    "free_energy": "numerics.free_energy",
    "tilt": "numerics.free_energy",
    "solve": "models.solve",
    "solve_batch": "models.batch",
    "soft_q": "models.soft_q",
    "rommeo": "models.rommeo",
    "pr2": "models.pr2",
    "balancing_q": "models.balancing_q",
    "minimax_pr2": "models.minimax_pr2",
    "fictitious_play": "models.fictitious_play",
    "perfect_model": "models.perfect_model",
    "rommeo_em": "models.em",
    "em": "models.em",
    "options": "models.options",
    "multi_agent_options": "models.multi_agent_options",
    "level_k": "models.recursive",
    "behavioural_levels": "models.recursive",
    "sampled_free_energy": "models.soft_layer",
    "sampled_soft_q": "models.soft_layer",
    "stein_particles": "models.soft_layer",
    "ActionLine": "models.soft_layer",
    "logit": "equilibria.product_form",
    "three_values": "equilibria.product_form",
    "logit_equilibria": "equilibria.logit",
    "all_logit_equilibria": "equilibria.two_by_two",
    "logit_phase_diagram": "equilibria.two_by_two",
    "nash_limit": "equilibria.nash",
    "exploitability": "equilibria.exploitability",
    "Solution": "solution",
    "Enclosure": "solution",
    "Status": "solution",
    "NotConverged": "solution",
    "InputError": "validation",
    "claim": "verification",
    "verify": "verification",
}
_MODULES = ("active", "deep", "games", "inference", "models", "numerics", "verification")

__all__ = [*_HOMES, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _HOMES:
        value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
