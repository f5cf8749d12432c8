"""The rows of an experiment: a CSV file to which each finished run is added at once. Taught in lesson 09."""

import ast
import csv
import io
import itertools
import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import numpy as np
import pandas as pd

from cnnlessons import atomic

FAILED = "error"  # the column that is empty unless a run failed


def plain(value):
    """Return Python's own number, text or truth value for one of NumPy's."""
    return value.item() if isinstance(value, np.generic) else value


def _text(value):
    """What stands in the CSV file: floats so that they are read back as they were."""
    value = plain(value)
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


def value(text):
    """What a field of a setting stood for: a number, True, False, None or a string."""
    with suppress(ValueError, SyntaxError):
        found = ast.literal_eval(text)
        if isinstance(found, (bool, int, float)):
            return found
    return text or None


def key(run):
    return tuple((name, _text(value)) for name, value in sorted(run.items()))


@contextmanager
def sole_writer(path):
    """Let no other process write the rows in the meantime: two would lose, or repeat, each other's.

    The lock is that of SQLite on a file beside the rows, which holds the number of the process. It is the same on
    every system, and ends with the process, however that ends.
    """
    if path is None:
        yield
        return
    path = Path(os.path.realpath(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    place = path.with_name(f".{path.name}.lock")
    try:
        connection = sqlite3.connect(place, timeout=0, isolation_level=None)
    except sqlite3.Error as error:
        raise OSError(f"{str(path.parent)!r} cannot be written ({error}): name another store") from None
    with closing(connection) as lock:
        try:
            lock.execute(f"PRAGMA user_version = {os.getpid()}")
            lock.execute("BEGIN IMMEDIATE")  # others may read the number, and write nothing
        except sqlite3.Error as error:
            raise _not_alone(error, lock, path, place) from None
        try:
            yield
        finally:
            with suppress(OSError):  # Windows deletes no open file
                place.unlink()
    if os.name == "nt":  # only there, where nobody can have opened it in the meantime and lose it
        with suppress(OSError):
            place.unlink()


def _not_alone(error, lock, path, place):
    remedy = "name another store"
    if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
        return OSError(f"{path.name} cannot be kept from others ({error}): delete {str(place)!r}, or {remedy}")
    who = ""
    with suppress(sqlite3.Error):  # it may be writing its number just now
        who = f" (process {lock.execute('PRAGMA user_version').fetchone()[0]})"
    return BlockingIOError(f"another run is writing {path.name}{who}: wait for it, or {remedy}")


class Table:
    """The rows of a CSV file, to which rows are added one at a time, each complete or not at all."""

    def __init__(self, path, names):
        self.path, self.names = path and Path(path), names
        self.columns, self.rows = list(names), []
        if self.path and self.path.is_file():
            self._take_over()
        self.rows_by_key = {self._key_of(row): row for row in self.rows}

    def _take_over(self):
        """Read what is there, without a last line that was cut off and without failed runs, which are made again."""
        found = self.path.read_bytes()
        if not found:
            return
        complete = _complete_lines(found)
        reader = csv.DictReader(io.StringIO(complete.decode(errors="surrogateescape")))  # to write all as it was
        rows, columns = list(reader), list(reader.fieldnames or [])
        settings = columns[: columns.index("seed") + 1] if "seed" in columns else []
        if set(settings) != set(self.names):
            others = ", ".join(settings) or "none"
            raise ValueError(
                f"store must be the rows of this experiment, with the settings {', '.join(self.names)}; "
                f"those of {self.path.name} are: {others}. Name another store"
            )
        self.columns = columns
        self.rows = [row for row in rows if not row.get(FAILED)]
        if complete != found or len(self.rows) < len(rows):
            self._write_all()

    def _key_of(self, row):
        return tuple((name, row[name]) for name in sorted(self.names))

    def holds(self, run):
        return key(run) in self.rows_by_key

    def add(self, row):
        row = {name: _text(value) for name, value in row.items()}
        self.rows.append(row)
        self.rows_by_key[self._key_of(row)] = row
        new = [name for name in row if name not in self.columns]
        if self.path and (new or not self.path.is_file()):
            self.columns += new
            self._write_all()
        elif self.path:
            self._append(row)

    def _append(self, row):
        line = _csv(self.columns, [row])
        with self.path.open("ab", buffering=0) as file:  # one write of a whole line
            before = file.seek(0, os.SEEK_END)
            try:
                if file.write(line) < len(line):
                    raise OSError(f"there is no room for another row in {self.path.name}; all before it are kept")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise

    def _write_all(self):
        with atomic.writing(self.path) as file:
            file.write(_csv(self.columns, self.rows, header=True))

    def frame(self, wanted):
        rows = [self.rows_by_key[key(run)] for run in wanted]
        return read_csv(_csv(dict.fromkeys(itertools.chain(self.columns, *rows)), rows, header=True))


def _csv(columns, rows, header=False):
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(errors="surrogateescape")


def _complete_lines(content):
    """Return the bytes of a file without a last line that was cut off, perhaps within a letter."""
    return content[: content.rfind(b"\n") + 1]


def read_csv(content):
    """Return the table of the bytes of a CSV file; a setting may be called "None" or "NA"."""
    file = io.BytesIO(_complete_lines(content))
    return pd.read_csv(file, dtype={FAILED: str}, keep_default_na=False, na_values=["", "nan"]).fillna({FAILED: ""})


def read_texts(content):
    """Return the same table with every field as it stands in the file."""
    return pd.read_csv(io.BytesIO(_complete_lines(content)), dtype=str, keep_default_na=False)
