"""Ten lessons run where there are no threads, no processes and no TensorFlow, as in a browser."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from cnnlessons import notebooks

HERE, COURSE = Path(__file__).parent, Path(__file__).parents[1]
PYODIDE = os.environ.get("CNNLESSONS_PYODIDE", "")  # npm's folder of Pyodide, or static/pyodide of the built site


@pytest.fixture(scope="module")
def lite():
    spec = importlib.util.spec_from_file_location("lite", COURSE / "hosting/lite.py")
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    return module


def in_such_a_python(*arguments):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(COURSE), str(HERE)))}
    ended = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stderr
    return ended


TRIED = """
import json, sys, without_threads
import numpy as np
from cnnlessons import datasets, exercises, introspection, layers, network, panels, plots, recorded, spectra, threads
from cnnlessons.experiments import compare, inside

def endless(image, kernel):
    while True:
        try:
            print("still running")
        except:
            pass

def stubborn(image, kernel):
    while True:
        try:
            image.shape
        except:
            pass

right = exercises._find("01.cross_correlate").solution
answers = {"right": right, "wrong": lambda *given: right(*given) + 1, "endless": endless, "stubborn": stubborn}
found = {}
for name, answer in answers.items():
    result = exercises.check("01.cross_correlate", answer, 0.5)
    found[name] = result.status + ": " + result.message
assert not sys.gettrace()

for library in threads._LIBRARIES:
    library.set_num_threads(2)
images = np.random.default_rng(0).random((64, 16, 16, 8), np.float32)
chain = [layers.Conv2D(8), layers.ReLU(), layers.MaxPool2D(2), layers.Flatten(), layers.Dense(2)]
network.Sequential(chain, images.shape[1:]).fit(images, np.arange(64) % 2, progress=True)

for source in datasets.available():
    if source.name in ("digits", "lines", "photo_patches", "spectrograms", "parts"):
        datasets.load(source.name)
recorded.kernels("digits_5x5_16"), recorded.readers("photos"), recorded.kernels_of("mtcnn_pnet")
print()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def tried():
    return in_such_a_python("-c", TRIED)


@pytest.fixture(scope="module")
def verdicts(tried):
    return json.loads(tried.stdout.splitlines()[-1])


def test_answers_are_checked_without_threads(verdicts):
    assert verdicts["right"].startswith("passed")
    assert verdicts["wrong"].startswith("not yet")


@pytest.mark.parametrize("name", ["endless", "stubborn"])
def test_a_loop_without_end_is_left_without_threads(verdicts, name):
    assert re.match("not yet: .*0.5", verdicts[name])


def test_the_verdict_stays_in_sight_and_nothing_complains_of_threads(tried):
    assert tried.stdout.count("still running") < 50
    assert "thread" not in tried.stderr


@pytest.mark.parametrize("lesson", ["00", "06"])
def test_every_cell_runs_without_threads(lesson):
    assert " 0 fail" in in_such_a_python(HERE / "without_threads.py", notebooks.lesson(lesson)).stdout


# --------------------------------------------------------------------------- the site


def test_a_file_that_is_not_pyodides_is_refused_and_deleted(lite, tmp_path):
    (tmp_path / "numpy.whl").write_bytes(b"another one")
    with pytest.raises(ValueError, match=r"numpy\.whl has another SHA-256"):
        lite.fetch(tmp_path, {"numpy": {"file_name": "numpy.whl", "sha256": "0" * 64}})
    assert not any(tmp_path.iterdir())


def test_another_pyodide_is_refused(lite, tmp_path):
    (tmp_path / "pyodide-lock.json").write_text("{}")
    with pytest.raises(ValueError, match="does not hold Pyodide"):
        lite.build(tmp_path, tmp_path / "site")


def test_what_a_package_depends_on_comes_along(lite):
    packages = {"a": {"depends": ["B_c"]}, "b-c": {"depends": ["a"]}, "d": {"depends": []}}
    assert set(lite.needed(packages, ["A"])) == {"a", "b-c"}


def test_the_wheel_holds_the_package_and_what_was_recorded(lite, tmp_path):
    wheel = lite.our_wheel(tmp_path)
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"cnnlessons/ops.py", "cnnlessons/panels/panel.js", "data/weights/inside/photos.npz"} <= names
    assert not any("pycache" in name for name in names)
    assert lite.entry(wheel, ["numpy"])["imports"] == ["cnnlessons"]


def test_the_lessons_run_in_the_browsers_python_and_hold_no_notes_of_the_teacher(lite, tmp_path):
    lite.write_contents(tmp_path)
    written = [json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.glob("*.ipynb")]
    assert len(written) == len(lite.LESSONS)
    for notebook in written:
        assert notebook["metadata"]["kernelspec"]["name"] == "python"
        assert not any("cnnlessons" in cell["metadata"] for cell in notebook["cells"])


def test_pure_wheels_are_those_of_the_lock(lite):
    locked = (COURSE / "requirements.lock.txt").read_text(encoding="utf-8")
    assert all(re.search(rf"(?m)^{name}==", locked) for name in lite.PURE)


# --------------------------------------------------------------------------- in Pyodide itself

LEFT = """
import sys
from types import ModuleType
from unittest.mock import MagicMock

exercises = ModuleType("cnnlessons.exercises")  # without NumPy the rest of it cannot be imported
exercises.__path__ = ["/course/cnnlessons/exercises"]
sys.modules |= {"numpy": MagicMock(), "threadpoolctl": MagicMock(), "cnnlessons.exercises": exercises}
sys.path.insert(0, "/course")
from cnnlessons.exercises import sandbox

def endless():
    while True: pass

def stubborn():
    while True:
        try: 1 / 0
        except: pass

print([sandbox.attempt(function, [()], 0.5).stopped for function in (endless, stubborn)])
"""
CELLS = """
import runpy, sys

sys.argv = ["without_threads.py", "/course/notebooks/{}"]
runpy.run_path("/course/tests/without_threads.py", run_name="__main__")
"""


def in_pyodide(packages, code):
    if not shutil.which("node") or not Path(PYODIDE, "pyodide.mjs").is_file():
        pytest.skip("needs node, and CNNLESSONS_PYODIDE, which names a folder of Pyodide (npm install pyodide)")
    if packages not in Path(PYODIDE, "pyodide-lock.json").read_text(encoding="utf-8"):
        pytest.skip("needs Pyodide with the packages of the course, as hosting/lite.py puts it into static/pyodide")
    command = ["node", "tests/in_pyodide.mjs", str(Path(PYODIDE).resolve()), packages, code]
    ended = subprocess.run(command, cwd=COURSE, capture_output=True, text=True, timeout=900)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_pyodide_leaves_a_loop_without_end():
    assert "['time', 'time']" in in_pyodide("", LEFT)


@pytest.mark.parametrize("lesson", ["00", "01", "02", "03", "04", "05", "06", "08", "10", "12"])
def test_every_cell_runs_in_pyodide(lesson):
    assert " 0 fail" in in_pyodide("cnnlessons", CELLS.format(notebooks.lesson(lesson).name))
