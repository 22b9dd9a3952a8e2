"""Games as NumPy .npz archives, one plain array a field.

    transition [s, a1, …, an, t]    or, sparse, transition_data, transition_indices and
                                    transition_indptr, the CSR arrays of (S·A_1⋯A_n, S)
    reward, opponent_reward, discount, initial        as in StochasticGame; discount 0.9 if left out
    payoffs                                           as in MatrixGame
    states, players, actions_0, actions_1, …          arrays of strings
    name, source                                      strings

``numpy.savez("game.npz", transition=…, reward=…, discount=…)`` writes such a file. Arrays of
objects, which NumPy stores as pickles, are never loaded; sizes are checked against the archive's
directory before anything is unpacked.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.lib import format as npy
from scipy import sparse

from tabular_marl.games.formats.files import MOST_BYTES
from tabular_marl.games.matrix import MatrixGame
from tabular_marl.games.stochastic import StochasticGame
from tabular_marl.validation import InputError, one_of

CSR_PARTS = ("transition_data", "transition_indices", "transition_indptr")
MATRIX_FIELDS = ("payoffs", "actions", "players", "name", "source")
STOCHASTIC_FIELDS = (
    "transition",
    *CSR_PARTS,
    "reward",
    "opponent_reward",
    "discount",
    "initial",
    "states",
    "actions",
    "players",
    "name",
    "source",
)
TEXTS = ("states", "players", "name", "source")
MOST_HEADER = 10_000


def decode(data: bytes) -> MatrixGame | StochasticGame:
    """The game in the bytes of a .npz archive."""
    arrays = _unpack(data)
    given: dict[str, Any] = {}
    labels: dict[int, tuple[str, ...]] = {}
    for field, array in arrays.items():
        numbered = re.fullmatch(r"actions_(\d+)", field)
        if numbered:
            labels[int(numbered[1])] = tuple(_strings(field, array, 1))
        elif field in ("name", "source"):
            given[field] = _strings(field, array, 0)
        elif field in TEXTS:
            given[field] = tuple(_strings(field, array, 1))
        else:
            given[field] = array
    if labels:
        if sorted(labels) != list(range(len(labels))):
            raise InputError(
                "actions", "be numbered actions_0, actions_1, …", f"they were {sorted(labels)}"
            )
        given["actions"] = tuple(labels[k] for k in range(len(labels)))
    known = MATRIX_FIELDS if "payoffs" in given else STOCHASTIC_FIELDS
    for field in given:
        one_of("array", field, known)
    if "payoffs" in given:
        return MatrixGame(**given)
    if any(part in given for part in CSR_PARTS) and "transition" not in given:
        given["transition"] = _csr(given)
    for field in ("transition", "reward"):
        if field not in given:
            raise InputError(
                "the archive", "hold payoffs, or transition and reward", f"{field} was missing"
            )
    if "discount" in given:
        given["discount"] = _scalar("discount", given["discount"])
    return StochasticGame(**given)


def encode(game: MatrixGame | StochasticGame) -> bytes:
    """The bytes of an archive that :func:`decode` turns back into an equal game."""
    arrays: dict[str, Any] = {}
    for field in MATRIX_FIELDS if isinstance(game, MatrixGame) else STOCHASTIC_FIELDS:
        value = None if field in CSR_PARTS else getattr(game, field)
        if value is None or (isinstance(value, str) and not value):
            continue
        if field == "actions":
            arrays.update({f"actions_{k}": np.array(one) for k, one in enumerate(value)})
        elif sparse.issparse(value):
            csr: Any = value
            parts = (csr.data, csr.indices, csr.indptr)
            arrays.update(zip(CSR_PARTS, parts, strict=True))
        else:
            arrays[field] = np.asarray(value)
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # strings and numbers only: nothing to pickle
    return buffer.getvalue()


def _unpack(data: bytes) -> dict[str, Any]:
    """Every array of the archive, after checks that need no unpacking."""
    archive_must = "be a .npz archive as numpy.savez writes it"
    if data[:1] == b"\x80":
        raise InputError("its content", archive_must, "it was a pickle, which is never loaded")
    if data[:6] == b"\x93NUMPY":
        raise InputError("its content", archive_must, "it was a single .npy array")
    if not data:
        raise InputError("its content", archive_must, "the file was empty")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MOST_BYTES:
                raise InputError(
                    "its arrays", f"unpack to at most {MOST_BYTES} bytes", "they did not"
                )
            arrays = {}
            for member in members:
                name = member.filename.removesuffix(".npy")
                plain = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
                if name == member.filename or name in arrays or not plain:
                    raise InputError(
                        "its members",
                        "be stored or deflated .npy arrays, each once",
                        f"{member.filename!r} was not",
                    )
                with archive.open(member) as file:
                    arrays[name] = _read(name, file, member.file_size)
            return arrays
    except InputError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        raise InputError(
            "its content", archive_must, f"it was not, or is truncated ({error})"
        ) from None


def _read(name: str, file: Any, size: int) -> Any:
    """One .npy member, whose header must agree with the archive's directory."""
    try:
        version = npy.read_magic(file)
        header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, fortran, dtype = header(file, max_header_size=MOST_HEADER)
    except (ValueError, KeyError) as error:
        raise InputError(f"array {name!r}", "be in .npy format", f"it was not ({error})") from None
    if dtype.hasobject:
        raise InputError(
            f"array {name!r}",
            "hold numbers or strings",
            "it was pickled (objects), which is never loaded",
        )
    if dtype.kind not in "biufU":
        raise InputError(f"array {name!r}", "hold numbers or strings", f"its type was {dtype}")
    if math.prod(shape) * dtype.itemsize != size - file.tell():
        raise InputError(
            f"array {name!r}", f"have the {shape} entries its header says", f"it had {size} bytes"
        )
    flat = np.frombuffer(file.read(), dtype=dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _strings(field: str, array: Any, dims: int) -> Any:
    if array.dtype.kind != "U" or array.ndim != dims:
        raise InputError(
            field,
            f"be {'a string' if dims == 0 else 'a 1-D array of strings'}",
            f"it had type {array.dtype} and shape {array.shape}",
        )
    return array.tolist()


def _scalar(field: str, array: Any) -> float:
    if array.size != 1 or array.dtype.kind not in "iuf":
        raise InputError(
            field, "be one number", f"it had type {array.dtype} and shape {array.shape}"
        )
    return float(array.item())


def _csr(given: dict[str, Any]) -> Any:
    """The CSR array, its index arrays checked because scipy trusts them."""
    for part in CSR_PARTS:
        if part not in given:
            raise InputError("the archive", f"hold all of {', '.join(CSR_PARTS)}", f"no {part}")
    data, indices, indptr = (given.pop(part) for part in CSR_PARTS)
    reward_shape = np.shape(given.get("reward", ()))
    shape = reward_shape if len(reward_shape) == 3 else reward_shape[1:]
    states, rows = (shape[0] if shape else 0), math.prod(shape)
    good = (
        indices.dtype.kind in "iu"
        and indptr.dtype.kind in "iu"
        and data.ndim == indices.ndim == indptr.ndim == 1
        and data.shape == indices.shape
        and len(indptr) == rows + 1
        and (np.diff(indptr.astype(np.int64)) >= 0).all()
        and indptr[0] == 0
        and indptr[-1] == len(data)
        and (len(indices) == 0 or (indices.min() >= 0 and indices.max() < states))
    )
    if not good:
        raise InputError(
            "transition_indices and transition_indptr",
            f"be the CSR arrays of a matrix of shape {(rows, states)}",
            f"they had shapes {indices.shape} and {indptr.shape}, or indices out of range",
        )
    return sparse.csr_array((data, indices, indptr), shape=(rows, states))
