"""Developer tasks: ``nox`` for lint, types, imports and tests; ``nox -s deep``, ``nox -s docs``."""

import nox

nox.options.sessions = ["lint", "types", "imports", "tests"]
CONSTRAINTS = ("-c", "constraints.txt")


@nox.session
def tests(session: nox.Session) -> None:
    """The suite that the README and CI run."""
    session.install(*CONSTRAINTS, "-e", ".[test]")
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)


@nox.session
def deep(session: nox.Session) -> None:
    """The long variants: ten thousand games a setting, and the like."""
    session.install(*CONSTRAINTS, "-e", ".[test]")
    session.run("python", "-m", "pytest", "-m", "deep", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    session.install(*CONSTRAINTS, "ruff")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """mypy on a real install: it does not see mapped packages in an editable one."""
    session.install(*CONSTRAINTS, ".[dev]")
    config = f"{session.invoked_from}/pyproject.toml"
    session.chdir(session.create_tmp())
    session.run("mypy", "-p", "tabular_marl", "--config-file", config)


@nox.session
def imports(session: nox.Session) -> None:
    """The import direction of the architecture, on a real install."""
    session.install(*CONSTRAINTS, ".[dev]")
    session.chdir(session.create_tmp())
    session.run("lint-imports", "--config", f"{session.invoked_from}/pyproject.toml")


@nox.session
def docs(session: nox.Session) -> None:
    session.install(*CONSTRAINTS, "-e", ".[docs]")
    session.run("sphinx-build", "-W", "docs", "docs/_build")
