"""What the reader did, noted down in one file of the reader's own folder, and never sent anywhere.

Each line of the file is one thing that was done, so a program that ends at the wrong moment costs one line, and two
notebooks can write at once. `exercises.check` and `exercises.recall` write it; ``cnnlessons progress`` shows it.
"""

import contextlib
import json
import os
import shutil
import warnings
from pathlib import Path

from platformdirs import user_data_path

from cnnlessons.atomic import writing

SETTING = "CNNLESSONS_PROGRESS"  # "off", or the folder to write to
NAME = "progress.jsonl"
_noted: set[str] = set()  # in this process: who checks the same answer twenty times writes one line


def _place() -> Path:
    named = os.environ.get(SETTING, "")
    return Path(named).expanduser() if named not in ("", "off") else user_data_path("cnnlessons", appauthor=False)


def folder() -> Path | None:
    """Where notes lie; None where nothing is to be noted: it is switched off, or a test runs and names no folder."""
    tested = "CI" in os.environ or "PYTEST_VERSION" in os.environ
    if os.environ.get(SETTING, "off" if tested else "") == "off" or (_place() / "off").exists():
        return None
    return _place()


def where() -> str:
    """Say where notes lie, in a sentence."""
    with contextlib.suppress(OSError, RuntimeError):
        if place := folder():
            home = Path.home()
            shown = Path("~", place.relative_to(home)) if place.is_relative_to(home) else place
            return f"Noted in {shown / NAME} on this machine, and nowhere else."
    return "Nothing is noted down."


def switch(on: bool) -> None:
    """Note things down from now on, or no longer; what stands there stays."""
    _place().mkdir(parents=True, exist_ok=True)
    mark = _place() / "off"
    mark.unlink(missing_ok=True) if on else mark.touch()


def note(**done) -> bool:
    """Add one line; False where that cannot be, which is nobody's mistake."""
    line = json.dumps(done, ensure_ascii=False)
    with contextlib.suppress(OSError, RuntimeError):  # a disk that is full or only read, a user without a home
        if place := folder():
            if line not in _noted or not (place / NAME).exists():
                place.mkdir(parents=True, exist_ok=True)
                with (place / NAME).open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
                _noted.add(line)
            return True
    return False


def noted() -> list[dict]:
    """Return all that was noted, oldest first. What is no note is kept in a file beside, and the rest goes on."""
    with contextlib.suppress(OSError, RuntimeError):
        if (place := folder()) and (place / NAME).exists():
            lines = (place / NAME).read_bytes().splitlines()
            notes = [_parsed(line) for line in lines]
            if None in notes:
                _set_aside(place / NAME, [line for line, read in zip(lines, notes, strict=True) if read is not None])
            return [read for read in notes if read is not None]
    return []


def _parsed(line):
    with contextlib.suppress(ValueError, RecursionError):
        read = json.loads(line)
        if isinstance(read, dict) and all(isinstance(value, str | int) for value in read.values()):
            return read
    return None


def _set_aside(path, good):
    copies = (path.with_name(f"{path.stem}.unreadable-{number}.jsonl") for number in range(1, 10_000))
    copy = next(copy for copy in copies if not copy.exists())
    shutil.copyfile(path, copy)
    with writing(path) as file:
        file.write(b"".join(line + b"\n" for line in good))
    warnings.warn(f"Some lines of {path} could not be read: the file is kept as {copy.name}.", stacklevel=4)
