"""The set-up script: what it decides and what it says. That it installs is shown by every run of these tests."""

import ast
import importlib.util
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = ROOT / "course.py"


def load(path):
    spec = importlib.util.spec_from_file_location("course", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


course = load(SCRIPT)


POSIX = pytest.mark.skipif(os.name == "nt", reason="Windows has no programs of this kind")


def program(path, text):
    """Write a script that the shell runs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def start(*words, script=SCRIPT, **options):
    command = [sys.executable, str(script), *words]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, **options)


@pytest.fixture
def environment(tmp_path):
    return course.Environment(tmp_path / ".venv", tmp_path / "requirements.lock.txt", gigabytes=1)


# ---- The command line


@pytest.mark.parametrize("optimised", ["", "2"])  # with 2, Python leaves docstrings out
def test_help_is_plain_and_needs_no_environment(tmp_path, optimised):
    copy = tmp_path / "course.py"
    copy.write_bytes(SCRIPT.read_bytes())
    for option in ("--help", "-h"):
        answer = start(option, script=copy, env=os.environ | {"PYTHONOPTIMIZE": optimised})
        assert answer.returncode == 0
        assert "python3 course.py test" in answer.stdout
        assert answer.stdout.isascii()  # every terminal can print it
    assert [path.name for path in tmp_path.iterdir()] == ["course.py"]


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ([], ("lab", False, [])),
        (["--gpu"], ("lab", True, [])),
        (["--port", "8890"], ("lab", False, ["--port", "8890"])),
        (["lab", "--no-browser"], ("lab", False, ["--no-browser"])),
        (["test", "--gpu", "-k", "lab"], ("test", True, ["-k", "lab"])),
        (["run", "cnnlessons", "--help"], ("run", False, ["cnnlessons", "--help"])),
        (["--gpu", "run", "python", "mine.py"], ("run", True, ["python", "mine.py"])),
        (["run", "python", "mine.py", "--gpu"], ("run", False, ["python", "mine.py", "--gpu"])),
    ],
)
def test_what_follows_the_command_is_passed_on(words, meaning):
    assert course.parse(words) == meaning


@pytest.mark.parametrize("words", [["tset"], ["run"]])
def test_a_mistyped_command_is_answered_in_one_line(words):
    answer = start(*words)
    assert answer.returncode == 1
    assert answer.stdout == ""
    assert answer.stderr.startswith("course.py: ")
    assert answer.stderr.count("\n") == 1


def test_the_server_stays_on_this_machine_unless_asked_otherwise(environment):
    assert "--ip=127.0.0.1" in course.command_line("lab", [], environment, path="")
    assert "--ip=127.0.0.1" not in course.command_line("lab", ["--ip", "0.0.0.0"], environment, path="")


def test_the_start_page_exists():
    assert (ROOT / course.START_PAGE.removeprefix("/lab/tree/")).is_file()


def test_the_test_command_runs_notebooks_and_tests(environment):
    words = course.command_line("test", ["-x"], environment, path="")
    assert words[1:4] == ["-m", "pytest", "--nbval"]
    assert re.fullmatch("--numprocesses=[2-4]", words[4])
    assert words[5:] == ["--dist=loadfile", "--no-loadscope-reorder", "-x"]  # a notebook's cells stay in one process


def test_an_unknown_program_is_named(environment):
    with pytest.raises(course.Problem, match=r"no command 'nosuchprogram' in \.venv"):
        course.command_line("run", ["nosuchprogram"], environment, path="")


@pytest.mark.parametrize("command", ["run", "lab", "test"])
def test_a_command_runs_where_its_caller_is_and_lessons_and_tests_in_the_course(command, tmp_path, monkeypatch, capfd):
    for name in ("ensure_home", "prepare"):
        monkeypatch.setattr(course, name, lambda *arguments: None)
    where = [sys.executable, "-c", "import os; print(os.getcwd())"]
    monkeypatch.setattr(course, "command_line", lambda *arguments: where)
    monkeypatch.chdir(tmp_path)
    assert course.main([command, *(["python"] if command == "run" else [])]) == 0
    assert Path(capfd.readouterr().out.strip()) == (tmp_path if command == "run" else ROOT).resolve()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals of this kind")
def test_the_exit_status_of_the_command_is_passed_on():
    assert course.run([sys.executable, "-c", "raise SystemExit(7)"], dict(os.environ)) == 7
    assert course.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], dict(os.environ)) == 137


# ---- What is wrong, said plainly


def test_old_pythons_can_read_the_script():
    ast.parse(SCRIPT.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("version", [(3, 8, 18), (3, 10, 13), (3, 14, 0)])
def test_a_wrong_python_is_told_which_one_is_needed(version, monkeypatch):
    monkeypatch.setattr(course.shutil, "which", lambda name: None)
    told = rf"needs Python 3\.11, 3\.12 or 3\.13; this is {'.'.join(map(str, version))} .*Install"
    with pytest.raises(course.Problem, match=told):
        course.check_python(version)


@POSIX
def test_only_a_python_that_runs_is_recommended(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path / "python3.13", "echo 'pyenv: python3.13: command not found' >&2; exit 127")
    with pytest.raises(course.Problem, match="Install one of them"):
        course.check_python((3, 10, 1))
    program(tmp_path / "python3.12", "exit 0")
    with pytest.raises(course.Problem, match=r"This machine has one: python3\.12 course\.py"):
        course.check_python((3, 10, 1))


@POSIX
def test_on_windows_the_launcher_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(course.Problem, match=r"Install one of them and start with that: py -3\.13 course\.py"):
        course.check_python((3, 14, 0), windows=True)
    program(tmp_path / "py", '[ "$PYTHON_MANAGER_AUTOMATIC_INSTALL" = 0 ] && [ "$1" = -3.12 ]')
    with pytest.raises(course.Problem, match=r"This machine has one: py -3\.12 course\.py"):
        course.check_python((3, 14, 0), windows=True)


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 9), (3, 13, 1)])
def test_a_right_python_is_welcome(version):
    course.check_python(version)


@pytest.mark.parametrize("system", ["Darwin", "Windows"])
def test_gpu_packages_are_for_linux(system):
    course.check_gpu("Linux")
    with pytest.raises(course.Problem, match=f"Linux only, and this is {system}"):
        course.check_gpu(system)


@pytest.mark.parametrize("words", [["--port", "{}"], ["--port={}"], ["lab", "--ServerApp.port={}"]])
def test_a_port_in_use_is_refused_before_anything_starts(words):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        answer = start(*(word.format(port) for word in words))
    assert answer.returncode == 1
    assert f"Port {port} is in use" in answer.stderr
    assert answer.stdout == ""


def test_a_free_port_is_accepted():
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    course.check_port(str(port))


@pytest.mark.parametrize("port", ["many", "", "-1", "70000"])
def test_a_port_is_a_number(port):
    with pytest.raises(course.Problem, match="takes a number from 0 to 65535"):
        course.check_port(port)


def test_a_full_disk_is_noticed_before_installing(environment):
    with pytest.raises(course.Problem, match="GB free and the course's packages need 1000000000 GB"):
        course.check_space(environment._replace(gigabytes=10**9))
    course.check_space(environment._replace(gigabytes=0))


@pytest.mark.skipif(not hasattr(os, "ST_NOEXEC"), reason="this system does not tell whether a disk may hold programs")
def test_a_disk_that_may_hold_no_programs_is_noticed_before_installing(monkeypatch):
    course.check_machine()
    monkeypatch.setattr(course.os, "statvfs", lambda path: types.SimpleNamespace(f_flag=os.ST_NOEXEC))
    with pytest.raises(course.Problem, match=r"set to hold no programs \(noexec\)"):
        course.check_machine()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("flags\t\t: fpu sse4_2 avx avx2", False),
        ("flags\t\t: fpu sse4_2 avx2x", True),
        ("Features\t: fp asimd", False),  # ARM
        (None, False),
    ],
)
def test_a_processor_without_avx_is_told_before_installing(tmp_path, capsys, text, told):
    cpuinfo = tmp_path / "cpuinfo"
    if text:
        cpuinfo.write_text(f"model name\t: avx\n{text}\nbugs\t: avx\n")
    course.check_machine(cpuinfo)
    assert ("This processor has no AVX" in capsys.readouterr().out) == told


def test_a_folder_that_cannot_be_written_to_is_told_when_the_lessons_open(monkeypatch, capsys):
    for name in ("ensure_home", "prepare"):
        monkeypatch.setattr(course, name, lambda *arguments: None)
    monkeypatch.setattr(course, "run", lambda words, variables, folder: 0)
    for writable in (True, False):
        monkeypatch.setattr(course.os, "access", lambda path, mode, answer=writable: answer)
        assert course.main([]) == 0
        assert ("to save them, copy the course" in capsys.readouterr().err) == (not writable)


@pytest.mark.parametrize(
    ("kind", "said", "output"),
    [
        (
            "Unreachable",
            "no network",
            "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError('<x>: Failed to "
            "establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/absl-py/\n"
            "ERROR: Could not find a version that satisfies the requirement absl-py==2.5.1 (from versions: none)\n"
            "ERROR: No matching distribution found for absl-py==2.5.1",
        ),
        (
            "Unreachable",
            "no network",
            "error: Request failed after 3 retries\n"
            "  Caused by: error sending request for url\n"
            "  Caused by: client error (Connect)\n"
            "  Caused by: dns error: failed to lookup address information: Name or service not known",
        ),
        (
            "Unreachable",
            "certificate of its own",
            "WARNING: Retrying after connection broken by 'SSLError(SSLCertVerificationError(1, '[SSL: "
            "CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate in chain'))'",
        ),
        ("Unreachable", "certificate of its own", "  Caused by: invalid peer certificate: UnknownIssuer"),
        (
            "Problem",
            "disk is full",
            "WARNING: Retrying after connection broken by 'ReadTimeoutError'\n"
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
        ),
        ("Problem", "disk is full", "error: failed to copy file: No space left on device (os error 28)"),
        ("Problem", "disk is full", "[WinError 112] There is not enough space on the disk"),
        ("Problem", "damaged or replaced", "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."),
        ("Problem", "damaged or replaced", "error: Hash mismatch for `numpy==2.4.6`"),
        ("Problem", "cannot be written to", "[Errno 13] Permission denied: '.venv.lock'"),
        ("Problem", "cannot be written to", "[Errno 30] Read-only file system: '.venv.lock'"),
        ("Problem", "cannot be written to", "[WinError 5] Access is denied: 'python.exe'"),
        (
            "Problem",
            "too long for Windows",
            "ERROR: Could not install packages due to an OSError: [Errno 2] No such file or directory: 'C:\\\\a\\\\b'\n"
            "HINT: This error might have occurred since this system does not have Windows Long Path support enabled.",
        ),
        ("Problem", "not offered for this machine", "ERROR: No matching distribution found for tensorflow-cpu==2.21.0"),
        ("Problem", "cannot hold links", "Error: [Errno 1] Operation not permitted: 'lib' -> '/stick/.venv/lib64'"),
        ("Problem", "cannot hold links", "Error: [Errno 61] No data available: 'lib' -> '/share/.venv/lib64'"),
        ("Problem", "disk is full", "Error: [Errno 28] No space left on device: 'lib' -> '/x/.venv/lib64'"),
        ("Problem", "hold no programs", "ImportError: /x/_zmq.so: failed to map segment from shared object"),
        (
            "Problem",
            "Rename the folder",
            "Error: Refusing to create a venv in /x/CNN 1:2/.venv because it contains the PATH separator :.",
        ),
        ("Problem", "its last lines:\n  Segmentation fault", "Segmentation fault"),
    ],
)
def test_failures_of_pip_and_uv_are_explained(kind, said, output):
    problem = course.explain(output)
    assert type(problem).__name__ == kind
    assert said.lower() in str(problem).lower()


def test_a_python_without_venv_is_told_what_to_install(environment, monkeypatch):
    monkeypatch.setattr(course.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(course.Problem, match="sudo apt install python3-venv"):
        course.creation(environment, uv=None)
    assert course.creation(environment, uv="uv")[:2] == ["uv", "venv"]


# ---- Whether the environment is whole


@pytest.mark.parametrize(
    ("stamp", "serves", "step"),
    [
        ("digest", True, "nothing"),
        ("older digest", True, "update"),
        ("", True, "update"),  # made by hand, or by another tool
        ("installing", True, "rebuild"),  # killed in the middle
        ("digest", False, "rebuild"),  # its Python is gone, or the folder was moved
        ("", False, "rebuild"),  # nothing there yet
    ],
)
def test_what_an_environment_needs(stamp, serves, step):
    assert course.next_step(stamp, "digest", serves) == step


def test_the_stamp_follows_everything_that_decides_what_is_installed(environment, tmp_path, monkeypatch):
    monkeypatch.setattr(course, "ROOT", tmp_path)
    sources = [environment.lock, tmp_path / "pyproject.toml", tmp_path / "lab" / "etc" / "settings.json"]
    for source in sources:
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text("first")
    digests = {course.required(environment)}
    for source in sources:
        source.write_text("second")
        digests.add(course.required(environment))
    assert len(digests) == 4


def test_the_python_that_runs_these_tests_serves_this_folder():
    assert course.serves(Path(sys.executable))


def test_a_copy_of_the_folder_does_not_use_the_original_s_package(tmp_path):
    copy = tmp_path / "cnnlessons" / "__init__.py"
    copy.parent.mkdir()
    copy.touch()
    assert not course.serves(Path(sys.executable), package=copy)


def test_a_python_that_is_gone_or_broken_does_not_serve(tmp_path):
    assert not course.serves(tmp_path / "python")
    assert not course.serves(SCRIPT.parent / "pyproject.toml")


def test_programs_are_found_on_windows_and_elsewhere(environment):
    assert environment.program("python", windows=True) == environment.folder / "Scripts" / "python.exe"
    assert environment.program("python", windows=False) == environment.folder / "bin" / "python"


# ---- Installing, with commands that only pretend to


@pytest.fixture
def pretend(environment, tmp_path, monkeypatch):
    """Replace the installation by short Python programs; return the function that sets them."""
    monkeypatch.setattr(course, "ROOT", tmp_path)
    for name in ("pyproject.toml", "requirements.lock.txt"):
        (tmp_path / name).touch()

    def set_programs(*programs):
        commands = [[sys.executable, "-c", program] for program in programs]
        monkeypatch.setattr(course, "installation", lambda environment, uv: commands)

    return set_programs


def test_a_finished_installation_is_stamped(environment, pretend):
    pretend("print('Installed')")
    course.prepare(environment)
    assert environment.stamp == course.required(environment)


def test_an_installation_that_breaks_off_leaves_the_mark_of_a_half_made_environment(environment, pretend):
    pretend("print('Installed')", "raise SystemExit('Segmentation fault')")
    with pytest.raises(course.Problem, match="Segmentation fault"):
        course.prepare(environment)
    assert environment.stamp == course.INSTALLING


def test_without_network_a_whole_environment_stays_whole(environment, pretend, monkeypatch):
    pretend("raise SystemExit('Temporary failure in name resolution')")
    monkeypatch.setattr(course, "serves", lambda python: True)
    environment.folder.mkdir()
    environment.set_stamp("older digest")
    with pytest.raises(course.Unreachable):
        course.prepare(environment)
    assert environment.stamp == "older digest"


def test_a_half_made_environment_is_made_anew(environment, pretend):
    pretend("print('Installed')")
    leftover = environment.folder / "lib" / "half_a_package.py"
    leftover.parent.mkdir(parents=True)
    leftover.touch()
    environment.set_stamp(course.INSTALLING)
    course.prepare(environment)
    assert not leftover.exists()


@pytest.fixture
def lock_holder(environment):
    """Another process that holds the environment's lock until a line is written to it."""
    program = (
        "import sys, course, pathlib\n"
        "with course.alone(pathlib.Path(sys.argv[1])):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.readline()\n"
    )
    lock = environment.folder.with_name(".venv.lock")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", program, str(lock)], cwd=SCRIPT.parent, **pipes) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_start_waits_for_the_first_and_installs_nothing(
    environment, pretend, lock_holder, monkeypatch, capsys
):
    pretend("raise SystemExit('installed a second time')")

    def first_start_finishes(seconds):
        environment.folder.mkdir()
        environment.set_stamp(course.required(environment))
        monkeypatch.setattr(course, "serves", lambda python: True)
        lock_holder.communicate("\n")

    monkeypatch.setattr(course.time, "sleep", first_start_finishes)
    course.prepare(environment)
    assert "waiting" in capsys.readouterr().out


def test_a_killed_start_holds_nobody_up(environment, lock_holder, capsys):
    lock_holder.kill()
    lock_holder.wait()
    with course.alone(environment.folder.with_name(".venv.lock")):
        assert "waiting" not in capsys.readouterr().out


def test_pip_and_uv_both_insist_on_hashes_and_add_the_project_without_downloads(environment):
    for uv in (None, "uv"):
        *_, requirements, project, _trial = course.installation(environment, uv)
        assert "--require-hashes" in requirements
        assert str(environment.lock) in requirements
        assert {"--no-deps", "--no-build-isolation"} <= set(project)


# ---- Installing, with commands of a real environment


# Scripts in bin as pip writes them where a path has a space, uv anywhere strange, and both elsewhere.
AS_PIP_DOES = """
import pathlib, sys, sysconfig
pathlib.Path(sysconfig.get_path("purelib"), "cnnlessons.pth").write_bytes(sys.argv[1].encode())
python = sys.executable
for name, start in (
    ("sh", f"#!/bin/sh\\n'''exec' \\"{python}\\" \\"$0\\" \\"$@\\"\\n' '''"),
    ("unquoted", f"#!/bin/sh\\n'''exec' {python} \\"$0\\" \\"$@\\"\\n' '''"),
    ("plain", f"#!{python}"),
):
    script = pathlib.Path(sysconfig.get_path("scripts"), name)
    script.write_text(f"{start}\\nimport sys\\nprint(sys.prefix, sys.argv[1:])\\n", encoding="utf-8")
    script.chmod(0o755)
"""


@pytest.fixture
def strange(tmp_path, monkeypatch):
    """An environment without packages, in a folder with a name that shells and code pages do not like."""
    root = tmp_path / ("Müller 猫" if os.name == "nt" else 'Müller "猫" $HOME `x`')
    (root / "cnnlessons").mkdir(parents=True)
    (root / "cnnlessons" / "__init__.py").touch()
    for name in ("pyproject.toml", "requirements.lock.txt"):
        (root / name).touch()
    monkeypatch.setattr(course, "ROOT", root)
    environment = course.Environment(root / ".venv", root / "requirements.lock.txt", gigabytes=0)
    create = [getattr(sys, "_base_executable", sys.executable), "-m", "venv", "--without-pip", str(environment.folder)]
    add = [str(environment.program("python")), "-X", "utf8", "-c", AS_PIP_DOES, str(root)]
    monkeypatch.setattr(course, "installation", lambda environment, uv: [create, add])
    course.prepare(environment)
    return environment


def test_the_folder_may_have_any_name_in_any_locale_and_be_moved(strange, tmp_path, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")  # as ASCII, with which Python 3.11 and 3.12 read what adds to their path
    root = strange.folder.parent
    assert course.serves(strange.program("python"), root / "cnnlessons" / "__init__.py")
    root.rename(tmp_path / "elsewhere")
    moved = strange._replace(folder=tmp_path / "elsewhere" / ".venv")
    assert course.serves(moved.program("python"), tmp_path / "elsewhere" / "cnnlessons" / "__init__.py")


@POSIX
@pytest.mark.parametrize("name", ["sh", "unquoted", "plain"])
def test_programs_run_one_another_in_a_folder_of_any_name_that_was_moved(strange, tmp_path, name):
    for folder in (strange.folder, tmp_path / 'else "where"' / ".venv"):  # as `jupyter` calls `jupyter-lab`
        if folder != strange.folder:
            strange.folder.parent.rename(folder.parent)
        words = [str(folder / "bin" / name), "a b"]
        said = subprocess.run(words, capture_output=True, encoding="utf-8", check=True).stdout
        assert said == f"{folder} ['a b']\n"


@POSIX
def test_programs_that_a_reader_added_run_in_a_folder_of_any_name(strange):
    text = f"'''exec' \"{strange.program('python')}\" \"$0\" \"$@\"\n' '''\nimport sys\nprint(sys.prefix, sys.argv[1:])"
    program(strange.program("tool"), text)
    words = course.command_line("run", ["tool", "--option"], strange, path=str(strange.program("tool").parent))
    said = subprocess.run(words, capture_output=True, encoding="utf-8", check=True).stdout
    assert said == f"{strange.folder} ['--option']\n"
    others = program(strange.folder.parent / "elsewhere" / "other", "exit 0")  # a script, and not Python's
    assert course.command_line("run", ["other"], strange, path=str(others.parent)) == [str(others)]


@pytest.fixture
def mirror(tmp_path):
    """A folder with a package that pip can install, the smallest there is."""
    files = {
        "METADATA": "Metadata-Version: 2.1\nName: smallest\nVersion: 1\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(tmp_path / "smallest-1-py3-none-any.whl", "w") as wheel:
        for name, text in files.items():
            wheel.writestr(f"smallest-1.dist-info/{name}", text)
    return tmp_path


SETTINGS = {"user": "true", "no-binary": ":all:", "constraint": "nowhere.txt"}


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("place", ["file", "variable"])
def test_of_pip_s_settings_only_those_of_the_network_count(mirror, monkeypatch, place, setting):
    pytest.importorskip("pip")
    environment = course.Environment(Path(sys.prefix), mirror / "lock", gigabytes=0)
    file = mirror / "pip.conf"
    text = f"[global]\nno-index = true\nfind-links = {mirror}\n"
    if place == "file":
        text += f"[install]\n{setting} = {SETTINGS[setting]}\n"
    else:
        monkeypatch.setenv(f"PIP_{setting.upper().replace('-', '_')}", SETTINGS[setting])
    file.write_text(text, encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    report = mirror / "report.json"
    words = ["-m", "pip", "install", "--dry-run", "--report", str(report), "smallest"]
    course.carry_out([str(environment.program("python")), *words], environment)
    (found,) = json.loads(report.read_text(encoding="utf-8"))["install"]
    assert found["metadata"]["name"] == "smallest"


def test_a_file_of_pip_s_does_not_say_where_to_install(tmp_path, monkeypatch):
    pytest.importorskip("pip")
    file = tmp_path / "pip.conf"
    file.write_text("[global]\nindex-url = one\nproxy = p\n[install]\ntarget = elsewhere\nindex-url = two\nroot = /\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    found = course.pip_settings(course.Environment(Path(sys.prefix), tmp_path / "lock", gigabytes=0))
    assert {"PIP_INDEX_URL": "two", "PIP_PROXY": "p"}.items() <= found.items()
    assert not {"PIP_TARGET", "PIP_ROOT"} & set(found)


# ---- What programs of the environment see


@pytest.fixture
def home(monkeypatch):
    """A function that sets the home folder."""

    def set_home(path):
        for name in ("HOME", "USERPROFILE"):
            monkeypatch.setenv(name, str(path))

    return set_home


def test_settings_for_other_pythons_do_not_leak_in(environment):
    inherited = {"PYTHONPATH": "/elsewhere", "PYTHONHOME": "/elsewhere", "PATH": "/bin", "LANG": "C.UTF-8"}
    variables = course.surroundings(environment, inherited)
    assert not {"PYTHONPATH", "PYTHONHOME"} & set(variables)
    assert variables["LANG"] == "C.UTF-8"
    assert variables["PYTHONNOUSERSITE"] == "1"
    assert variables["PATH"].split(os.pathsep) == [str(environment.program("python").parent), "/bin"]


@pytest.mark.parametrize(
    "name",
    [
        *("PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONUSERBASE", "PYTHONSAFEPATH", "PYTHONINSPECT"),
        *("PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_DRY_RUN", "PIP_CONSTRAINT", "PIP_NO_BINARY"),
        *("UV_EXCLUDE_NEWER", "UV_OFFLINE", "UV_NO_BUILD", "UV_PREFIX", "UV_TARGET", "UV_SYSTEM_PYTHON"),
        *("JUPYTER_PATH", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_PATH", "JUPYTER_NO_CONFIG", "JUPYTERLAB_DIR"),
        *("KERAS_BACKEND", "KERAS_MAX_EPOCHS", "KERAS_NNX_ENABLED"),
    ],
)
def test_settings_of_tools_for_other_work_do_not_leak_in(environment, name):
    assert name not in course.surroundings(environment, {name: "1"})


@pytest.mark.parametrize(
    "name",
    [
        *("HTTPS_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "OMP_NUM_THREADS", "CNNLESSONS_DATA", "XDG_CACHE_HOME"),
        *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_TRUSTED_HOST", "PIP_PROXY"),
        *("PIP_CERT", "PIP_CLIENT_CERT", "PIP_TIMEOUT", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES", "PIP_CACHE_DIR"),
        *("UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_FIRM_PASSWORD", "UV_FIND_LINKS", "UV_NATIVE_TLS"),
        *("UV_INSECURE_HOST", "UV_HTTP_TIMEOUT", "UV_KEYRING_PROVIDER", "UV_CACHE_DIR", "UV_CONFIG_FILE"),
    ],
)
def test_what_the_network_and_the_machine_need_stays(environment, name):
    assert course.surroundings(environment, {name: "as set"})[name] == "as set"


def test_personal_settings_of_jupyter_are_neither_read_nor_changed(environment, home, tmp_path):
    home(tmp_path)
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    variables = course.surroundings(environment, dict.fromkeys(names, "/personal"))
    for name in names:
        folder = Path(variables[name])
        assert tmp_path / ".cnnlessons" in (folder, *folder.parents)


FOREIGN_KERNEL = {"argv": ["/elsewhere/python", "{connection_file}"], "display_name": "Python 3", "language": "python"}
ASK_FOR_KERNEL = """
import sys, jupyter_core.paths
from jupyter_client.kernelspec import get_kernel_spec
jupyter_core.paths._do_i_own = lambda path: sys.argv[1] == "mine"
print(get_kernel_spec("python3").argv[0])
"""


@pytest.mark.parametrize(
    "others",
    [
        {"JUPYTER_PATH": "{}/share/jupyter"},
        {"JUPYTER_DATA_DIR": "{}/share/jupyter", "JUPYTER_PREFER_ENV_PATH": "0"},
        {"HOME": "{}", "JUPYTER_PREFER_ENV_PATH": "0"},
        {"XDG_DATA_HOME": "{}/share", "JUPYTER_PREFER_ENV_PATH": "no"},
        {"XDG_DATA_HOME": "{}/share"},
    ],
)
@pytest.mark.parametrize("owner", ["mine", "a teacher's"])
def test_lessons_run_in_this_environment_whatever_other_kernels_are_called(tmp_path, others, owner):
    for folder in ("share/jupyter", ".local/share/jupyter", "Library/Jupyter"):
        kernel = tmp_path / folder / "kernels" / "python3" / "kernel.json"
        kernel.parent.mkdir(parents=True)
        kernel.write_text(json.dumps(FOREIGN_KERNEL))
    inherited = os.environ | {name: value.format(tmp_path) for name, value in others.items()}
    variables = course.surroundings(course.Environment(Path(sys.prefix), None, 0), inherited)
    ask = [sys.executable, "-c", ASK_FOR_KERNEL, owner]
    assert "/elsewhere" not in subprocess.run(ask, env=variables, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("given", ["", "{}/keras", "{}/keras/cnnlessons"])
def test_settings_of_keras_for_other_work_do_not_reach_programs(environment, home, tmp_path, given):
    home(tmp_path)
    variables = course.surroundings(environment, {"KERAS_HOME": given.format(tmp_path)})
    assert Path(variables["KERAS_HOME"]) == tmp_path / ("keras" if given else ".keras") / "cnnlessons"


def test_where_no_home_folder_can_be_written_to_another_takes_its_place(home, tmp_path, capsys):
    (tmp_path / "file").touch()
    for missing in (tmp_path / "file", tmp_path / "missing" / "folder"):
        home(missing)
        course.ensure_home()
        said = capsys.readouterr().err
        assert str(missing) in said
        assert said.count("\n") == 1
        assert Path.home() != missing
        (Path.home() / "file").touch()
        shutil.rmtree(Path.home())


def test_a_home_folder_that_can_be_written_to_stays(home, tmp_path, capsys):
    home(tmp_path)
    course.ensure_home()
    assert Path.home() == tmp_path
    assert capsys.readouterr() == ("", "")


def test_looking_an_environment_over_starts_one_program_which_imports_nothing_heavy(monkeypatch):
    started, run = [], subprocess.run
    monkeypatch.setattr(course.subprocess, "run", lambda command, **options: started.append(command) or run(command))
    course.inspect(course.CPU)
    ((_python, *options, question, _package),) = started
    assert options == ["-I", "-c"]
    assert re.findall(r"import ([\w., ]+);", question) == ["importlib.util, os, sys"]
