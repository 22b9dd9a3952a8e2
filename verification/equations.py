"""The equation map: where each equation of both documents is implemented, and what is claimed.

    entry = equation_map(places("report (14)"))[0]
    entry.modules     files whose docstrings or comments carry the tag
    entry.models      command-line models that name it
    entry.claims      rows of the ledger whose source names it, with their verdicts

Nothing is run: a verdict is the stored result where there is a fresh one (the claim's code and that
of all it rests on unchanged since), else what the ledger expects, and ``Told.stored`` says which.
A tag such as "report (42)-(50)" counts for each number in it.
"""

from __future__ import annotations

import functools
import importlib.util
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tabular_marl.models.registry import MODELS
from tabular_marl.validation import InputError
from tabular_marl.verification.documents import (
    RESTATED,
    SECTIONS,
    Place,
    Section,
    places,
    section_of,
)
from tabular_marl.verification.ledger import stored

#: the packages that implement equations, those nearest to the documents first
PACKAGES = ("models", "active", "equilibria", "inference", "deep", "numerics", "games")


@dataclass(frozen=True)
class Told:
    """A claim about a place; ``verdict`` is the word a stored result gives, else the expected."""

    id: str
    reading: str
    verdict: str
    stored: bool


@dataclass(frozen=True)
class Entry:
    """What the code base has on one place; ``restates`` is the place that says the same."""

    place: Place
    section: Section
    modules: tuple[str, ...]
    models: tuple[str, ...]
    claims: tuple[Told, ...]
    restates: Place | None = None

    @property
    def empty(self) -> bool:
        """Neither implemented nor claimed anything about."""
        return not (self.modules or self.models or self.claims)

    @property
    def numbered(self) -> bool:
        """An equation or a proposition, not a section."""
        return self.place.name.startswith(("(", "Prop."))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "place": str(self.place),
            "section": self.section.heading,
            "restates": str(self.restates) if self.restates else None,
            "modules": list(self.modules),
            "models": list(self.models),
            "claims": [claim.__dict__ for claim in self.claims],
        }


def equation_map(
    wanted: Sequence[Place] = (), store: Path | str | bool = True
) -> tuple[Entry, ...]:
    """An entry for each place of both documents, in their order, or for the ``wanted`` ones.

    ``store``: where results are looked for (True: the default place, False: nowhere).
    Raises InputError for a place that neither document has.
    """
    sections = {place: section_of(place) for place in wanted}
    if unknown := [place for place, section in sections.items() if section is None]:
        raise InputError("place", "be one that the document has", f"it was {unknown[0]}")
    modules, models, claims = tagged_modules(), _models(), _claims(store)
    tagged = sorted({*modules, *models, *claims}, key=str)

    def entry(section: Section, place: Place) -> Entry:
        same = RESTATED.get(place)
        named = (place,) if same is None else (place, same)
        files, names, told = (_joined(table, named) for table in (modules, models, claims))
        return Entry(place, section, files, names, told, same)

    if wanted:
        return tuple(entry(section, place) for place, section in sections.items() if section)
    return tuple(
        entry(section, place)
        for section in SECTIONS
        for place in dict.fromkeys(
            [*section.places, *(p for p in tagged if section_of(p) == section)]
        )
    )


@functools.cache
def tagged_modules() -> dict[Place, tuple[str, ...]]:
    """Place -> files that carry a tag with it, such as "models/rommeo.py"."""
    found: dict[Place, tuple[str, ...]] = defaultdict(tuple)
    for package in PACKAGES:
        spec = importlib.util.find_spec(f"tabular_marl.{package}")
        for home in [] if spec is None else spec.submodule_search_locations or []:
            for path in sorted(Path(home).rglob("*.py")):
                if path.name != "registry.py":  # the models' own tags are `_models`
                    name = f"{package}/{path.relative_to(home).as_posix()}"
                    for place in places(path.read_text(encoding="utf-8")):
                        found[place] += (name,)
    return dict(found)


def _models() -> dict[Place, tuple[str, ...]]:
    """Place -> command-line models that name it."""
    found: dict[Place, tuple[str, ...]] = defaultdict(tuple)
    for model in MODELS.values():
        for place in places("; ".join(model.equations)):
            found[place] += (model.name,)
    return found


def _claims(store: Path | str | bool) -> dict[Place, tuple[Told, ...]]:
    """Place -> claims whose source names it."""
    found: dict[Place, tuple[Told, ...]] = defaultdict(tuple)
    fresh: set[str] = set()
    for row in stored(store=store).rows:  # premises come first
        claim = row.claim
        if row.evidence and row.verdict.word != "stale" and fresh.issuperset(claim.premises):
            fresh.add(claim.id)
        known = claim.id in fresh
        told = Told(claim.id, claim.reading, row.verdict.word if known else claim.expects, known)
        for place in places(claim.source):
            found[place] += (told,)
    return found


def _joined(found: dict[Place, tuple[Any, ...]], named: Sequence[Place]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(item for place in named for item in found.get(place, ())))
