"""Run a student's function on arguments of ours: its errors are caught, and it cannot take for ever."""

import contextlib
import contextvars
import copy
import ctypes
import threading
import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Outcome:
    """What one call did."""

    value: Any = None
    error: BaseException | None = None
    changed: tuple[bool, ...] = ()  # into which of its arguments did the function write?


_ONE_AT_A_TIME = threading.Lock()  # for `warnings.catch_warnings`, which is the whole process's


class _Stop(BaseException):
    """Sent into a thread that has run too long; no `except Exception` catches it."""


def outcome(function, arguments) -> Outcome:
    """Call a function with copies of the arguments, and keep what comes of it."""
    given = copy.deepcopy(arguments)
    try:
        value = function(*given)
    except _Stop:
        raise
    except BaseException as error:  # a student's exit(), too
        return Outcome(error=error)
    return Outcome(value, changed=tuple(not np.array_equal(*pair) for pair in zip(given, arguments, strict=True)))


def outcomes(function, probes, seconds) -> tuple[list[Outcome], list[str]]:
    """One outcome a probe, fewer if time ran out, and NumPy's warnings.

    The function runs in a thread, so that a loop without end can be left; in the caller's context, so that what it
    prints lands under its cell. The waits are short because on Windows Ctrl-C is seen only between them.
    """
    done = []

    def work():
        with contextlib.suppress(_Stop), np.errstate(all="warn", under="ignore"):
            for probe in probes:
                done.append(outcome(function, probe))

    worker = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    with _ONE_AT_A_TIME, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", RuntimeWarning)
        worker.start()
        try:
            deadline = time.monotonic() + seconds
            while worker.is_alive() and time.monotonic() < deadline:
                worker.join(0.05)
        finally:
            _stop(worker)
    return done, [str(one.message) for one in caught if issubclass(one.category, RuntimeWarning)]


def _stop(worker):
    for _ in range(50):  # a bare `except:` in the loop catches some of them
        if not worker.is_alive():
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(worker.ident), ctypes.py_object(_Stop))
        worker.join(0.01)
