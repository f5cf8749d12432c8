"""Grade a folder of notebooks: each answer runs elsewhere on probes that nobody has seen, and is judged here.

A submission is read as JSON and never as Python; of its names and messages nothing reaches a file or a screen as it
was. What this cannot know is who wrote an answer: students can look at the solutions, by design.
"""

import builtins
import contextlib
import dataclasses
import json
import os
import re
import secrets
import time
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import joblib
import numpy as np
from IPython.core.inputtransformer2 import TransformerManager

from cnnlessons import exercises, shapes
from cnnlessons.exercises.cards import Result
from cnnlessons.exercises.feedback import ADVICE, UNATTEMPTED, ArrayExercise
from cnnlessons.exercises.sandbox import Outcome, Trial
from cnnlessons.teaching import guest, isolation, reports

LARGEST = 30 * 10**6  # bytes of a notebook, with its pictures
LONGEST = 24 * 60 * 60  # seconds that an answer may be given
DEPTH = 4  # folders below the one that is graded
TIMED = re.compile(r"\A\s*%%(?:time|timeit|capture|prun)\b.*\n?")  # the cell's code stands below
NONE = f"There is no notebook (.ipynb) in the folder, {DEPTH} folders deep."
PACKAGE = Path(__file__).parents[1]
SHIPPED = ("shapes", "threads", "kernels", "ops", "gradcheck")  # what an answer may use of the course; no solution
ALONE = "class ThreadpoolController:\n    lib_controllers = ()\n    select = limit = lambda self, **_: self\n"
WITHOUT = {  # what a submission lacks: (diagnosis, message)
    "not found": ("not found", "No `exercises.check({name!r}, …)` was found in the notebook."),
    "unreadable": ("not found", "The answer was not found, and a cell cannot be read as Python: {text}."),
    "cannot be made": ("cannot be made", "The answer could not be made from the notebook's cells: {text}."),
    "not a function": ("not a function", "Hand in the function itself, without parentheses; this is of type {text}."),
    "stopped": ("never ends", "Stopped after {text} s: does a cell that the answer needs never end?"),
    "ended": ("ends Python", "Python ended, or was ended, before there was an answer."),
    "interfered": ("interfered", "What came back was no answer of ours: the submission wrote to the grader's channel."),
}


class Mark(NamedTuple):
    """What one student gets for one exercise."""

    student: str
    result: Result
    seconds: float


def grade(folder, out="marks.csv", *, seed=None, isolated="auto", lessons=(), seconds=10, jobs=None, tell=print):
    """Grade every notebook below a folder, named after the students or in folders of theirs, and return the marks.

    They are written to `out`, a CSV file, and a page for each student and one for the class into a folder beside it.
    The same `seed` draws the same probes and gives the same marks. Without `lessons`, such as ["01"], those are asked
    for that half of the students hand in. One answer may run for so many `seconds`, once it is made, and `jobs` of them
    at once, without a number as many as there are cores; `tell` is told what happens, in sentences.
    """
    seconds = shapes.number(seconds, "seconds", f"above 0 and at most {LONGEST:,}", lambda each: 0 < each <= LONGEST)
    seed = secrets.randbelow(2**31) if seed is None else shapes.whole_number(seed, "seed", 0)
    jobs = joblib.cpu_count() if jobs is None else shapes.whole_number(jobs, "jobs", 1)
    folder, out = Path(folder).expanduser(), Path(out).expanduser()
    students, remarks = _submissions(folder, _own(out))
    asked = {name: _with_hidden_probes(exercises._find(name), seed) for name in _asked(students, lessons)}
    way, run = isolation.choose(isolated)
    with open(out, "ab"):  # or it is told after all answers have run
        pass
    for remark in (f"Each answer runs in {isolation.SAID[way]}.", *remarks):
        tell(remark)
    if way == "wasm":
        tell("The first run compiles Python to this machine; once, that takes minutes.")
        run(b"{}", 600)
    work = [(student, exercise) for student in students.items() for exercise in asked.values()]
    with ThreadPoolExecutor(jobs) as pool:
        marks = list(pool.map(lambda pair: _mark(*pair[0], pair[1], partial(run, seconds=seconds), seconds), work))
    about = f"Probes from the seed {seed}; isolation: {way}."
    pages = reports.write(marks, out, about)
    tell(f"{len(students)} students, {len(asked)} exercises. Marks: {out}. Pages: {pages}. {about}")
    return marks


# --------------------------------------------------------------------------- what was handed in


def _own(out):
    """What an earlier grading may have written among the hand-ins."""
    return {os.path.abspath(path) for path in (out, reports.feedback_folder(out))}


def _submissions(folder, own=()):
    """By student, in alphabetical order: the notebooks' code cells, the newest first, or why there are none; remarks.

    Whoever has a folder is a student, with or without a notebook in it.
    """
    if not folder.is_dir():
        raise ValueError(f"folder: {folder} is not a folder")
    students, missed, twice = {}, [], []
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or os.path.abspath(path) in own:
            continue
        is_folder = path.is_dir() and not path.is_symlink()
        name = path.name if is_folder else path.stem
        found = list(_files(path, DEPTH - 1)) if is_folder else [path] if path.suffix == ".ipynb" else []
        if not found:
            missed.append(path.name)
        elif students.get(name):
            twice.append(name)
        if found or is_folder:
            students.setdefault(name, []).extend(found)
    if not any(students.values()):
        raise ValueError(f"folder: there is no notebook (.ipynb) in {folder}")
    read = {name: [_cells(path) for path in sorted(students[name], key=_age)] or [NONE] for name in sorted(students)}
    return read, _remarks(missed, twice)


def _remarks(missed, twice):
    """What a teacher must know of what was handed in, in sentences."""
    told = [f"Not graded, no notebook (.ipynb): {', '.join(map(reports.clean, missed))}."] if missed else []
    both = "{}: a notebook and a folder of this name, taken as one student; the newest answer to an exercise counts."
    return told + [both.format(reports.clean(name)) for name in twice]


def _files(folder, depth):
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.is_dir(follow_symlinks=False) and depth and not entry.name.startswith("."):
                yield from _files(entry.path, depth - 1)
            elif entry.name.endswith(".ipynb") and not entry.name.startswith("."):
                yield Path(entry.path)


def _age(path):
    return -path.lstat().st_mtime, str(path)


def _cells(path):
    """The code cells of a notebook, [number, source] each; or a sentence that says why it cannot be read."""
    if path.is_symlink() or not path.is_file():
        return "It is a link, or no file: hand in the notebook itself."
    if path.stat().st_size > LARGEST:
        return f"It is larger than {LARGEST // 10**6} MB: clear its outputs."
    try:
        cells = json.loads(path.read_bytes())["cells"]
        code = [(n, cell["source"]) for n, cell in enumerate(cells, start=1) if cell["cell_type"] == "code"]
        return [[n, source if isinstance(source, str) else "".join(source)] for n, source in code]
    except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
        return f"It cannot be read as a notebook ({type(error).__name__})."


def _plain_python(source):
    """A cell without IPython's own lines, such as %timeit, !pip and name?, which become calls, and without %%time."""
    try:
        return TransformerManager().transform_cell(TIMED.sub("", source))
    except SyntaxError:  # it is told where the answer is read
        return source


def _asked(students, lessons):
    """The names of the exercises that are asked for, those of deeper notebooks too."""
    known, lessons = exercises.names(), [f"{lesson:0>2}" for lesson in lessons]
    if unknown := [lesson for lesson in lessons if not any(name.startswith(f"{lesson}.") for name in known)]:
        raise ValueError(f"lessons: there is no exercise of lesson {unknown[0]!r}; write it as in 01")
    if not lessons:
        tried = Counter(lesson for notebooks in students.values() for lesson in _lessons(notebooks, known))
        lessons = [lesson for lesson, count in tried.items() if 2 * count >= len(students)]
    if not lessons:
        raise ValueError("lessons: no lesson's exercises are in half of the notebooks; say which, as in --lesson 01")
    return [name for name in known if name[:2] in lessons]


def _lessons(notebooks, known):
    text = "".join(source for cells in notebooks if isinstance(cells, list) for _, source in cells)
    return {name[:2] for name in known if f'"{name}"' in text or f"'{name}'" in text}


# --------------------------------------------------------------------------- one answer


def _with_hidden_probes(exercise, seed):
    """An exercise that has, beside each of its probes, one like it that is drawn."""
    if isinstance(exercise, ArrayExercise):
        return exercise
    rng = np.random.default_rng([seed, zlib.crc32(exercise.name.encode())])
    hidden = tuple(exercise.draw(rng, probe) for probe in exercise.probes)
    return dataclasses.replace(exercise, probes=(*exercise.probes, *hidden))


def _mark(student, notebooks, exercise, run, seconds):
    """Find and judge a student's answer: that of the newest notebook that has one."""
    began, result = time.monotonic(), None
    name, stub = re.escape(exercise.name), exercise.solution.__name__
    mentions = re.compile(rf"\bcheck\(\s*(?:name\s*=\s*)?['\"]{name}['\"]|\bdef\s+{stub}\b")
    for cells in notebooks:
        if isinstance(cells, str):
            result = result or exercise.result(("no notebook", cells))
        elif any(mentions.search(source) for _, source in cells):
            found = _judged(exercise, cells, run, seconds)
            if found.status != "not attempted":
                result = found
                break
            result = result if result and result.diagnosis != "no notebook" else found  # a copy that nobody touched
    return Mark(student, result or _without(exercise, "not found"), round(time.monotonic() - began, 1))


def _without(exercise, why, text=""):
    diagnosis, message = WITHOUT.get(why, WITHOUT["interfered"])
    return exercise.result((diagnosis, message.format(name=exercise.name, text=text)))


def _judged(exercise, cells, run, seconds):
    nonce = secrets.token_hex(16)
    an_array = isinstance(exercise, ArrayExercise)
    task = {
        "nonce": nonce,
        "name": exercise.name,
        "stub": exercise.solution.__name__,
        "cells": [[number, _plain_python(source)] for number, source in cells],
        "probes": None if an_array else [[guest.encode(value) for value in probe] for probe in exercise.probes],
        "modules": _modules(),
        "seconds": int(isolation.START + seconds) + 1,
        "memory": isolation.MEMORY,
    }
    try:
        output, stopped = run(json.dumps(task).encode())
    except Exception as error:  # one answer that could not be run does not end the class
        return exercise.result(("not run", f"The answer could not be run: {type(error).__name__}."))
    try:
        if not (lines := _lines(output, nonce)):
            return _without(exercise, "stopped" if stopped == "time" else "ended", isolation.START)
        return (_of_array if an_array else _of_function)(exercise, lines, stopped, seconds)
    except Exception:  # whatever a forged line leads to, the class is graded
        return _without(exercise, "interfered")


@cache
def _modules():
    sources = {f"cnnlessons.{name}": (PACKAGE / f"{name}.py").read_text(encoding="utf-8") for name in SHIPPED}
    silent = "check = hint = solution = compare = lambda *_, **__: None"
    return {**sources, "cnnlessons": "", "cnnlessons.exercises": silent, "threadpoolctl": ALONE}


def _lines(output, nonce):
    """What the guest sent, whatever else was printed; a line that was cut off is left out."""
    prefix = nonce.encode() + b" "
    return [json.loads(line[len(prefix) :]) for line in output.split(b"\n")[:-1] if line.startswith(prefix)]


def _of_array(exercise, lines, stopped, seconds):
    (line,) = lines  # exactly one
    if "without" in line:
        return _without(exercise, line["without"], _plain(line["text"]))
    answer = guest.decode(line["returned"])
    if answer is None:
        return exercise.result(("stub", UNATTEMPTED["stub"]))
    found = exercise.examine(answer, seconds)
    return exercise.result(found, exercise.share(answer) if found else 0)


def _of_function(exercise, lines, stopped, seconds):
    first, *calls = lines
    if "made" not in first:
        (line,) = lines  # and nothing beside it
        return _without(exercise, line["without"], _plain(line["text"]))
    last = calls.pop() if calls and "warned" in calls[-1] else {"warned": []}
    if [line["number"] for line in calls] != list(range(len(calls))) or len(calls) > len(exercise.probes):
        raise ValueError("each probe has one outcome, in its turn")
    outcomes = [_outcome(line, probe) for line, probe in zip(calls, exercise.probes, strict=False)]
    trial = Trial(outcomes, [_plain(text) for text in last["warned"]], stopped or "exit")
    found = exercise.judge(trial, seconds)
    return exercise.result(found, exercise.share(trial) if found else 0)


def _outcome(line, probe):
    if "raised" in line:
        return Outcome(error=_error(*(line[word] for word in ("raised", "text", "line"))))
    changed = tuple(bool(each) for each in line["changed"])
    if len(changed) != len(probe):
        raise ValueError("each argument is changed or not")
    return Outcome(guest.decode(line["returned"]), changed=changed)


def _error(name, text, line):
    """An error that was raised elsewhere, of a kind of ours that the judge knows."""
    kind = getattr(builtins, name, None)
    kinds = [each for each in (*ADVICE, NotImplementedError) if isinstance(kind, type) and issubclass(kind, each)]
    error = type(_plain(name), (*kinds, Exception)[:1], {})(_plain(text))
    error.place = line and (int(line[0]), _plain(line[1]))
    return error


def _plain(text):
    if not isinstance(text, str):
        raise TypeError("what is said is text")
    return reports.clean(text)[: guest.LONGEST]
