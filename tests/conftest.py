"""Settings for every test."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

# A shared machine can pause for longer than any deadline that would still mean something. The examples are the same in
# every run, so that a failure is never luck; `--hypothesis-profile=explore` draws fresh ones.
settings.register_profile("course", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile("course")


@pytest.fixture
def share_out(monkeypatch):
    """Set how many threads share out the work, for however little work and whatever the machine has."""
    from cnnlessons import ops, threads

    def share_out(count):
        library = SimpleNamespace(num_threads=count)
        library.set_num_threads = lambda number: setattr(library, "num_threads", number)
        monkeypatch.setattr(threads, "_LIBRARIES", [library])
        monkeypatch.setattr(threads, "_WORTH_A_PART", 1)
        monkeypatch.setattr(ops, "_STRIP_BYTES", 500)

    return share_out


@pytest.fixture
def step_by_step():
    """TensorFlow runs each function as Python reads it: a training of a few steps takes less time than its tracing."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def told_of_experiments():
    """What the table of data/evidence/README.md tells of every experiment: (trainings, recorded) by name, of str."""
    page = (Path(__file__).parents[1] / "data" / "evidence" / "README.md").read_text(encoding="utf-8")
    row = r"^\| `[^`]*cnnlessons experiment (\w+)` \|.*\| ([\d,]+(?: \+ [\d,]+)?) \| ([^|]*) \|[^|]*\|$"
    return {name: numbers for name, *numbers in re.findall(row, page, re.MULTILINE)}
