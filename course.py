#!/usr/bin/env python3
"""Open the course, or test it. Needs Python 3.11, 3.12 or 3.13 and this folder, nothing else.

    python3 course.py                  open the lessons in JupyterLab
    python3 course.py test             run every test
    python3 course.py run COMMAND      run a command of the course's environment, e.g. cnnlessons bench, where you are
    python3 course.py setup            only install

    --gpu                              with TensorFlow for NVIDIA GPUs (Linux), in an environment of its own

The first start installs the course's packages into the folder .venv (with --gpu: .venv-gpu). That takes a network and
a minute or two. Whatever follows the command goes to JupyterLab (--port 8890, --no-browser), to pytest (-k padding)
or to COMMAND. To begin afresh, delete .venv; what JupyterLab remembers is in .cnnlessons in your home folder.
"""

# Python 3.8 can read this file, so that whoever has an old Python is told which one to get.
from __future__ import annotations

import ast
import atexit
import contextlib
import errno
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent
WINDOWS = os.name == "nt"
PYTHONS = ((3, 11), (3, 12), (3, 13))
COMMANDS = ("lab", "test", "run", "setup")
START_PAGE = "/lab/tree/notebooks/00_start_here.ipynb"
INSTALLING = "installing"  # an environment's stamp while it is half made


class Problem(Exception):
    """What went wrong and what to do about it, in words for the reader."""


class Unreachable(Problem):
    """The packages could not be fetched; the environment is as it was."""


class Environment(NamedTuple):
    """A virtual environment and what belongs in it."""

    folder: Path
    lock: Path
    gigabytes: int  # free space that making it takes, downloads included

    def program(self, name: str, windows: bool = WINDOWS) -> Path:
        return self.folder / "Scripts" / f"{name}.exe" if windows else self.folder / "bin" / name

    @property
    def stamp(self) -> str:
        """The digest of the requirements that were installed, or INSTALLING, or nothing."""
        path = self.folder / "course-stamp.txt"
        return path.read_text(encoding="utf-8") if path.is_file() else ""

    def set_stamp(self, text: str) -> None:
        (self.folder / "course-stamp.txt").write_text(text, encoding="utf-8")


CPU = Environment(ROOT / ".venv", ROOT / "requirements.lock.txt", gigabytes=3)
GPU = Environment(ROOT / ".venv-gpu", ROOT / "requirements.gpu.lock.txt", gigabytes=10)


# ---- What the reader asks for


def parse(words: list[str]) -> tuple[str, bool, list[str]]:
    """Split the command line into the command, whether it is for a GPU, and the words to pass on."""
    theirs = words.index("run") + 1 if "run" in words else len(words)  # what a program gets is its own
    ours, theirs = words[:theirs], words[theirs:]
    rest = [word for word in ours if word != "--gpu"] + theirs
    command = rest.pop(0) if rest and not rest[0].startswith("-") else "lab"
    if command not in COMMANDS:
        raise Problem(f"There is no command {command!r}; there are {', '.join(COMMANDS)} (see --help).")
    if command == "run" and not rest:
        raise Problem("run needs a command, for example: python3 course.py run cnnlessons bench")
    return command, "--gpu" in ours, rest


def check_python(version: tuple[int, ...], windows: bool = WINDOWS) -> None:
    if tuple(version[:2]) in PYTHONS:
        return
    kind = "py -{}.{}" if windows else "python{}.{}"
    names = [kind.format(*python) for python in reversed(PYTHONS)]
    found = next(filter(answers, names), None)
    remedy = f"This machine has one: {found}" if found else f"Install one of them and start with that: {names[0]}"
    this = ".".join(map(str, version[:3]))
    raise Problem(f"The course needs Python 3.11, 3.12 or 3.13; this is {this} ({sys.executable}). {remedy} course.py")


def answers(name: str) -> bool:
    """Tell whether a Python is there and runs; of pyenv's programs, those of versions that are not chosen do not."""
    program, *option = name.split()
    program = shutil.which(program)
    asked = {**os.environ, "PYTHON_MANAGER_AUTOMATIC_INSTALL": "0"}  # or py would install what is only asked about
    return program is not None and not subprocess.call(
        [program, *option, "-c", ""], env=asked, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def check_gpu(system: str) -> None:
    if system != "Linux":
        raise Problem(f"TensorFlow has GPU packages for Linux only, and this is {system}. Start without --gpu.")


def option_value(options: list[str], *names: str) -> str | None:
    """Return what was given for an option of JupyterLab, as "--port 8890" or "--port=8890"; None if it was not."""
    for option, following in zip(options, [*options[1:], ""]):  # noqa: B905 (Python 3.8 has no strict=)
        name, equals, value = option.partition("=")
        if name in names:
            return value if equals else following
    return None


def check_port(port: str) -> None:
    """Refuse a port that is taken: JupyterLab would move to another one, which whoever named it does not expect."""
    with socket.socket() as probe:
        if not WINDOWS:  # where this option would let two programs share a port
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(port)))
        except (ValueError, OverflowError):
            raise Problem(f"--port takes a number from 0 to 65535, not {port!r}.") from None
        except OSError:
            raise Problem(
                f"Port {port} is in use, perhaps by a JupyterLab that is still open, or is not yours to use. "
                "Choose another one, or leave --port out: JupyterLab then finds a free one."
            ) from None


# ---- The environment: is it there, is it whole?


def required(environment: Environment) -> str:
    """Return a digest of everything that decides what is installed."""
    settings = sorted(path for path in (ROOT / "lab").rglob("*") if path.is_file())
    sources = [environment.lock, ROOT / "pyproject.toml", *settings]
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


def serves(python: Path, package: Path = ROOT / "cnnlessons" / "__init__.py") -> bool:
    """Tell whether this Python runs and would import the package from this folder.

    It does not after an upgrade of the system's Python, nor in a copy of the folder, where it finds the original.
    """
    question = (
        "import importlib.util, os, sys; spec = importlib.util.find_spec('cnnlessons'); "
        "sys.exit(not (spec and os.path.samefile(spec.origin, sys.argv[1])))"
    )
    try:
        return subprocess.run([python, "-I", "-c", question, package], stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def next_step(stamp: str, digest: str, serves: bool) -> str:
    """Decide what an environment needs: "nothing", "update" (made for another lock) or "rebuild" (missing, broken)."""
    if stamp == INSTALLING or not serves:
        return "rebuild"
    return "nothing" if stamp == digest else "update"


def inspect(environment: Environment) -> str:
    return next_step(environment.stamp, required(environment), serves(environment.program("python")))


# ---- Making and mending it


def prepare(environment: Environment) -> None:
    """Make, mend or update the environment if need be; of several starts at once, one does it and the others wait."""
    if inspect(environment) == "nothing":
        return
    try:
        with alone(environment.folder.with_name(environment.folder.name + ".lock")):
            step = inspect(environment)  # again: the start we waited for may have done it
            if step == "rebuild":
                check_space(environment)
                check_machine()
                remove(environment)
            if step != "nothing":
                install(environment)
    except OSError as error:
        raise explain(str(error)) from error


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock. It never goes stale: the system frees it when this script and the pip it started have ended."""
    with open(path, "a", encoding="utf-8") as file:
        os.set_inheritable(file.fileno(), True)
        if not lock(file.fileno()):
            print("Another start of the course is installing; waiting for it ...", flush=True)
            while not lock(file.fileno()):
                time.sleep(0.5)
        yield


def lock(descriptor: int) -> bool:
    try:
        if WINDOWS:
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Any other error means that this disk, a network drive perhaps, has no locks: go on without.
        return error.errno not in (errno.EACCES, errno.EAGAIN)
    return True


def check_space(environment: Environment) -> None:
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < environment.gigabytes:
        raise Problem(
            f"The disk of {ROOT} has {free:.1f} GB free and the course's packages need {environment.gigabytes} GB. "
            "Free some space, or move the folder to a larger disk."
        )


def check_machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> None:
    """Say before the download what would fail after it, as far as the system tells."""
    if hasattr(os, "ST_NOEXEC") and os.statvfs(ROOT).f_flag & os.ST_NOEXEC:
        raise explain(f"{ROOT} is mounted noexec")
    flags = re.search(r"^flags\s*:(.*)", cpuinfo.read_text() if cpuinfo.is_file() else "", re.MULTILINE)
    if flags and "avx" not in flags[1].split():
        print("This processor has no AVX, which TensorFlow needs: cells that use Keras cannot run here.", flush=True)


def remove(environment: Environment) -> None:
    if environment.folder.exists():
        environment.program("python").unlink(missing_ok=True)  # first, so that a half-removed one cannot pass for whole
        shutil.rmtree(environment.folder)


def install(environment: Environment) -> None:
    print(
        f"Installing the course's packages into {environment.folder.name}; the first time takes a minute or more ...",
        flush=True,
    )
    before = environment.stamp
    environment.folder.mkdir(exist_ok=True)
    environment.set_stamp(INSTALLING)
    try:
        for words in installation(environment, shutil.which("uv")):
            carry_out(words, environment)
            make_movable(environment)
    except Unreachable:
        environment.set_stamp(before)
        raise
    environment.set_stamp(required(environment))


def installation(environment: Environment, uv: str | None) -> list[list[str]]:
    """List the commands that make an environment, or bring an existing one up to date."""
    python = str(environment.program("python"))
    pip = [python, "-m", "pip", "install"]
    if uv:  # pip compiles what it installs; else each import of TensorFlow takes seconds more where none may be written
        pip = [uv, "pip", "install", "--compile-bytecode", "--python", python]
    return [
        *([] if environment.program("python").exists() else [creation(environment, uv)]),
        [*pip, "--require-hashes", "-r", str(environment.lock)],
        [*pip, "--no-deps", "--no-build-isolation", "--force-reinstall", "-e", str(ROOT)],
        # A first trial; and matplotlib searches the machine's fonts now rather than in a lesson.
        [python, "-c", "import cnnlessons, jupyterlab.labapp, matplotlib.font_manager"],
    ]


# How scripts begin that pip or uv made, for Python or, if the path of their Python is long or strange, for sh as well;
# and how they begin when they call the Python beside them.
WHOLE_PATH = re.compile(rb"#!(/.*/bin/python[\d.]*|/bin/sh\n'''exec' \"?/.*\n' ''')\n")
BESIDE = b"""#!/bin/sh
'''exec' "$(dirname -- "$0")/python" "$0" "$@"
' '''
"""


def make_movable(environment: Environment) -> None:
    """Let the environment find the package and its Python by relative paths: it can be moved, and have any name."""
    # Pip and uv write the whole path as UTF-8, and Python 3.11 and 3.12 read it in the system's encoding.
    for site in ("lib/python*/site-packages", "Lib/site-packages"):
        for file in environment.folder.glob(f"{site}/cnnlessons.pth"):
            file.write_text(os.path.relpath(ROOT, file.parent), encoding="ascii")
    for program in environment.folder.glob("bin/*"):
        content = b"" if program.is_symlink() else program.read_bytes()
        if start := WHOLE_PATH.match(content):
            program.write_bytes(BESIDE + content[start.end() :])


def pip_settings(environment: Environment) -> dict[str, str]:
    """Return as variables what pip's files say of the network; the rest ("user = true") is for other work."""
    command = [environment.program("python"), "-m", "pip", "config", "list"]
    answer = subprocess.run(command, env=surroundings(environment, os.environ), capture_output=True)
    pairs = re.findall(r"^(?:global|install)\.([\w-]+)=(.*)", answer.stdout.decode(), re.MULTILINE)
    variables = {f"PIP_{name.upper().replace('-', '_')}": ast.literal_eval(value) for name, value in pairs}
    return {name: value for name, value in variables.items() if NETWORK.match(name)}


def creation(environment: Environment, uv: str | None) -> list[str]:
    python = getattr(sys, "_base_executable", sys.executable)  # not that of the environment we may be replacing
    if importlib.util.find_spec("ensurepip"):
        return [python, "-m", "venv", str(environment.folder)]
    if uv:
        return [uv, "venv", "--allow-existing", "--python", python, str(environment.folder)]
    raise Problem(
        f"This Python ({python}) cannot make environments: its venv package is missing. "
        "On Debian and Ubuntu, install it with: sudo apt install python3-venv"
    )


def carry_out(words: list[str], environment: Environment) -> None:
    """Run one command of the installation; show its latest line, and explain it if it fails."""
    variables = surroundings(environment, os.environ)
    if "pip" in words[:3]:
        variables = {**pip_settings(environment), **variables, "PIP_CONFIG_FILE": os.devnull}
    with subprocess.Popen(
        words,
        cwd=ROOT,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        close_fds=False,  # it inherits the lock
    ) as process:
        output = [show(line) for line in process.stdout]
    show("")
    if process.returncode:
        raise explain("".join(output))


def show(line: str) -> str:
    """Overwrite the terminal's current line, as a sign of life."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print("\r" + line.strip()[:width].ljust(width), end="\r", flush=True)
    return line


# The first pattern that pip's or uv's output contains, in any case, tells what happened; the surest stand first.
FAILURES = [
    (
        r"no space left|not enough space|quota exceeded|os error (28|112|122)\b",
        Problem,
        "The disk is full: this folder's, the home folder's or the one for temporary files. Free some space and start "
        "again.",
    ),
    (
        r"do not match the hashes|hash mismatch",
        Problem,
        "A package that was downloaded is not the one that the course was tested with: it was damaged or replaced on "
        "the way. Start again, if need be on another network.",
    ),
    (
        r"certificate.verify|invalid peer certificate|self.signed certificate|unknownissuer",
        Unreachable,
        "This network puts a certificate of its own between this machine and the packages, as some schools and firms "
        "do. Ask its administrator how pip comes to trust it, or use another network.",
    ),
    (
        r"new ?connection ?error|name resolution|name or service not known|getaddrinfo|nodename nor servname"
        r"|dns error|error sending request|client error \(connect\)|connection (refused|reset|aborted|timed out)"
        r"|network is unreachable|connect ?timeout|read ?timeout|read timed out|operation timed out|cannot connect to",
        Unreachable,
        "The packages cannot be fetched: this machine has no network, or their server does not answer. Connect it "
        "(behind a proxy, set HTTPS_PROXY) and start again; once installed, the course needs no network.",
    ),
    (
        r"refusing to create a venv",
        Problem,
        f"The path of this folder contains {os.pathsep!r} (which the Finder shows as /), and an environment's must "
        "not. Rename the folder that has it in its name.",
    ),
    (
        r"'lib' -> ",
        Problem,
        "The disk of this folder cannot hold links, which environments need; so it is with exFAT sticks and some "
        "network drives. Copy the folder to another disk.",
    ),
    (
        r"mounted noexec|failed to map segment",
        Problem,
        "The disk of this folder is set to hold no programs (noexec), and the course's packages contain some. Copy the "
        "folder to another disk, or ask the administrator.",
    ),
    (
        r"long path",
        Problem,
        "The path of this folder is too long for Windows. Move the folder nearer to the root: C:\\course, for example.",
    ),
    (
        r"permission denied|access is denied|read-only file system|used by another process|os error (5|13|30)\b",
        Problem,
        "A file or folder cannot be written to. Close a JupyterLab that is still open; if the folder is not yours, "
        "copy the course to one that is.",
    ),
    (
        r"no matching distribution|no wheels|not a supported wheel|no solution found|source distribution or wheel",
        Problem,
        "A package is not offered for this machine and this Python. The course needs 64-bit Linux (glibc), Windows or "
        "macOS; if this is one, the package index may lack it, or settings of yours (in uv.toml, say) may exclude it.",
    ),
]


def explain(output: str) -> Problem:
    """Turn what pip, uv or the system said into a Problem, with the line that gave it away."""
    for pattern, kind, message in FAILURES:
        line = next((line for line in output.splitlines() if re.search(pattern, line, re.IGNORECASE)), None)
        if line:
            return kind(f"{message}\n  ({line.strip()[:300]})")
    last_lines = "\n  ".join(output.strip().splitlines()[-15:])
    return Problem(f"The installation failed on {platform.platform()}. Its last lines:\n  {last_lines}")


# ---- Running in it


# Variables that set Python, its tools, Jupyter and Keras for other work. What pip and uv know of the network stays.
FOREIGN = re.compile("PYTHON|PIP_|UV_|JUPYTER|IPYTHON|KERAS_")
NETWORK = re.compile("(PIP|UV)_.*(INDEX|LINK|PROXY|CERT|HOST|TLS|TIMEOUT|RETR|KEYRING|CACHE|CONFIG|FEATURE|DEPRECATED)")


def surroundings(environment: Environment, inherited: dict[str, str]) -> dict[str, str]:
    """Return the variables for programs of the environment: as if activated, and cut off from settings for others."""
    own = Path.home() / ".cnnlessons"
    keras = Path(inherited.get("KERAS_HOME") or "~/.keras").expanduser()
    return {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        **{name: value for name, value in inherited.items() if NETWORK.match(name) or not FOREIGN.match(name)},
        # Personal settings cannot unset address or token; of kernels of one name, the environment's is taken.
        "IPYTHONDIR": str(own / "ipython"),
        "JUPYTER_CONFIG_DIR": str(own),
        "JUPYTER_DATA_DIR": str(own / "data"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "KERAS_HOME": str(keras if keras.name == "cnnlessons" else keras / "cnnlessons"),  # as in cnnlessons/__init__
        "PATH": os.pathsep.join([str(environment.program("python").parent), inherited.get("PATH", os.defpath)]),
        "PYTHONNOUSERSITE": "1",
        "PYTHONUTF8": "1",
        "UV_PYTHON_DOWNLOADS": "never",
        "VIRTUAL_ENV": str(environment.folder),
    }


def command_line(command: str, rest: list[str], environment: Environment, path: str) -> list[str]:
    python = str(environment.program("python"))
    if command == "test":
        # Cells of a notebook need those before them, hence a file to each process, the notebooks first, for they take
        # longest. One process more than cores, since browsers and new processes are waited for. With -n 0 all are run
        # in one, as a debugger needs it.
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        several = [f"--numprocesses={min(cores + 1, 4)}", "--dist=loadfile", "--no-loadscope-reorder"]
        return [python, "-m", "pytest", "--nbval", *several, *rest]
    if command == "lab":
        address = [] if option_value(rest, "--ip", "--ServerApp.ip") is not None else ["--ip=127.0.0.1"]
        # Containers run as root; JupyterLab, which refuses that by default, demands a token there, too.
        start = ["--allow-root", f"--LabApp.default_url={START_PAGE}"]
        return [python, "-m", "jupyterlab", *address, *start, *rest]
    program = shutil.which(rest[0], path=path)
    if program is None:
        raise Problem(f"There is no command {rest[0]!r} in {environment.folder.name}.")
    # What readers added with pip, text or on Windows a zip in an .exe, names its Python by a path, which is wrong in a
    # folder that was moved, or is called "x" or $x: we call Python ourselves.
    ours = Path(program).parent == Path(python).parent
    script = ours and (zipfile.is_zipfile(program) or Path(program).read_bytes()[:2] == b"#!")
    return [*([python] if script else []), program, *rest[1:]]


def ensure_home() -> None:
    """Where no home folder can be written to, have one for this start: Jupyter, Matplotlib and others need it."""
    try:
        folder = Path.home() / ".cnnlessons"
        folder.mkdir(exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except (OSError, RuntimeError) as error:
        home = tempfile.mkdtemp(prefix="cnnlessons-")
        atexit.register(shutil.rmtree, home, ignore_errors=True)
        os.environ.update(HOME=home, USERPROFILE=home)
        print(f"There is no home folder to write to ({error}); {home} takes its place until the end.", file=sys.stderr)


def run(words: list[str], variables: dict[str, str], folder: Path | None = ROOT) -> int:
    """Run a command to its end and return its exit status; Ctrl-C, which reaches it as well, is left to it."""
    process = subprocess.Popen(words, cwd=folder, env=variables)
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    while process.poll() is None:
        with contextlib.suppress(KeyboardInterrupt):
            process.wait()
    return process.returncode if process.returncode >= 0 else 128 - process.returncode  # as shells count signals


def main(words: list[str]) -> int:
    if words[:1] in (["-h"], ["--help"]):
        print(ast.get_docstring(ast.parse(Path(__file__).read_bytes())))  # PYTHONOPTIMIZE=2 leaves no __doc__
        return 0
    try:
        check_python(sys.version_info)
        command, gpu, rest = parse(words)
        if gpu:
            check_gpu(platform.system())
        port = option_value(rest, "--port", "--ServerApp.port")
        if command == "lab" and port is not None:
            check_port(port)
        environment = GPU if gpu else CPU
        ensure_home()
        prepare(environment)
        if command == "setup":
            return 0
        if command == "lab" and not os.access(ROOT / "notebooks", os.W_OK):
            print("This folder cannot be written to: lessons run, but to save them, copy the course.", file=sys.stderr)
        variables = surroundings(environment, os.environ)
        folder = None if command == "run" else ROOT  # the files that a command is told of are its caller's
        return run(command_line(command, rest, environment, variables["PATH"]), variables, folder)
    except Problem as problem:
        print(f"course.py: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ncourse.py: Stopped. The same command takes it up again.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
