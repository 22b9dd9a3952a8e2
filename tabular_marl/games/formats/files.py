"""Reading a whole file, and replacing one atomically."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from tabular_marl.validation import InputError

#: No game file is larger than this many bytes, packed or unpacked.
MOST_BYTES = 4 * 2**30


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The file's content, or an InputError that says why it cannot be had."""
    named = f"file {os.fspath(path)!r}"
    try:
        if os.path.getsize(path) > MOST_BYTES:
            raise InputError(named, f"have at most {MOST_BYTES} bytes", "it had more")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(named, "exist", "there is no such file") from None
    except OSError as error:
        raise InputError(
            named, "be a file that can be read", f"reading it failed ({error.strerror})"
        ) from error


def replace_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Put ``data`` at ``path``: readers see the old file or the whole new one, never a part."""
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise InputError(
            f"file {os.fspath(path)!r}",
            "be a place that can be written",
            f"writing failed ({error.strerror})",
        ) from error
    finally:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(temporary)
