"""Load an implementation for the cross-check from somebody's file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tabular_marl.deep.crosscheck.bench import CHECKED
from tabular_marl.deep.crosscheck.findings import told_as_its_own
from tabular_marl.deep.crosscheck.tabular import own
from tabular_marl.deep.systems import System
from tabular_marl.validation import InputError
from tabular_marl.verification.registry import import_file


def load_entry(entry: str | None, system: System) -> Any:
    """``"file.py:name"``: an object with methods to check, or a class or function of ``system``.

    None is the package's own updates. Raises InputError, with the place where the
    file fails.
    """
    if entry is None:
        return own(system)
    file, _, name = entry.partition(":")
    path = Path(file)
    if not name or path.suffix != ".py":
        raise InputError("--entry", "read FILE.py:NAME", f"it was {entry!r}")
    module = told_as_its_own("--entry", "import without an error", import_file, path, "--entry")
    held = getattr(module, name, None)
    if held is None:
        raise InputError("--entry", f"name something in {file}", f"{name!r} is not there")
    ready = not isinstance(held, type) and any(hasattr(held, check) for check in CHECKED)
    if ready:
        return held
    if not callable(held):
        must = f"be an object with {', '.join(CHECKED)}, or make one of a system"
        raise InputError("--entry", must, f"{name} was {held!r}")
    return told_as_its_own("--entry", f"be {name}(system)", held, system)
