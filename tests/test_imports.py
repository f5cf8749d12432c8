"""Who may import whom, what importing the package costs, and what must stand in no file."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "cnnlessons"

# The course's order. A module may import those above it and none below.
ORDER = (
    "atomic",
    "shapes",
    "threads",
    "kernels",
    "ops",
    "gradcheck",
    "initializers",
    "layers",
    "optimizers",
    "epochs",
    "saving",
    "network",
    "spectra",
    "capacity",
    "datasets",
    "recorded",
    "keras_bridge",
    "stems",
    "models",
    "training",
    "introspection",
    "adversarial",
    "experiments",
    "plots",
    "report",
    "panels",
    "exercises",
    "lesson",
    "machine",
    "notebooks",
    "teaching",
    "cli",
)

# The only modules that may import a library. Lessons 01 to 06 run where TensorFlow is not installed.
WITH_KERAS = {"keras_bridge", "stems", "models", "training", "experiments", "introspection", "adversarial"}
RESERVED = {
    "keras": WITH_KERAS | {"datasets"},  # there only inside one function: Keras downloads CIFAR-10 and checks it
    "tensorflow": {"keras_bridge", "training"},
    "ipywidgets": {"panels"},
    "anywidget": {"panels"},
    "matplotlib": {"plots"},
}
STANDARD_LIBRARY_ONLY = {"atomic", "shapes"}


def modules():
    """Return the name in ORDER of each source file: a subpackage counts as one module."""
    files = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    return {PACKAGE / file: file.parts[0].removesuffix(".py") for file in files}


def imported(source, path):
    """Return the dotted name of everything that a file imports, wherever in the file that is."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            package = list(path.relative_to(ROOT).parent.parts)
            above = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*above, node.module] if node.module else above)
            names |= {f"{origin}.{alias.name}" for alias in node.names}
    return names


def violations(source, path, name):
    """Return what breaks the rules among the imports of a file that belongs to module ``name``."""
    found = []
    above = ("__init__",) if name == "__init__" else ORDER[: ORDER.index(name) + 1]
    for dotted in sorted(imported(source, path)):
        library, _, rest = dotted.partition(".")
        part = rest.split(".")[0]
        if library == "cnnlessons":
            if part in ORDER and part not in above:
                found.append(f"{name} stands above {part} and may not import it")
        elif name not in RESERVED.get(library, {name}):
            found.append(f"{name} may not import {library}; only {', '.join(sorted(RESERVED[library]))} may")
        elif name in STANDARD_LIBRARY_ONLY and library not in sys.stdlib_module_names:
            found.append(f"{name} uses the standard library only, not {library}")
    return found


@pytest.mark.parametrize(("path", "name"), modules().items(), ids=[str(path.relative_to(ROOT)) for path in modules()])
def test_imports_point_upward_only(path, name):
    assert name in ORDER or path == PACKAGE / "__init__.py", f"{name} has no place in the order of the modules"
    assert violations(path.read_text(encoding="utf-8"), path, name) == []


@pytest.mark.parametrize(
    ("file", "source", "said"),
    [
        ("ops.py", "from cnnlessons import plots", "ops stands above plots"),
        ("ops.py", "from cnnlessons.plots import show", "ops stands above plots"),
        ("ops.py", "from . import plots", "ops stands above plots"),
        ("ops.py", "from .layers import Conv2D", "ops stands above layers"),
        ("panels/stepper.py", "from ..exercises import check", "panels stands above exercises"),
        ("plots.py", "def f():\n    import cnnlessons.panels.stepper", "plots stands above panels"),
        ("__init__.py", "from cnnlessons import shapes", "__init__ stands above shapes"),
        ("ops.py", "import tensorflow as tf", "ops may not import tensorflow"),
        ("exercises/lesson_01.py", "import ipywidgets", "exercises may not import ipywidgets"),
        ("panels/stepper.py", "from matplotlib import pyplot", "panels may not import matplotlib"),
        ("shapes.py", "import numpy as np", "shapes uses the standard library only"),
    ],
)
def test_the_rule_catches(file, source, said):
    path = PACKAGE / file
    (violation,) = violations(source, path, Path(file).parts[0].removesuffix(".py"))
    assert violation.startswith(said)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("ops.py", "import numpy as np\nfrom cnnlessons import __version__, shapes"),
        ("panels/stepper.py", "import ipywidgets\nfrom .kernel_editor import picture\nfrom ..ops import conv2d"),
        ("stems.py", "from keras import layers\nimport math"),
    ],
)
def test_the_rule_allows(file, source):
    assert violations(source, PACKAGE / file, Path(file).parts[0].removesuffix(".py")) == []


def run(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_importing_the_package_loads_no_library():
    loaded = json.loads(run("import json, sys, cnnlessons; print(json.dumps(list(sys.modules)))"))
    heavy = {"tensorflow", "keras", "matplotlib", "numpy", "scipy", "skimage", "sklearn", "PIL", "ipywidgets"}
    assert not heavy & set(loaded)


# ---- What must stand in no file

FORBIDDEN = {
    "a person's or a machine's folder": r"(?<![\w.~/-])/(?:root|home|Users|work)/\w|[A-Z]:\\+Users\\+\w",
    "a package registry": r"pypi\.org|pythonhosted\.org|registry\.npmjs|registry\.yarnpkg|conda\.anaconda\.org",
}


def committed():
    """Return the text files that git tracks or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this folder is not a git clone, so there is no list of the course's files")
    files = [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]
    return [file for file in files if b"\0" not in file.read_bytes()[:8192]]


def test_no_file_names_a_machine_s_folder_or_a_registry():
    found = []
    for file in committed():
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
            place = f"{file.relative_to(ROOT)}:{number}"
            found += [f"{place}: {what}" for what, pattern in FORBIDDEN.items() if re.search(pattern, line)]
    assert found == []


@pytest.mark.parametrize("text", ["see /" + "home/ada/course", "C:" + r"\Users\ada", "https://pypi" + ".org/simple"])
def test_the_search_finds(text):
    assert any(re.search(pattern, text) for pattern in FORBIDDEN.values())


@pytest.mark.parametrize("text", ["notebooks/home/a", "https://example.org/work/a", "~/work", "at home / at work"])
def test_the_search_passes_over(text):
    assert not any(re.search(pattern, text) for pattern in FORBIDDEN.values())
