"""The built wheel, installed into a clean environment outside the repository."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

IMPORT_EVERY_MODULE = """
import importlib, pathlib, pkgutil, sys
import tabular_marl
home = pathlib.Path(tabular_marl.__file__).parent
assert "site-packages" in str(home), home
names = [m.name for m in pkgutil.walk_packages(tabular_marl.__path__, "tabular_marl.")]
for name in names:
    if not name.startswith("tabular_marl.deep."):  # its parts need torch, which is an extra
        importlib.import_module(name)
print(len(names))
for public in tabular_marl.__all__:
    getattr(tabular_marl, public)
for intruder in ("verification", "deep"):
    assert importlib.util.find_spec(intruder) is None, intruder
assert list((home / "verification" / "corpus").glob("*.json"))
"""


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that no build/ directory of the tree can leak into it."""
    place = tmp_path_factory.mktemp("wheel")
    source = place / "source"
    tracked = (
        run("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
        if (ROOT / ".git").exists()
        else "\n".join(
            str(p.relative_to(ROOT))
            for p in ROOT.rglob("*")
            if p.is_file() and ".venv" not in p.parts
        )
    )
    for name in tracked.splitlines():
        if (ROOT / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "build", "--wheel", "--outdir", place, source, cwd=place)
    return next(place.glob("*.whl"))


def test_wheel_holds_the_mapped_packages_and_nothing_on_the_top_level(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"tabular_marl"}
    assert "tabular_marl/verification/__init__.py" in names
    assert "tabular_marl/deep/__init__.py" in names
    assert "tabular_marl/deep/training/configs/ibs.yaml" in names
    assert "tabular_marl/py.typed" in names
    assert any(name.startswith("tabular_marl/verification/corpus/") for name in names)


def test_wheel_installs_and_every_module_imports(wheel: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    constraints = ROOT / "constraints.txt"
    run(
        python,
        "-m",
        "pip",
        "install",
        "-q",
        "-c",
        constraints,
        wheel,
        "import-linter",
        cwd=tmp_path,
    )
    assert int(run(python, "-c", IMPORT_EVERY_MODULE, cwd=tmp_path)) > 20
    help_text = run(tmp_path / "env" / "bin" / "tabular-marl", "--help", cwd=tmp_path)
    assert "verify" in help_text
    # mapped packages are invisible to import-linter in an editable install, so it runs here
    run(
        tmp_path / "env" / "bin" / "lint-imports", "--config", ROOT / "pyproject.toml", cwd=tmp_path
    )
