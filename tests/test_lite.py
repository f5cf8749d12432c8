"""Ten lessons run where there are no threads, no processes and no TensorFlow, as in a browser."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HERE, COURSE = Path(__file__).parent, Path(__file__).parents[1]
LESSONS = ("00", "01", "02", "03", "04", "05", "06", "08", "10", "12")


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
    (notebook,) = (COURSE / "notebooks").glob(f"{lesson}_*.ipynb")
    assert " 0 fail" in in_such_a_python(HERE / "without_threads.py", notebook).stdout
