"""Experiments: nothing finished is lost, pairs are pairs, and an interval holds what it says."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest

from cnnlessons import cli, experiments
from cnnlessons.experiments import intervals, running

GRID = [{"setting": name, "size": size} for name, size in (("a", 3), ("b", 5))]
RUNS = '''
import os, time
from cnnlessons import experiments

def quick(setting, size, seed):
    """A run without training, of a given length."""
    time.sleep(float(os.environ.get("RUN_SECONDS", 0)))
    if os.environ.get("FAIL") == f"{setting}{seed}":
        raise ValueError("no\\nluck")
    if os.environ.get("DIE") == f"{setting}{seed}":
        os._exit(1)
    return {"accuracy": size / 10 + seed / 100, "process": os.getpid(), "parent": os.getppid(),
            "threads": os.environ["OMP_NUM_THREADS"]}

def run(store, seeds=3, jobs=2):
    grid = [{"setting": name, "size": size} for name, size in (("a", 3), ("b", 5))]
    return experiments.run(grid, seeds, jobs, store, quick, progress=False)
'''


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start an experiment in a program of its own, which can be killed."""
    (tmp_path / "runs.py").write_text(RUNS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def start(program="", **environment):
        program = f"import runs\nif __name__ == '__main__':\n    rows = runs.run('rows.csv')\n    {program}"
        (tmp_path / "program.py").write_text(program)
        environment = os.environ | environment
        return subprocess.Popen(
            [sys.executable, "program.py"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        )

    return start


def finish(process):
    out, _ = process.communicate(timeout=200)
    assert process.returncode == 0
    return out


def rows_in(folder):
    return experiments.read(folder / "rows.csv")


def wait_for(condition, seconds=120):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


# ---- running


def test_every_setting_meets_every_seed_in_other_processes_with_one_thread(start, tmp_path):
    process = start("print(rows[['setting', 'seed']].to_csv(index=False))")
    assert finish(process).split() == ["setting,seed", "a,0", "b,0", "a,1", "b,1", "a,2", "b,2"]
    rows = rows_in(tmp_path)
    assert len(rows) == 6
    assert set(rows["threads"]) == {1}
    assert set(rows["parent"]) == {process.pid}
    assert len(set(rows["process"])) <= 2
    np.testing.assert_allclose(rows["accuracy"], rows["size"] / 10 + rows["seed"] / 100)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_an_experiment_that_is_killed_goes_on_where_it_was_and_leaves_no_process_behind(start, tmp_path):
    store = tmp_path / "rows.csv"
    process = start(RUN_SECONDS="1")
    wait_for(lambda: store.is_file() and len(store.read_text().splitlines()) >= 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = rows_in(tmp_path)
    assert 2 <= len(before) < 6
    for worker in set(before["process"]):
        wait_for(lambda worker=worker: not alive(worker), 20)
    with store.open("a") as file:
        file.write("b,5,9,0.")  # as if it had been killed in the middle of a line
    finish(start())
    after = rows_in(tmp_path)
    assert len(after) == 6
    pd.testing.assert_frame_equal(after.head(len(before)), before)


def test_a_run_that_fails_is_kept_with_its_error_and_tried_again(start, tmp_path):
    finish(start(FAIL="a1"))
    rows = rows_in(tmp_path)
    assert len(rows) == 6
    (failed,) = rows[rows["error"] != ""].to_dict("records")
    assert (failed["setting"], failed["seed"], failed["error"]) == ("a", 1, "ValueError: no luck")
    finish(start())
    rows = rows_in(tmp_path)
    assert len(rows) == 6
    assert (rows["error"] == "").all()


def test_a_process_that_dies_costs_no_other_run(start, tmp_path):
    finish(start(DIE="b1"))
    rows = rows_in(tmp_path)
    assert len(rows) == 6
    (died,) = rows[rows["error"] != ""].itertuples()
    assert (died.setting, died.seed) == ("b", 1)
    assert died.error.startswith("the process that trained it died")
    finish(start())
    assert (rows_in(tmp_path)["error"] == "").all()


@pytest.mark.parametrize(
    ("grid", "error", "said"),
    [
        ([], ValueError, "grid must hold at least one setting"),
        ([{"a": 1}, {"b": 1}], ValueError, "each setting must have the names a, and no seed"),
        ([{"a": 1, "seed": 2}], ValueError, "and no seed"),
        ([{"a": [1]}], TypeError, r"a must be a string, a number, True, False or None, got \[1\]"),
        ([{"a": 1}, {"a": 1}], ValueError, "grid must hold each setting once"),
    ],
)
def test_a_grid_that_is_none_says_so(grid, error, said):
    with pytest.raises(error, match=said):
        experiments.run(grid, 1)


def test_a_store_of_another_experiment_is_not_touched(tmp_path):
    store = tmp_path / "other.csv"
    store.write_text("name,seed\nx,1\n")
    with pytest.raises(ValueError, match=r"other.csv has no column setting, size"):
        experiments.run(GRID, 1, store=store)
    assert store.read_text() == "name,seed\nx,1\n"


# ---- intervals


def paired(differences, seeds=None):
    seeds = range(len(differences)) if seeds is None else seeds
    base = np.random.default_rng(0).random(len(differences))
    one = pd.DataFrame({"setting": "learned", "seed": seeds, "accuracy": base, "task": "x"})
    return pd.concat([one, one.assign(setting="other", accuracy=base + differences)])


def compare(rows):
    (found,) = experiments.interval(rows, within=["task"]).to_dict("records")
    return found


def test_only_the_difference_within_a_pair_counts():
    found = compare(paired(np.array([0.10, 0.11, 0.09, 0.10, 0.12, 0.10, 0.08, 0.11])))
    assert found["verdict"] == "higher"
    assert found["difference"] == pytest.approx(0.10125)
    assert 0.09 < found["low"] < found["difference"] < found["high"] < 0.12


def test_a_difference_that_the_seeds_do_not_resolve_is_called_unresolved():
    assert compare(paired(np.array([0.1, -0.1, 0.05, -0.06, 0.02, -0.01])))["verdict"] == "unresolved"
    assert compare(paired(-np.array([0.1, 0.11, 0.1, 0.09, 0.1, 0.12])))["verdict"] == "lower"


def test_fewer_than_six_pairs_resolve_nothing():
    assert compare(paired(np.array([0.1, 0.11, 0.1, 0.09, 0.1])))["verdict"] == "unresolved"


def test_a_run_without_its_pair_is_left_out():
    rows = paired(np.full(8, 0.1) + np.arange(8) / 1000)
    assert compare(rows.iloc[1:])["seeds"] == 7


def test_a_95_percent_interval_holds_the_truth_in_95_of_100_experiments():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(400):
        low, high = intervals._bootstrap_t(rng.normal(0.3, 1, 10), 0.95, 999)
        held += low <= 0.3 <= high
    assert 0.925 <= held / 400 <= 0.98


# ---- the course's experiments


def test_every_run_of_the_stems_is_a_possible_one():
    grid = experiments.grid("stems")
    assert len(running.checked_grid(grid)) == len({(s["setting"], s["dataset"], s["per_class"]) for s in grid})
    assert {setting["epochs"] for setting in experiments.grid("stems", "cifar10", 2)} == {2}
    with pytest.raises(ValueError, match="dataset must be one of photo_patches, cifar10, got 'digits'"):
        experiments.grid("stems", "digits")


def test_the_same_seed_gives_every_stem_the_same_images_body_and_order(tmp_path):
    pytest.importorskip("keras", reason="Keras is not installed")
    common = {"dataset": "photo_patches", "per_class": 3, "epochs": 2, "test_per_class": 5, "frozen": False, "seed": 1}
    learned = {"stem": "learned", "bank": "random", "share": None}
    first, again = (experiments.train_stem(**learned, **common) for _ in range(2))
    assert first == again
    other = experiments.train_stem(stem="split", bank="gabor", share=0.5, **common)
    assert other["data"] == first["data"]
    assert other["accuracy"] != first["accuracy"] or other["drift"] != first["drift"]
    assert len(other["drift_by_filter"].split()) == 16
    assert len(other["drift_by_epoch"].split()) == 2
    fixed = experiments.train_stem(stem="fixed", bank="components", share=None, **common)
    assert fixed["drift"] == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nope"], "there is no experiment 'nope'; the names are: stems, bakeoff"),
        (["stems", "--epochs", "1"], "name a file for them with --store FILE"),
        (["stems", "--dataset", "digits"], "dataset must be one of photo_patches, cifar10"),
        (["stems", "--verify", "2", "--store", "none.csv"], "there are no rows in none.csv"),
    ],
)
def test_the_command_says_what_it_cannot_do(options, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["experiment", *options]) == 1
    assert said in capsys.readouterr().err
