"""Claims about code: that an implementation computes a system's updates.

Three checks, each on random games: the target at the tables of a random q, the policies' gradients
there, and all gradients at the exact solution. Verdicts are supported, refuted with a case that
replays, or suspect: floats on finitely many games prove nothing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tabular_marl.validation import InputError, one_of
from tabular_marl.verification.claim import Claim
from tabular_marl.verification.ledger import register
from tabular_marl.verification.methods import Measurement
from tabular_marl.verification.scope import scope

CHECKS = ("target", "actor", "gradient")

#: What measures; it needs torch, and is imported when a claim is run.
MEASURE = "tabular_marl.deep.crosscheck.evidence:measure"

#: The package's files that decide what a check finds, beside the entry's own.
WATCHED = ("systems/*.py", "crosscheck/*.py", "free_energy.py")
OWN = ("losses/*.py",)


def implementation(
    claim_id: str,
    model: str,
    parameters: Mapping[str, Any],
    entry: str = "",
    checks: Sequence[str] = CHECKS,
    seeds: Sequence[int] = (0, 1, 2),
    shape: tuple[int, int, int] = (4, 3, 2),
    discount: float = 0.9,
    source: str = "user",
    expects: str = "supported",
    statement: str = "",
    note: str = "",
) -> Claim:
    """Claim that ``entry`` computes ``model``'s updates, and register it.

    One random game a seed, of ``shape`` states, actions and the opponent's actions. The verdict is
    supported or refuted, never proved: floats on finitely many games. Raises InputError.
    """
    for check in checks:
        one_of("checks", check, CHECKS)
    if entry:
        file, _, name = entry.rpartition(":")
        if not file.endswith(".py"):
            raise InputError("entry", "read FILE.py:NAME", f"it was {entry!r}")
        entry = f"{Path(file).resolve()}:{name}"
    about = scope(states=shape[0], discount=str(discount))
    cases = tuple(
        {
            "model": model,
            "parameters": dict(parameters),
            "entry": entry,
            "check": check,
            "shape": list(shape),
            "discount": discount,
            "seed": seed,
        }
        for check in checks
        for seed in seeds
    )
    patterns = WATCHED if entry else (*WATCHED, *OWN)
    code = [entry.rpartition(":")[0]] if entry else []
    code += sorted(str(file) for pattern in patterns for file in _deep().glob(pattern))
    said = statement or rf"\text{{the code computes the updates of {model}}}"
    return register(
        Claim(
            id=claim_id,
            source=source,
            reading="added",
            statement=said,
            scope=about,
            checks=(Measurement(MEASURE, cases, tuple(code)),),
            expects=expects,
            note=note,
        )
    )


def _deep() -> Path:
    """Where ``tabular_marl.deep`` is, without importing it."""
    found = importlib.util.find_spec("tabular_marl.deep")
    assert found is not None
    assert found.submodule_search_locations
    return Path(found.submodule_search_locations[0])
