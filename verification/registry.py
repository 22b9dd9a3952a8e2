"""The registry: every claim that was loaded, by id, and the graph of what rests on what."""

from __future__ import annotations

import difflib
import fnmatch
import hashlib
import importlib
import importlib.util
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from tabular_marl.validation import InputError
from tabular_marl.verification.claim import Claim

_CLAIMS = "tabular_marl.verification.claims"


def import_file(path: Path, what: str) -> ModuleType:
    """Run somebody's Python file as a module of its own; ``what`` is its name in an error.

    It may import what lies beside it. Raises InputError, with the place where the file fails.
    """
    if not path.is_file():
        raise InputError(what, "exist", f"{path} was not found")
    name = "user_" + hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise InputError(what, "be a Python file", f"it was {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        with _importing(what, path):
            spec.loader.exec_module(module)
    finally:
        if folder in sys.path:  # the file may have taken it away
            sys.path.remove(folder)
    return module


@contextmanager
def _importing(what: str, source: object) -> Iterator[None]:
    """Say what an import raised, and where, in one line as wrong input."""
    try:
        yield
    except InputError:
        raise
    except (Exception, SystemExit) as error:
        frames = traceback.extract_tb(error.__traceback__)
        own = [f for f in frames if f.filename != __file__ and not f.filename.startswith("<")]
        place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
        said = " ".join(str(error).split())
        told = f"{source} raised {type(error).__name__}" + (f": {said}" if said else "") + place
        raise InputError(what, "import without an error", told) from error


class Ledger:
    """Claims by id, in the order of registration."""

    def __init__(self) -> None:
        self._claims: dict[str, Claim] = {}
        self._loading = ""
        self._broken: dict[str, InputError] = {}

    def __iter__(self) -> Iterator[Claim]:
        return iter(self._claims.values())

    def __len__(self) -> int:
        return len(self._claims)

    def __getitem__(self, name: str) -> Claim:
        if name not in self._claims:
            near = difflib.get_close_matches(name, self._claims, n=1, cutoff=0.4)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InputError("claim", "be registered", f"{name!r} is not{hint}")
        return self._claims[name]

    def __contains__(self, name: object) -> bool:
        return name in self._claims

    def register(self, claim: Claim) -> Claim:
        """Add a claim; registering an id again replaces it only from the same file."""
        claim = replace(claim, module=claim.module or self._loading)
        before = self._claims.get(claim.id)
        if before is not None and before.module != claim.module:
            home = before.module or "this session"
            raise InputError("id", "be new", f"{claim.id!r} is already claimed in {home}")
        self._claims[claim.id] = claim
        return claim

    def load(self, source: str) -> list[Claim]:
        """Import a module of claims, or a file ``path/to/claims.py``; its claims.

        Raises InputError, with the place where the file fails.
        """
        path = Path(source).resolve() if source.endswith(".py") else None
        source = source if path is None else str(path)
        before, self._loading = self._loading, source
        try:
            if path is None:
                with _importing("claims file", source):
                    importlib.import_module(source)
            else:
                import_file(path, "claims file")
        finally:
            self._loading = before
        return [claim for claim in self if claim.module == source]

    def load_own(self) -> None:
        """Load every file of ``verification/claims``; a broken one is kept for :meth:`matching`."""
        for found in pkgutil.iter_modules(importlib.import_module(_CLAIMS).__path__):
            name = f"{_CLAIMS}.{found.name}"
            if not found.name.startswith("_"):
                try:
                    self.load(name)
                    self._broken.pop(name, None)
                except InputError as error:
                    self._broken[name] = error

    def matching(self, patterns: Iterable[str]) -> list[Claim]:
        """Claims whose id matches a glob, or whose id or source contains the text; a pattern that
        ends in .py is a file of claims to load. No pattern: all of the project's own."""
        patterns = list(patterns)
        files = [p for p in patterns if p.endswith(".py")]
        chosen = {c.id: c for path in files for c in self.load(path)}
        words = [p for p in patterns if not p.endswith(".py")]
        if words or not files:
            self.load_own()
        if not patterns:
            self._all_sound()
            return list(self)
        for word in words:
            found = [
                c
                for c in self
                if fnmatch.fnmatchcase(c.id, word)
                or word.lower() in c.id.lower()
                or word.lower() in c.source.lower()
            ]
            if not found:
                self._all_sound()
                near = difflib.get_close_matches(word, [c.id for c in self], n=1, cutoff=0.3)
                hint = f" (did you mean {near[0]!r}?)" if near else ""
                raise InputError(
                    "pattern",
                    "match a claim's id or source, or be a .py file",
                    f"{word!r} matched none of {len(self)}{hint}",
                )
            chosen.update({c.id: c for c in found})
        return list(chosen.values())

    def _all_sound(self) -> None:
        """Raise the error of a file of claims that could not be loaded."""
        for error in self._broken.values():
            raise error

    def with_premises(self, chosen: Iterable[Claim]) -> list[Claim]:
        """The chosen claims and everything that they rest on, premises first.

        Raises InputError on a cycle; a premise that is not registered is left out here, and is
        its claim's failure in the report.
        """
        done: dict[str, Claim] = {}
        path: list[str] = []

        def visit(claim: Claim) -> None:
            if claim.id in done:
                return
            if claim.id in path:
                cycle = " -> ".join([*path[path.index(claim.id) :], claim.id])
                raise InputError("rests_on", "have no cycle", f"it had {cycle}")
            path.append(claim.id)
            for name in claim.premises:
                if name not in self:
                    self.load_own()
                if name in self:
                    visit(self[name])
            path.pop()
            done[claim.id] = claim

        for claim in chosen:
            visit(claim)
        return list(done.values())


#: the ledger of this process
LEDGER = Ledger()
