"""The rows of an experiment: a CSV file to which each finished run is added at once. Taught in lesson 09."""

import ast
import csv
import io
import itertools
import os
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from cnnlessons import atomic

FAILED = "error"  # the column that is empty unless a run failed


def plain(value):
    """Return Python's own number, text or truth value for one of NumPy's."""
    return value.item() if isinstance(value, np.generic) else value


def _text(value):
    """What stands in the CSV file: floats so that they are read back as they were."""
    value = plain(value)
    return "" if value is None else repr(value) if isinstance(value, float) else str(value)


_SPREADSHEETS = {"TRUE": "True", "FALSE": "False"}


def value(text):
    """What a field of a setting stood for: a number, True, False, None or a string."""
    with suppress(ValueError, SyntaxError):
        found = ast.literal_eval(_SPREADSHEETS.get(text, text))
        if isinstance(found, (bool, int, float)):
            return found
    return text or None


def key(run):
    """What tells a run from others, however its numbers are spelt: 3 or 3.0, 1e-05 or 1.00E-05, True or TRUE."""
    return tuple((name, _spelt(_text(value))) for name, value in sorted(run.items()))


@lru_cache(maxsize=10_000)
def _spelt(text):
    found = value(text)
    return str(int(found)) if isinstance(found, float) and found.is_integer() else _text(found)


@contextmanager
def sole_writer(path):
    """Let no other process write the rows in the meantime: two would lose, or repeat, each other's."""
    path = Path(os.path.realpath(os.path.expanduser(path)))
    place = path.with_name(f".{path.name}.lock")  # it holds the number of the process, with whose end the lock ends
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(place, blocking=False, on_acquired=_sign)
        lock.acquire()
    except Timeout:
        who = _holder(place)
        raise BlockingIOError(f"another run is writing {path.name}{who}: wait for it, or name another store") from None
    except OSError as error:
        raise OSError(f"{str(place)!r} cannot be written ({error}): delete it, or name another store") from None
    try:
        yield
    finally:
        with suppress(OSError):  # Windows deletes no open file: there filelock does it, afterwards
            place.unlink()
        lock.release()


def _sign(descriptor):
    os.ftruncate(descriptor, 0)
    os.write(descriptor, f" {os.getpid()}".encode())  # nobody else can read the first byte on Windows


def _holder(place):
    with suppress(OSError, ValueError), place.open("rb") as file:  # it may be writing its number just now
        file.seek(1)
        return f" (process {int(file.read())})"
    return ""


class Table:
    """The rows of a CSV file, to which rows are added one at a time, each complete or not at all."""

    def __init__(self, path, names):
        self.path, self.names = path and Path(os.path.expanduser(path)), names
        self.columns, self.rows = list(names), []
        if self.path and self.path.is_file():
            self._take_over()
        self.rows_by_key = {self._key_of(row): row for row in self.rows}

    def _take_over(self):
        """Read what is there, without a last line that was cut off and without failed runs, which are made again."""
        found = self.path.read_bytes()
        if not found:
            return
        columns, rows, repeated = parsed(found, self.path.name)
        settings = columns[: columns.index("seed") + 1] if "seed" in columns else []
        if set(settings) != set(self.names):
            others = ", ".join(settings) or "none"
            raise ValueError(
                f"store must be the rows of this experiment, with the settings {', '.join(self.names)}; "
                f"those of {self.path.name} are: {others}. Name another store"
            )
        self.columns = columns
        self.rows = [row for row in rows if not row.get(FAILED)]
        if repeated or not found.endswith(b"\n") or len(self.rows) < len(rows):
            self._write_all()

    def _key_of(self, row):
        return key({name: row[name] for name in self.names})

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
    return text.getvalue().encode()


# ----- what is read


def parsed(content, name):
    """Return columns, rows and whether something was left out that stood there twice, of the bytes of a CSV file."""
    # A spreadsheet may have saved it, or somebody merged two: what cannot be understood is refused, with its line.
    try:
        text = content[: content.rfind(b"\n") + 1].decode("utf-8-sig")  # a last line may be cut off, within a letter
    except UnicodeDecodeError:
        raise ValueError(f"{name} must be a CSV file in UTF-8: save it as that") from None
    reader, columns, rows, repeated = csv.reader(io.StringIO(text, newline="")), None, {}, False
    try:
        for record in reader:
            if columns is None:
                columns = record[: max((place + 1 for place, title in enumerate(record) if title), default=0)]
                if len(columns) == 1 and (mark := next(filter(columns[0].count, ";\t|"), None)):
                    raise ValueError(f"{name} must have commas between its columns, got {mark!r}: save it with commas")
            elif record == columns:  # above the rows of another file
                repeated = True
            elif any(record):
                row = _row(record, columns, f"line {reader.line_num} of {name}")
                repeated |= _taken_in(row, rows, columns, name, reader.line_num)
    except csv.Error as error:
        raise ValueError(
            f"line {reader.line_num} of {name} cannot be read ({error}): mend it, or take it away"
        ) from None
    return columns or [], [row for _, row in rows.values()], repeated


def _row(record, columns, where):
    record = [*record[: len(columns)], *filter(None, record[len(columns) :])]
    if len(record) != len(columns) or {columns[0], "seed"} <= set(record):
        raise ValueError(
            f"{where} must hold the {len(columns)} columns that its first line names, got {len(record)} fields, "
            f"{','.join(record)[:60]!r}: were two files merged by hand? Keep one, or give both the same columns"
        )
    return dict(zip(columns, record, strict=True))


def _taken_in(row, rows, columns, name, line):
    """Put a row among the others, if it is not there; return whether it is. Two rows of a run must be the same."""
    if "seed" not in columns or row.get(FAILED):
        rows[line] = line, row
        return False
    run = key({column: row[column] for column in columns[: columns.index("seed") + 1]})
    first, there = rows.setdefault(run, (line, row))
    if there != row:
        raise ValueError(
            f"lines {first} and {line} of {name} hold two results of one run: take one of them away, or name another "
            "store"
        )
    return first != line


def read_csv(content):
    """Return the table of the bytes of a CSV file; a setting may be called "None" or "NA"."""
    columns, rows, _ = parsed(content, "the file")
    file = io.BytesIO(_csv(columns, rows, header=True))
    return pd.read_csv(file, dtype={FAILED: str}, keep_default_na=False, na_values=["", "nan"]).fillna({FAILED: ""})
