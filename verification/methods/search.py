"""Directed search for a violation: Hypothesis with ``target``, and a float polish."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tabular_marl.verification.strategies import Family

Margin = Callable[[Mapping[str, Any]], tuple[float, float]]


def directed(family: Family, margin: Margin, seed: int, budget: int) -> list[dict[str, Any]]:
    """The tightest instances that Hypothesis finds among small rationals, tightest first.

    Hypothesis climbs with ``target(−margin)``; its database is off and its seed fixed.
    """
    import hypothesis
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import target as aim

    best: list[tuple[float, dict[str, Any]]] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=budget,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.target],
        suppress_health_check=list(HealthCheck),
    )
    @given(family.strategy())
    def look(instance: dict[str, Any]) -> None:
        value, _ = margin(instance)
        hypothesis.assume(np.isfinite(value))
        aim(-value)
        if not best or value < best[0][0]:
            best.insert(0, (value, instance))

    try:
        with _files_elsewhere():
            look()
    except hypothesis.errors.Unsatisfiable:
        return []
    return [instance for _, instance in best[:3]]


@contextlib.contextmanager
def _files_elsewhere() -> Iterator[None]:
    """Keep Hypothesis from writing ``.hypothesis`` into the caller's directory."""
    from hypothesis import configuration

    before = getattr(configuration, "__hypothesis_home_directory", None)
    configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "tabular-marl-hypothesis")
    try:
        yield
    finally:
        configuration.set_hypothesis_home_dir(before)


def polish(
    family: Family, margin: Margin, start: Mapping[str, Any], budget: int
) -> Iterator[dict[str, Any]]:
    """Walk downhill from a float instance (Nelder–Mead on its free numbers, projected)."""
    from scipy.optimize import minimize

    fields = dict(family.fields)
    first = {name: np.asarray(start[name], dtype=float) for name in fields}
    if not all(np.all(np.isfinite(v)) for v in first.values()):
        return
    shapes = {name: value.shape for name, value in first.items()}

    def point(flat: Any) -> dict[str, Any]:
        out, used = {}, 0
        for name, shape in shapes.items():
            size = int(np.prod(shape))
            part = fields[name].project(flat[used : used + size].reshape(shape))
            out[name] = part if shape else float(part)
            used += size
        return out

    def height(flat: Any) -> float:
        value, _ = margin(point(flat))
        return value if np.isfinite(value) else 1e30

    flat = np.concatenate([value.ravel() for value in first.values()])
    if len(flat):
        how: Any = {"maxfev": budget, "xatol": 1e-10, "fatol": 1e-15}
        yield point(minimize(height, flat, method="Nelder-Mead", options=how).x)
