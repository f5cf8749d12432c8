"""Run a student's function on arguments of ours: all that it can take are seconds, a screenful and some memory."""

import builtins
import contextlib
import contextvars
import copy
import ctypes
import getpass
import inspect
import sys
import threading
import time
import warnings
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cnnlessons import threads

try:
    import psutil
except ImportError:  # in a browser, where there is no thread either that could look at the memory
    psutil = None

MEMORY = 40_000_000  # bytes; the arrays of an exercise take some thousand
LINES, CHARACTERS = 30, 3_000  # a screenful, so that the verdict below it is in sight
A_PICTURE = 8  # lines


@dataclass(frozen=True)
class Outcome:
    """What one call did."""

    value: Any = None
    error: BaseException | None = None
    changed: tuple[bool, ...] = ()  # into which of its arguments did the function write?


@dataclass
class Trial:
    """What all calls did; there are fewer where they were `stopped`: for "time", "memory", "input" or a "check"."""

    outcomes: list[Outcome] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    stopped: str = ""


_ONE_AT_A_TIME = threading.Lock()  # for the warnings' filters, the streams and `input`, which are the whole process's
_trials = weakref.WeakKeyDictionary()  # those of the threads in which answers run, and of the threads that these start


def outcome(function, arguments, trial=None) -> Outcome:
    """Call a function with copies of the arguments, and keep what comes of it."""
    given = copy.deepcopy(arguments)
    try:
        value = function(*given)
    except BaseException as error:  # a student's exit(), too
        if trial and trial.stopped:
            raise
        return Outcome(error=error)
    if inspect.iscoroutine(value):
        value.close()  # or Python complains that nobody waited for it
    return Outcome(value, changed=tuple(not np.array_equal(*pair) for pair in zip(given, arguments, strict=True)))


def attempt(function, probes, seconds) -> Trial:
    """Call a function with each probe in turn, and stop it if it takes too much.

    It runs in a thread, so that a loop without end can be left; in the caller's context, so that what it prints lands
    under its cell. The waits are short because on Windows Ctrl-C is seen only between them. Where there are no threads,
    it runs in ours, and only the seconds are watched. An answer that asks for another attempt, for which it would have
    to wait until its own is over, is stopped.
    """
    if within := _trials.get(threading.current_thread()):
        within.stopped = within.stopped or "check"
        raise SystemExit
    trial, alone = Trial(), not threads.can_start_threads()

    def work():
        _limit_displays(screen)
        with contextlib.suppress(SystemExit), np.errstate(all="warn", under="ignore"):
            for probe in probes:
                done = outcome(function, probe, trial)
                if trial.stopped:  # and a bare `except:` has hidden it
                    break
                trial.outcomes.append(done)

    worker = threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True)
    screen = _Screen(threading.current_thread() if alone else worker)
    with (
        _ONE_AT_A_TIME,
        _marked(screen.worker, trial),
        _surroundings(screen, trial),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("default", RuntimeWarning)  # once a line: a loop without end could fill the memory
        if alone:
            _do_here(work, trial, seconds)
        else:
            worker.start()
            try:
                _watch(worker, trial, seconds)
            finally:
                _stop(worker, trial)
    trial.warnings = [str(one.message) for one in caught if issubclass(one.category, RuntimeWarning)]
    return trial


def _watch(worker, trial, seconds):
    deadline, before, earlier = time.monotonic() + seconds, _memory(), (len(sys.modules), False)
    while worker.is_alive() and not trial.stopped:
        worker.join(0.005)
        taken = _memory()  # first, or an import could begin after we looked for one, and be counted
        now = len(sys.modules), _is_importing(worker)
        if now != earlier or now[1]:  # it takes memory, too, and is nobody's mistake
            before, earlier = _memory(), now
        elif taken - before > MEMORY:
            trial.stopped = "memory"
        if time.monotonic() > deadline:
            trial.stopped = trial.stopped or "time"


def _is_importing(thread):
    """Is an `import` somewhere on the thread's stack?"""
    frame = sys._current_frames().get(thread.ident)
    while frame and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


def _memory():
    """Bytes that the process has taken, without the libraries' files where the system tells them apart."""
    info = psutil.Process().memory_info()
    return info.rss - getattr(info, "shared", 0)


def _stop(worker, trial):
    """End the thread by SystemExit: the one error that Python lets pass in silence where it comes a moment too late."""
    trial.stopped = trial.stopped or ("interrupted" if worker.is_alive() else "")
    for error in [SystemExit] * 15 + [_Halt]:  # a bare `except:` in the loop catches some of them
        if not worker.is_alive():
            return
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(worker.ident), ctypes.py_object(error))
        worker.join(0.01)


class _Halt(SystemExit):
    """For a thread that catches all else: made there when it arrives, it never returns, and nothing more is taken."""

    def __init__(self):
        if not _is_importing(threading.current_thread()):  # or whoever imports the same would wait, too
            threading.Event().wait()


class _Late(SystemExit):
    """Ends work in our own thread. A bare `except:` lets go of it, and then the next line raises another."""

    def __init__(self, watch, frame):
        self._watch, self._frame = watch, frame

    def __del__(self):
        self._frame.f_trace = self._watch
        sys.settrace(self._watch)


def _do_here(work, trial, seconds):
    """Do the work in this thread, and look at the clock before each of its lines."""
    deadline, before = time.monotonic() + seconds, sys.gettrace()

    def watch(frame, *_):
        if time.monotonic() > deadline:
            trial.stopped = trial.stopped or "time"
            raise _Late(watch, frame)  # after which Python itself no longer watches
        return watch

    sys.settrace(watch)
    try:
        work()
    except SystemExit:
        pass
    finally:
        sys.settrace(before)


# --------------------------------------------------------------------------- what a function does besides returning


class _Screen:
    """How much room is left for what a thread shows."""

    def __init__(self, worker):
        self.worker, self.lines, self.characters = worker, LINES, CHARACTERS

    def takes(self, lines, characters):
        self.lines -= lines
        self.characters -= characters
        return self.lines >= 0 and self.characters >= 0


class _Stream:
    """A stream on which the worker has a screenful, and all other threads write as before."""

    def __init__(self, stream, screen):
        self._stream, self._screen = stream, screen

    def write(self, text):
        screen = self._screen
        if threading.current_thread() is not screen.worker:
            return self._stream.write(text)
        full = screen.lines < 0 or screen.characters < 0
        room = "".join(text[: max(screen.characters, 0)].splitlines(keepends=True)[: max(screen.lines, 0)])
        if screen.takes(text.count("\n"), len(text)):
            self._stream.write(text)
        elif not full:
            self._stream.write(f"{room}\n… (the rest of what your function prints is left out)\n")
        return len(text)

    def writelines(self, lines):
        for line in lines:
            self.write(line)

    def __getattr__(self, name):
        return getattr(self._stream, name)


def _limit_displays(screen):
    """Let this thread show a few pictures only; Jupyter keeps such hooks for each thread."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    publisher = getattr(shell, "display_pub", None)
    if hasattr(publisher, "register_hook"):
        publisher.register_hook(lambda message: message if screen.takes(A_PICTURE, 0) else None)


@contextlib.contextmanager
def _marked(worker, trial):
    """Know of a thread, and of all that it starts, to which trial they belong."""
    start = threading.Thread.start

    def starting(thread):
        if belongs := _trials.get(threading.current_thread()):
            _trials[thread] = belongs
        start(thread)

    _trials[worker], threading.Thread.start = trial, starting
    try:
        yield
    finally:
        threading.Thread.start = start
        if worker is threading.current_thread():  # another one that is left behind stays known
            del _trials[worker]


@contextlib.contextmanager
def _surroundings(screen, trial):
    """Give a thread a screenful to print on, and nobody to ask."""

    def refusing(ask):
        def refuse(*arguments, **options):
            if threading.current_thread() is not screen.worker:
                return ask(*arguments, **options)
            trial.stopped = "input"
            raise SystemExit

        return refuse

    asks = [(builtins, "input", builtins.input), (getpass, "getpass", getpass.getpass)]
    with (
        contextlib.redirect_stdout(_Stream(sys.stdout, screen)),
        contextlib.redirect_stderr(_Stream(sys.stderr, screen)),
    ):
        for module, name, ask in asks:
            setattr(module, name, refusing(ask))
        try:
            yield
        finally:
            for module, name, ask in asks:
                setattr(module, name, ask)
