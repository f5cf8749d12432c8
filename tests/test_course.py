"""The set-up script: what it decides and what it says. That it installs is shown by every run of these tests."""

import ast
import importlib.util
import os
import re
import socket
import subprocess
import sys
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


def start(*words, script=SCRIPT, **options):
    command = [sys.executable, str(script), *words]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60, **options)


@pytest.fixture
def environment(tmp_path):
    return course.Environment(tmp_path / ".venv", tmp_path / "requirements.lock.txt", gigabytes=1)


# ---- The command line


def test_help_is_plain_and_needs_no_environment(tmp_path):
    copy = tmp_path / "course.py"
    copy.write_bytes(SCRIPT.read_bytes())
    for option in ("--help", "-h"):
        answer = start(option, script=copy)
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
    # The cells of a notebook stay in one process.
    several = ["--numprocesses=logical", "--maxprocesses=4", "--dist=loadfile", "--no-loadscope-reorder"]
    assert words[1:] == ["-m", "pytest", "--nbval", *several, "-x"]


def test_an_unknown_program_is_named(environment):
    with pytest.raises(course.Problem, match=r"no command 'nosuchprogram' in \.venv"):
        course.command_line("run", ["nosuchprogram"], environment, path="")


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
    monkeypatch.setattr(course.shutil, "which", lambda name: name == "python3.12")
    with pytest.raises(course.Problem, match=r"This machine has one: python3\.12 course\.py"):
        course.check_python(version)


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


# ---- What programs of the environment see


def test_settings_for_other_pythons_do_not_leak_in(environment):
    inherited = {"PYTHONPATH": "/elsewhere", "PYTHONHOME": "/elsewhere", "PATH": "/bin", "LANG": "C.UTF-8"}
    variables = course.surroundings(environment, inherited)
    assert not {"PYTHONPATH", "PYTHONHOME"} & set(variables)
    assert variables["LANG"] == "C.UTF-8"
    assert variables["PYTHONNOUSERSITE"] == "1"
    assert variables["PATH"].split(os.pathsep) == [str(environment.program("python").parent), "/bin"]


def test_personal_settings_of_jupyter_are_neither_read_nor_changed(environment):
    folder = Path(course.surroundings(environment, {"JUPYTER_CONFIG_DIR": "/personal"})["JUPYTER_CONFIG_DIR"])
    assert environment.folder in folder.parents


def test_looking_an_environment_over_starts_one_program_which_imports_nothing_heavy(monkeypatch):
    started, run = [], subprocess.run
    monkeypatch.setattr(course.subprocess, "run", lambda command, **options: started.append(command) or run(command))
    course.inspect(course.CPU)
    ((_python, *options, question, _package),) = started
    assert options == ["-I", "-c"]
    assert re.findall(r"import ([\w., ]+);", question) == ["importlib.util, os, sys"]
