"""One set of requirements, however the course is installed: course.py, conda, Binder, CPU or GPU."""

import functools
import itertools
import json
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection
from jupyterlab_server.config import get_federated_extensions
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from traitlets.config.loader import PyFileConfigLoader

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = {"cpu": "requirements.lock.txt", "gpu": "requirements.gpu.lock.txt"}

PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = {
    "Linux": {"sys_platform": "linux", "platform_machine": "x86_64", "platform_system": "Linux", "os_name": "posix"},
    "Linux on ARM": {
        "sys_platform": "linux",
        "platform_machine": "aarch64",
        "platform_system": "Linux",
        "os_name": "posix",
    },
    "macOS": {"sys_platform": "darwin", "platform_machine": "arm64", "platform_system": "Darwin", "os_name": "posix"},
    "Windows": {
        "sys_platform": "win32",
        "platform_machine": "AMD64",
        "platform_system": "Windows",
        "os_name": "nt",
    },
}
MACHINES = list(itertools.product(PLATFORMS, PYTHONS))


def machine(platform, python):
    """Return the variables that markers are evaluated with."""
    versions = {"python_version": python, "python_full_version": f"{python}.9"}
    return (
        {"platform_python_implementation": "CPython", "implementation_name": "cpython"} | PLATFORMS[platform] | versions
    )


@functools.cache
def entries(lock):
    """Return a lock's entries: each is the requirement and the text of its hashes."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    split = [re.match(r"(.*?)\s*(--hash=.*)?$", line).groups(default="") for line in lines]
    return [(Requirement(requirement), hashes) for requirement, hashes in split]


def pinned(lock, platform, python):
    """Return {name: version} of what the lock installs on a machine."""
    here = [entry for entry, _ in entries(lock) if not entry.marker or entry.marker.evaluate(machine(platform, python))]
    versions = {}
    for entry in here:
        (version,) = entry.specifier
        assert version.operator == "=="
        assert canonicalize_name(entry.name) not in versions, f"{entry.name} is pinned twice for {platform}"
        versions[canonicalize_name(entry.name)] = Version(version.version)
    return versions


def requirements(extra):
    lines = [
        *PYPROJECT["project"]["dependencies"],
        *PYPROJECT["project"]["optional-dependencies"][extra],
        *PYPROJECT["dependency-groups"]["test"],
        *PYPROJECT["build-system"]["requires"],
    ]
    return [Requirement(line) for line in lines]


@pytest.mark.parametrize(("platform", "python"), MACHINES)
@pytest.mark.parametrize("extra", LOCKS)
def test_the_lock_holds_what_the_project_asks_for(extra, platform, python):
    versions = pinned(LOCKS[extra], platform, python)
    for requirement in requirements(extra):
        if requirement.marker is None or requirement.marker.evaluate(machine(platform, python)):
            version = versions.get(canonicalize_name(requirement.name))
            assert version is not None, f"{requirement.name} is not in {LOCKS[extra]}"
            assert version in requirement.specifier, f"{requirement} is pinned as {version}"


def test_the_lock_holds_what_its_packages_ask_for():
    pins = {canonicalize_name(entry.name) for entry, _ in entries(LOCKS["cpu"])}
    for name in pins:
        try:
            needed = map(Requirement, metadata.requires(name) or ())
        except metadata.PackageNotFoundError:  # a package for another system
            continue
        for requirement in needed:
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                assert canonicalize_name(requirement.name) in pins, f"{name} needs {requirement}"


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_package_is_pinned_with_hashes(lock):
    assert len(entries(lock)) > 100
    for requirement, hashes in entries(lock):
        assert requirement.url is None
        assert re.fullmatch(r"(--hash=sha256:[0-9a-f]{64}\s*)+", hashes), f"{requirement.name} has no proper hash"


@pytest.mark.parametrize("lock", LOCKS.values())
def test_no_lock_names_an_address(lock):
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "index-url" not in text


def test_a_machine_gets_one_tensorflow_because_two_overwrite_each_other():
    for extra, (platform, python) in itertools.product(LOCKS, MACHINES):
        versions = pinned(LOCKS[extra], platform, python)
        found = [name for name in versions if name in ("tensorflow", "tensorflow-cpu", "tensorflow-intel")]
        assert len(found) == (1 if extra == "cpu" or platform.startswith("Linux") else 0)
    assert "tensorflow-cpu" not in {entry.name for entry, _ in entries(LOCKS["gpu"])}


@pytest.mark.parametrize(("platform", "python"), MACHINES)
def test_cpu_and_gpu_agree_on_all_other_packages(platform, python):
    cpu, gpu = (pinned(lock, platform, python) for lock in LOCKS.values())
    assert {name: cpu[name] for name in cpu.keys() & gpu} == {name: gpu[name] for name in cpu.keys() & gpu}
    only_gpu = [name for name in gpu.keys() - cpu if not name.startswith("nvidia-")]
    assert set(only_gpu) <= {"tensorflow"}


def conda():
    return yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))


def test_conda_makes_the_same_environment():
    environment = conda()
    assert environment["name"] == PYPROJECT["project"]["name"]
    assert environment["channels"] == ["conda-forge"]
    python, pip, from_pip = environment["dependencies"]
    assert pip == "pip"
    assert from_pip == {"pip": [f"-r {LOCKS['cpu']}"]}
    minor = re.fullmatch(r"python=(3\.\d+)", python)[1]  # conda reads this as: any 3.x.y
    supported = SpecifierSet(PYPROJECT["project"]["requires-python"])
    assert f"{minor}.0" in supported
    assert f"{minor}.99" in supported


def test_binder_installs_the_project_without_downloads():
    script = ROOT / "postBuild"
    assert os.access(script, os.X_OK)
    assert "pip install --no-deps --no-build-isolation -e ." in script.read_text(encoding="utf-8")


def test_the_pythons_that_the_set_up_accepts_are_the_supported_ones():
    supported = SpecifierSet(PYPROJECT["project"]["requires-python"])
    script = (ROOT / "course.py").read_text(encoding="utf-8")
    (accepted,) = re.findall(r"^PYTHONS = (.*)$", script, re.MULTILINE)
    minors = [tuple(map(int, pair)) for pair in re.findall(r"\((\d+), (\d+)\)", accepted)]
    assert minors == [(3, minor) for minor in range(30) if f"3.{minor}.5" in supported]
    assert [f"{major}.{minor}" for major, minor in minors] == list(PYTHONS)


def test_jupyterlab_sends_the_messages_of_sliders_at_once(monkeypatch):
    monkeypatch.setenv("JUPYTER_PATH", "")  # which the configuration changes
    config = PyFileConfigLoader("jupyter_server_config.py", path=str(ROOT / "lab" / "etc" / "jupyter")).load_config()
    connection = config.ServerApp.kernel_websocket_connection_class
    assert issubclass(connection, ZMQChannelsWebsocketConnection)
    assert set(config.ServerApp) == {"kernel_websocket_connection_class"}  # address and token are not ours to set


@pytest.mark.parametrize(
    "path",
    [
        "etc/ipython/ipython_kernel_config.py",
        "etc/jupyter/jupyter_server_config.py",
        "etc/jupyter/labconfig/page_config.d/cnnlessons.json",
        "etc/jupyter/labconfig/default_setting_overrides.d/cnnlessons.json",
        "share/jupyter/labextensions/cnnlessons/package.json",
        "share/jupyter/labextensions/cnnlessons/static/present.js",
    ],
)
def test_the_environment_has_the_course_s_settings_of_jupyterlab(path):
    installed = Path(sys.prefix, path)
    remedy = "install the project again: python3 course.py setup"
    assert installed.is_file(), remedy
    assert installed.read_bytes() == (ROOT / "lab" / path).read_bytes(), remedy


def test_jupyterlab_finds_the_presenting_extension_and_the_file_that_it_names():
    folder = ROOT / "lab" / "share" / "jupyter" / "labextensions"
    (found,) = get_federated_extensions([str(folder)]).values()
    script = (folder / found["name"] / found["jupyterlab"]["_build"]["load"]).read_text(encoding="utf-8")
    assert f"window._JUPYTERLAB.{found['name']} = {{" in script


# ---- However Jupyter is started, also without course.py


SERVER = """
import sys
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.serverapp import ServerApp
ServerApp(config_file_name="jupyter_server_config").initialize(argv=[], new_httpserver=False)
print(KernelSpecManager().get_kernel_spec("python3").argv[0])
"""


@pytest.fixture
def others(tmp_path):
    """The variables of a reader who has a kernel of the same name, and Keras set for other work."""
    kernel = tmp_path / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text('{"argv": ["/elsewhere/python", "{connection_file}"], "display_name": "", "language": "python"}')
    settings = {"backend": "torch", "image_data_format": "channels_first", "floatx": "float16"}
    for name in ("keras", ".keras"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "keras.json").write_text(json.dumps(settings))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON", "KERAS"))}
    return kept | {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path), "TF_CPP_MIN_LOG_LEVEL": "3"}


def answer(program, variables, *words):
    command = [sys.executable, "-c", program, *words]
    return subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=240).stdout


@pytest.mark.parametrize(
    "variables",
    [
        {"JUPYTER_PATH": "{}/jupyter"},
        {"JUPYTER_DATA_DIR": "{}/jupyter", "JUPYTER_PREFER_ENV_PATH": "0"},
        {"XDG_DATA_HOME": "{}", "JUPYTER_PREFER_ENV_PATH": "0"},
    ],
)
def test_the_server_starts_kernels_of_this_environment(others, tmp_path, variables):
    variables = {name: value.format(tmp_path) for name, value in variables.items()}
    assert "/elsewhere" not in answer(SERVER, others | variables)


KERNEL = """
from jupyter_client.manager import start_new_kernel
manager, client = start_new_kernel()
client.execute_interactive("import os; print(os.environ['KERAS_HOME'])")
client.stop_channels()
manager.shutdown_kernel(now=True)
"""
KERAS = "import keras; print(keras.config.backend(), keras.config.image_data_format(), keras.config.floatx())"


@pytest.mark.parametrize("given", [".keras", "keras"])
def test_a_kernel_does_not_see_settings_of_keras_for_other_work(others, tmp_path, given):
    if given == "keras":
        others["KERAS_HOME"] = str(tmp_path / given)
    assert answer(KERNEL, others | {"JUPYTER_PREFER_ENV_PATH": "1"}).strip() == str(tmp_path / given / "cnnlessons")


def test_settings_of_keras_for_other_work_do_not_count_where_the_package_is_imported(others, tmp_path):
    assert answer(f"import cnnlessons; {KERAS}", others) == "tensorflow channels_last float32\n"
