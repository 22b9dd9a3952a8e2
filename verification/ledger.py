"""The ledger at work: register claims, run their checks, derive the verdicts.

    report = verify("report.03*", examples=2000, jobs=2)
    report.as_json(); report.unexpected

Results are kept claim by claim as they are found (``store``), so interrupting loses nothing and
running again resumes. A claim whose own code fails is reported as that, and the others go on.
"""

from __future__ import annotations

import functools
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tabular_marl.validation import InputError
from tabular_marl.verification.claim import Check, Claim, Options
from tabular_marl.verification.evidence import Evidence, Outcome
from tabular_marl.verification.interruption import Interruption
from tabular_marl.verification.methods.sampling import Sampling
from tabular_marl.verification.registry import LEDGER, Ledger
from tabular_marl.verification.relation import Gap
from tabular_marl.verification.result import Report, Row
from tabular_marl.verification.scope import Scope
from tabular_marl.verification.store import Store, default_root, key
from tabular_marl.verification.strategies import Family
from tabular_marl.verification.verdict import Verdict, derive
from tabular_marl.verification.witness import CORPUS, known_instances, write

__all__ = ["LEDGER", "Ledger", "Report", "Row", "claim", "find", "register", "stored", "verify"]


def register(claim: Claim) -> Claim:
    """Add a claim to the ledger of this process."""
    return LEDGER.register(claim)


def find(name: str, module: str = "") -> Claim:
    """The claim with this id, loading ``module`` (a module or a file) or the project's own."""
    if name not in LEDGER:
        if module:
            LEDGER.load(module)
        if name not in LEDGER:
            LEDGER.load_own()
    return LEDGER[name]


def claim(
    id: str,
    family: Family,
    gap: Gap | None = None,
    *,
    relation: str = ">= 0",
    where: Gap | None = None,
    statement: str = "",
    source: str = "user",
    reading: str = "added",
    scope: Scope | None = None,
    checks: Sequence[Check] = (),
    examples: int = 20_000,
    batched: bool = False,
    **others: Any,
) -> Any:
    """Claim that ``gap`` ``relation`` on ``family``, and register it; also a decorator.

    The scope is the family's own by default. Further checks, ``expects``, ``assumes``, ``note``
    and ``rests_on`` are passed on to :class:`Claim`.

    >>> from tabular_marl.verification import array, instances
    >>> points = instances({"n": (1, 3)}, x=array("n"), y=array("n"))
    >>> @claim("demo.maximum", points, statement=r"\\|x + y\\| \\le \\|x\\| + \\|y\\|")
    ... def triangle(arithmetic, x, y):
    ...     return arithmetic.norm(x) + arithmetic.norm(y) - arithmetic.norm(x + y)
    >>> report = verify("demo.maximum", examples=500, store=False, progress=False)
    >>> report.rows[0].verdict.word
    'supported'
    """

    def made(function: Gap) -> Claim:
        sampling = Sampling(
            function, family, relation, where=where, examples=examples, batched=batched
        )
        text = statement or (function.__doc__ or function.__name__).strip()
        return register(
            Claim(
                id,
                source,
                reading,
                text,
                family.scope() if scope is None else scope,
                (sampling, *checks),
                **others,
            )
        )

    if gap is not None:
        return made(gap)

    def decorate(function: Gap) -> Gap:
        made(function)
        return function

    return decorate


def run(claim: Claim, options: Options) -> tuple[Evidence, ...]:
    """Evidence of every check of one claim; a check that raises becomes an error with traceback."""
    found = []
    for check in claim.checks:
        start = time.perf_counter()
        try:
            found.append(check.run(claim, options))
        except Exception:
            error = claim.error(traceback.format_exc(limit=-6))
            found.append(Evidence(**{**error.__dict__, "seconds": time.perf_counter() - start}))
    return tuple(found)


def _options(claim: Claim, examples: int | None, seed: int, corpus: Path) -> Options:
    return Options(examples=examples, seed=seed, known=known_instances(claim, corpus))


def _work(
    name: str, module: str, options: Options, store: Store
) -> tuple[str, tuple[Evidence, ...]]:
    """Run one claim, in this process or a worker, and keep the result at once."""
    claim = find(name, module)
    evidence = run(claim, options)
    if not any(e.outcome is Outcome.ERROR for e in evidence):
        store.put(claim, options, evidence)
    return name, evidence


def verify(
    *patterns: str,
    examples: int | None = None,
    jobs: int = 1,
    seed: int = 0,
    store: Path | str | bool = True,
    fresh: bool = False,
    progress: bool = True,
    corpus: Path = CORPUS,
    save_witnesses: bool = False,
) -> Report:
    """Run the claims that match the patterns (ids, globs, sources, or files ``*.py``), and those
    they rest on, and derive their verdicts.

    ``examples``: instances for each sample instead of the claim's own number. ``jobs``: processes.
    ``store``: where results are kept (True: the default place, False: nowhere); ``fresh`` looks
    again at everything. The counterexamples found are written to ``witnesses/`` there, and into
    the ``corpus`` where ``save_witnesses`` says so.
    Raises InputError for a pattern that matches nothing, and for cyclic premises.
    """
    start = time.perf_counter()
    if examples is not None and examples < 1:
        raise InputError("examples", "be at least 1", f"it was {examples}")
    if jobs < 1:
        raise InputError("jobs", "be at least 1", f"it was {jobs}")
    chosen = LEDGER.matching(patterns)
    needed = LEDGER.with_premises(chosen)
    kept = _store(store)
    evidence: dict[str, tuple[Evidence, ...]] = {}
    todo: list[tuple[Claim, Options]] = []
    for item in needed:
        options = _options(item, examples, seed, corpus)
        known = None if fresh else kept.get(item)
        if known is not None and known.key == key(item, options):
            evidence[item.id] = known.evidence
        else:
            todo.append((item, options))
    interruption = Interruption()
    shown = _Progress(len(todo), len(needed) - len(todo)) if progress else None
    try:
        with interruption:
            for name, found in _results(todo, kept, jobs):
                evidence[name] = found
                if shown:
                    shown.advance(name)
                if interruption.asked:
                    break
    except KeyboardInterrupt:
        interruption.asked = True
    finally:
        if shown:
            shown.close()
    rows = tuple(r for r in _rows(needed, evidence) if r.claim.id in {c.id for c in chosen})
    places = [kept.root / "witnesses"] if kept.root is not None else []
    for place in [*places, *([corpus] if save_witnesses else [])]:
        for row in rows:
            if row.witness is not None and row.verdict.word == "refuted":
                write(row.witness, place / f"{row.claim.id}.json")
    return Report(rows, time.perf_counter() - start, interruption.asked)


def stored(*patterns: str, store: Path | str | bool = True) -> Report:
    """The verdicts that kept results give, without running anything: claims whose code changed
    since are stale, claims never run are open."""
    chosen = LEDGER.matching(patterns)
    needed = LEDGER.with_premises(chosen)
    kept = {item.id: _store(store).get(item) for item in needed}
    evidence = {name: found.evidence for name, found in kept.items() if found is not None}
    stale = {
        item.id
        for item in needed
        if (found := kept[item.id]) is not None and found.code != item.fingerprint()
    }
    rows = _rows(needed, evidence, stale)
    return Report(tuple(r for r in rows if r.claim.id in {c.id for c in chosen}), 0.0)


def _store(store: Path | str | bool) -> Store:
    if isinstance(store, bool):
        return Store(default_root() if store else None)
    return Store(Path(store))


def _rows(
    needed: Sequence[Claim],
    evidence: Mapping[str, tuple[Evidence, ...]],
    stale: set[str] | None = None,
) -> list[Row]:
    """Verdicts, premises first, so that each claim sees those it rests on."""
    verdicts: dict[str, Verdict] = {}
    rows: list[Row] = []
    for item in needed:
        found = evidence.get(item.id, ())
        loose = _loose_ends(item, {row.claim.id: row.claim for row in rows})
        if loose:  # then no deduction of this claim counts
            found = (*(e for e in found if not e.premises), *loose)
        verdicts[item.id] = derive(
            found, item.scope, verdicts, item.rests_on, item.id in (stale or ())
        )
        rows.append(Row(item, verdicts[item.id], found))
    return rows


def _loose_ends(item: Claim, known: Mapping[str, Claim]) -> list[Evidence]:
    """What is wrong with how a claim rests on others: premises that do not exist, or that together
    do not reach the scope that is deduced from them."""
    found = []
    unknown = [name for name in item.premises if name not in known]
    if unknown:
        found.append(item.error(f"rests on {', '.join(unknown)}: no such claim"))
    for check in item.checks:
        scopes = [known[name].scope for name in getattr(check, "rests_on", ()) if name in known]
        if scopes and not unknown:
            reached = functools.reduce(Scope.joined, scopes)
            wanted = check.stated_scope(item)
            shared = [name for name in reached if name in wanted]
            if not reached.only(shared).covers(wanted.only(shared)):
                found.append(item.error(f"deduces {wanted} from premises for {reached}"))
    return found


def _results(
    todo: Sequence[tuple[Claim, Options]], store: Store, jobs: int
) -> Iterator[tuple[str, tuple[Evidence, ...]]]:
    """Finished claims as they come; claims typed in this session run in this process."""
    portable = [pair for pair in todo if pair[0].module]
    here = [pair for pair in todo if not pair[0].module]
    if jobs > 1 and len(portable) > 1:
        import joblib

        calls = [joblib.delayed(_work)(c.id, c.module, o, store) for c, o in portable]
        pool = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)
        yield from pool(calls)
    else:
        here = list(todo)
    for item, options in here:
        yield _work(item.id, item.module, options, store)


class _Progress:
    """A rich progress bar on stderr."""

    def __init__(self, total: int, resumed: int) -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        self._bar = Progress(
            TextColumn("verify"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(f"{resumed} kept" if resumed else "", total=total)
        self._bar.start()

    def advance(self, name: str) -> None:
        self._bar.update(self._task, advance=1, description=name)

    def close(self) -> None:
        self._bar.stop()
