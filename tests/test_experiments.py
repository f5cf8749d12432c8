"""Experiments: nothing finished is lost, and what is recorded can be made again."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cnnlessons import cli, experiments
from cnnlessons.experiments import catalogue, rows, running, tuning

ROOT = Path(__file__).parents[1]
GRID = [{"setting": name, "size": size} for name, size in (("a", 3), ("b", 5))]
RUNS = '''
import os, sys, time
from pathlib import Path
from cnnlessons import experiments

held = []

def until(condition):
    while not condition():
        time.sleep(0.01)

def lines(file):
    return len(Path(file).read_text().splitlines()) if Path(file).is_file() else 0

def quick(setting, size, seed):
    """A run without training, which waits for what it is told to wait for."""
    if "MEET" in os.environ:  # nobody goes on before two processes have begun
        Path(f"begun_{os.getpid()}").touch()
        until(lambda: len(list(Path().glob("begun_*"))) > 1)
    if seed >= int(os.environ.get("HELD_FROM_SEED", 10**9)):
        until(Path("go").exists)
    if os.environ.get("FAIL") == f"{setting}{seed}":
        raise ValueError("no\\nluck")
    if os.environ.get("DIE") == f"{setting}{seed}":
        until(lambda: lines("rows.csv") >= int(os.environ.get("DIE_AFTER_LINES", 0)))
        os._exit(1)
    time.sleep(float(os.environ.get("RUN_SECONDS", 0)))
    if "GROW" in os.environ and seed > 0:
        held[:] = [b"x" * 400_000_000]
    return {"accuracy": size / 10 + seed / 100, "process": os.getpid(), "parent": os.getppid(),
            "threads": os.environ["OMP_NUM_THREADS"], "loaded": "tensorflow" in sys.modules}

def run(store, seeds=3, jobs=2, scheduler=None):
    grid = [{"setting": name, "size": size} for name, size in (("a", 3), ("b", 5))]
    return experiments.run(grid, seeds, jobs, store, quick, scheduler, progress=False)
'''


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Start an experiment in a program of its own, which can be killed."""
    (tmp_path / "runs.py").write_text(RUNS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    def start(program="", options="", **environment):
        program = f"import runs\nif __name__ == '__main__':\n    rows = runs.run('rows.csv'{options})\n    {program}"
        (tmp_path / "program.py").write_text(program)
        environment = os.environ | environment
        return subprocess.Popen(
            [sys.executable, "program.py"], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        )

    return start


def finish(process):
    out, _ = process.communicate()
    assert process.returncode == 0
    return out


def rows_in(folder):
    return experiments.read(folder / "rows.csv")


def wait_for(condition):
    while not condition():
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
    assert not rows["loaded"].any()  # TensorFlow would have been loaded before its threads were counted
    assert set(rows["parent"]) == {process.pid}
    assert len(set(rows["process"])) <= 2
    np.testing.assert_allclose(rows["accuracy"], rows["size"] / 10 + rows["seed"] / 100)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_an_experiment_that_is_killed_goes_on_where_it_was_and_leaves_no_process_behind(start, tmp_path):
    store = tmp_path / "rows.csv"
    process = start(HELD_FROM_SEED="1")
    wait_for(lambda: store.is_file() and len(store.read_text().splitlines()) >= 3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (tmp_path / "go").touch()
    before = rows_in(tmp_path)
    assert len(before) == 2
    for worker in set(before["process"]):
        wait_for(lambda worker=worker: not alive(worker))
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


def test_a_process_that_grows_trains_on(start, tmp_path):
    finish(start(GROW="", RUN_SECONDS="1.1", MEET=""))  # seconds: joblib looks at a process's memory once in one
    assert len(set(rows_in(tmp_path)["process"])) == 2


@pytest.mark.parametrize(
    ("grid", "error", "said"),
    [
        ([], ValueError, "grid must hold at least one setting"),
        ([{"a": 1}, {"b": 1}], ValueError, "each setting must have the names a, and no seed"),
        ([{"a": 1, "seed": 2}], ValueError, "and no seed"),
        ([{"a": [1]}], TypeError, r"a must be a string, a number, True, False or None, got \[1\]"),
        ([{"a": 1}, {"a": 1}], ValueError, "grid must hold each setting once"),
        ([{"a": 1, "device": "x"}], ValueError, "device is a column of its own: give the setting another name"),
        ("ab", TypeError, "grid must be a sequence of dicts, a setting each, got "),
    ],
)
def test_a_grid_that_is_none_says_so(grid, error, said):
    with pytest.raises(error, match=said):
        experiments.run(grid, 1)


@pytest.mark.parametrize("seeds", [[], [0, 0], 0])
def test_seeds_that_are_none_say_so(seeds):
    with pytest.raises(ValueError, match="seeds must be at least"):
        experiments.run(GRID, seeds)


def test_numbers_of_numpy_are_numbers(tmp_path):
    grid = [{"setting": np.str_("a"), "size": size} for size in np.array([3, 5])]
    table = rows.Table(tmp_path / "rows.csv", ("setting", "size", "seed"))
    for setting in running.checked_grid(grid):
        table.add(setting | {"seed": 0, "accuracy": np.float64(0.1) + 0.2, "count": np.int64(7)})
    found = experiments.read(tmp_path / "rows.csv")
    assert found["accuracy"].tolist() == [0.1 + 0.2] * 2
    assert found["count"].tolist() == [7, 7]
    assert running._checked_seeds(np.int64(2)) == [0, 1]


def test_results_may_not_take_the_place_of_a_setting():
    run, row = running._one_run(lambda size, seed: {"size": 1, "device": 2}, {"size": 3, "seed": 0}, None)
    assert (run["size"], row["size"]) == (3, 3)
    assert row["error"] == "ValueError: the function must return results under other names than device, size"


@pytest.mark.parametrize(
    "content",
    [
        "name,seed\nx,1\n",
        "my precious notes",
        "setting,size,depth,seed,accuracy\na,3,2,0,0.7\n",
        "setting,size\na,3\n",
    ],
    ids=["other names", "no line", "a name more", "no seed"],
)
def test_a_store_of_another_experiment_is_not_touched(tmp_path, content):
    store = tmp_path / "other.csv"
    store.write_text(content)
    with pytest.raises(ValueError, match=r"with the settings setting, size, seed; those of other.csv are: "):
        experiments.run(GRID, 1, store=store)
    assert store.read_text() == content


ONE_ROW = "setting,size,seed,accuracy,error\n3×3,3,0,0.5,\n".encode()


@pytest.mark.parametrize("cut", ["5×5,5,0,0.".encode(), "5×5".encode()[:2], b"5"], ids=["number", "letter", "start"])
def test_a_last_line_that_was_cut_off_is_no_row(tmp_path, cut):
    store = tmp_path / "rows.csv"
    store.write_bytes(ONE_ROW + cut)
    assert experiments.read(store)["setting"].tolist() == ["3×3"]
    table = rows.Table(store, ("setting", "size", "seed"))
    assert [row["setting"] for row in table.rows] == ["3×3"]
    assert store.read_bytes() == ONE_ROW


# ---- what a spreadsheet, or a hand, made of the rows

NAMES = ("setting", "rate", "frozen", "seed")
WRITTEN = """setting,rate,frozen,seed,accuracy,error
3×3,1e-05,True,0,0.625,
"3×3, twice",0.5,False,0,0.5,
3×3,1e-05,True,1,0.75,
"""
WANTED = [
    {"setting": "3×3", "rate": 1e-5, "frozen": True, "seed": 0},
    {"setting": "3×3, twice", "rate": 0.5, "frozen": False, "seed": 0},
    {"setting": "3×3", "rate": 1e-5, "frozen": True, "seed": 1},
]
UNDERSTOOD = {
    "byte order mark": lambda text: "\ufeff" + text,
    "capitals": lambda text: text.replace("True", "TRUE").replace("False", "FALSE").replace("1e-05", "1.00E-05"),
    "as Windows writes": lambda text: text.replace("\n", "\r\n").replace("0.5,F", "0.50,F"),
    "numbers with a point": lambda text: text.replace(",0,", ",0.0,").replace(",1,", ",1.0,"),
    "a row twice": lambda text: text + text.splitlines()[1] + "\n",
    "the first line twice": lambda text: text + text,
    "sorted": lambda text: "\n".join([*reversed(text.splitlines()[1:]), ""]).join([text.splitlines()[0] + "\n", ""]),
    "empty columns and lines": lambda text: text.replace("\n", ",,\n") + ",,,,,,,\n\n",
    "quotes": lambda text: re.sub(r"(?m)^([^\",]+)", r'"\1"', text),
}


@pytest.mark.parametrize("change", UNDERSTOOD)
def test_rows_that_a_spreadsheet_saved_are_the_same_rows(tmp_path, change):
    store = tmp_path / "rows.csv"
    store.write_bytes(UNDERSTOOD[change](WRITTEN).encode())
    table = rows.Table(store, NAMES)
    assert all(map(table.holds, WANTED))
    assert table.frame(WANTED)["accuracy"].tolist() == [0.625, 0.5, 0.75]
    table.add(WANTED[0] | {"seed": 2, "accuracy": 0.25, "error": ""})
    found = experiments.read(store).sort_values(["seed", "setting"])
    assert found["accuracy"].tolist() == [0.625, 0.5, 0.75, 0.25]
    assert found["rate"].tolist() == [1e-5, 0.5, 1e-5, 1e-5]
    assert found["frozen"].tolist() == [True, False, True, True]
    assert found["setting"].tolist() == ["3×3", "3×3, twice", "3×3", "3×3"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda text: text + text.splitlines()[1].replace("625", "626") + "\n",
            "lines 2 and 5 of .* two results of one run",
        ),
        (lambda text: text + "3×3,1.00E-05,TRUE,0.0,0.5,\n", "lines 2 and 5 of .* hold two results of one run"),
        (lambda text: text + "seed,setting,rate,frozen,error,accuracy\n", "line 5 of .* were two files merged by hand"),
        (lambda text: text + "3×3,1e-05,True\n", "line 5 of .* must hold the 6 columns .* got 3 fields"),
        (lambda text: text + "3×3,1e-05,True,5,0.5,,7\n", "line 5 of .* must hold the 6 columns .* got 7 fields"),
        *((lambda text, name=name: text.encode(name), "must be a CSV file in UTF-8") for name in ("utf-16", "cp1252")),
        (lambda text: text.replace(",", ";").replace(".", ","), "must have commas between its columns, got ';'"),
        (lambda text: text.replace(",", "\t"), r"must have commas between its columns, got '\\t'"),
    ],
)
def test_rows_that_cannot_be_understood_are_refused_with_the_reason_and_kept(tmp_path, change, words):
    store = tmp_path / "rows.csv"
    changed = change(WRITTEN)
    store.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
    before = store.read_bytes()
    for call in (lambda: rows.Table(store, NAMES), lambda: experiments.read(store)):
        with pytest.raises(ValueError, match=words):
            call()
    assert store.read_bytes() == before


def test_a_store_in_the_home_folder_lies_there(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.chdir(tmp_path)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(home))
    monkeypatch.setattr(
        running, "finished", lambda function, runs, jobs, scheduler: in_this_process(function, runs, 1, None)
    )
    monkeypatch.setattr(running, "_prepare_process", lambda parent: None)
    experiments.run([{"a": 1}], 1, store="~/rows.csv", function=lambda a, seed: {"accuracy": 0.5}, progress=False)
    assert experiments.read("~/rows.csv")["accuracy"].tolist() == [0.5]
    assert [path.name for path in home.iterdir()] == ["rows.csv"]
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_a_run_that_ends_its_program_costs_that_run(here):
    def leaves(seed):
        sys.exit("no such file")

    _, row = running._one_run(leaves, {"seed": 0}, None)
    assert row["error"] == "SystemExit: no such file"


@pytest.mark.skipif(sys.platform == "win32", reason="this system has no limit to the size of a file")
def test_a_row_for_which_there_is_no_room_leaves_no_part_of_itself(tmp_path):
    store = tmp_path / "rows.csv"
    store.write_bytes(ONE_ROW)
    program = """
import resource, signal, sys
from cnnlessons.experiments import rows
table = rows.Table(sys.argv[1], ("setting", "size", "seed"))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
row = {"setting": "5×5", "size": 5, "seed": 0, "accuracy": 0.25, "error": ""}
try:
    table.add(row)
except OSError as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
table.add(row)
"""
    said = subprocess.run(
        [sys.executable, "-c", program, str(store), str(len(ONE_ROW) + 4)], capture_output=True, text=True, check=True
    )
    assert said.stdout == "there is no room for another row in rows.csv; all before it are kept\n"
    assert store.read_bytes() == ONE_ROW + "5×5,5,0,0.25,\n".encode()


def test_a_setting_may_be_called_as_pandas_calls_nothing(tmp_path):
    table = rows.Table(tmp_path / "rows.csv", ("setting", "seed"))
    for setting in ("None", "NA", "null"):
        table.add({"setting": setting, "seed": 0, "accuracy": float("nan"), "error": ""})
    found = experiments.read(tmp_path / "rows.csv")
    assert found["setting"].tolist() == ["None", "NA", "null"]
    assert found["accuracy"].isna().all()


def test_rows_that_cannot_be_verified_say_so(tmp_path):
    store = tmp_path / "rows.csv"
    store.write_text("name,seed\nx,1\n")
    with pytest.raises(ValueError, match=r"rows as from run; rows.csv has no column 'error'"):
        experiments.verify(store)
    store.write_text("name,seed,loss,error\nx,1,0.5,\n")
    words = (
        'must have a column "accuracy", .* those of rows.csv are name, seed, loss, error: let the function return it'
    )
    with pytest.raises(ValueError, match=words):
        experiments.verify(store)


def test_a_store_that_another_process_writes_is_left_to_it(start, tmp_path):
    store = tmp_path / "rows.csv"
    process = start(HELD_FROM_SEED="1")
    wait_for(store.is_file)
    words = rf"another run is writing rows.csv \(process {process.pid}\): wait for it, or name another store"
    with pytest.raises(BlockingIOError, match=words):
        experiments.run(GRID, 3, store=store)
    (tmp_path / "go").touch()
    finish(process)
    assert len(rows_in(tmp_path)) == 6
    assert list(tmp_path.glob(".*")) == []


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_a_store_whose_writer_was_killed_is_free_at_once(tmp_path):
    store = tmp_path / "rows.csv"
    program = "import sys, time; from cnnlessons.experiments import rows; lock = rows.sole_writer(sys.argv[1])\n"
    program += "with lock:\n    print(flush=True)\n    time.sleep(100)"
    process = subprocess.Popen([sys.executable, "-c", program, store], stdout=subprocess.PIPE)
    process.stdout.readline()
    with pytest.raises(BlockingIOError, match=f"process {process.pid}"), rows.sole_writer(store):
        pass
    process.kill()
    process.communicate()
    with rows.sole_writer(store):
        with pytest.raises(BlockingIOError, match=f"process {os.getpid()}"), rows.sole_writer(store):
            pass
        with rows.sole_writer(tmp_path / "others.csv"):
            pass
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_place_of_the_lock_does_not_block_and_a_folder_is_named(tmp_path):
    place = tmp_path / ".rows.csv.lock"
    place.write_text("not a lock\n" * 100)
    with rows.sole_writer(tmp_path / "rows.csv"), pytest.raises(BlockingIOError, match=f"process {os.getpid()}"):
        rows.sole_writer(tmp_path / "rows.csv").__enter__()
    place.mkdir()
    words = r"'.*rows\.csv\.lock' cannot be written \(.*\): delete it, or name another store"
    with pytest.raises(OSError, match=words), rows.sole_writer(tmp_path / "rows.csv"):
        pass


@pytest.mark.skipif(not find_spec("keras"), reason="Keras is not installed")
def test_training_writes_nothing_but_the_bar(tmp_path, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "3")
    program = """
from cnnlessons import experiments
stem = {"stem": "learned", "bank": "random", "share": None, "frozen": False, "filters": 2, "size": 3, "width": 2}
grid = [stem | {"dataset": "photo_patches", "per_class": 1, "test_per_class": 1, "epochs": 1}]
if __name__ == "__main__":
    print(experiments.run(grid, 1, 1)["error"].tolist())
"""
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "['']\n"
    lines = [line for line in re.split(r"[\r\n]+", done.stderr) if line]
    assert lines
    assert [line for line in lines if not re.match(r" *\d+%\|.*run", line)] == []


# ---- on other machines


@pytest.fixture
def dask(tmp_path, start):
    """Start a Dask scheduler and workers, each a process of its own: its address and the workers' processes."""
    pytest.importorskip("distributed", reason="Dask is not installed")
    started, place = [], tmp_path / "scheduler.json"

    def begin(command, *options, **environment):
        command = [sys.executable, "-m", f"distributed.cli.{command}", "--no-dashboard", "--scheduler-file", str(place)]
        with (tmp_path / "dask.log").open("a") as log:
            environment = os.environ | environment
            process = subprocess.Popen([*command, *options], cwd=tmp_path, env=environment, stdout=log, stderr=log)
        started.append(process)
        return process

    def cluster(*options, **environment):
        begin("dask_scheduler", "--host", "127.0.0.1", "--port", "0", **environment)
        wait_for(place.is_file)
        address = json.loads(place.read_text())["address"]
        return address, [begin("dask_worker", "--nthreads", "1", *options, **environment) for _ in range(2)]

    yield cluster
    for process in reversed(started):
        process.terminate()
        process.wait()


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no kill -9")
def test_a_worker_of_dask_that_is_killed_costs_no_run(dask, start, tmp_path):
    store = tmp_path / "rows.csv"
    address, workers = dask("--no-nanny", MEET="", HELD_FROM_SEED="2")
    process = start("print(len(rows))", f", seeds=6, scheduler={address!r}")
    wait_for(lambda: store.is_file() and len(set(rows_in(tmp_path)["process"])) == 2)
    workers[0].kill()
    (tmp_path / "go").touch()
    assert finish(process) == "12\n"
    found = rows_in(tmp_path)
    assert len(found) == 12
    assert not found.duplicated(["setting", "seed"]).any()
    assert (found["error"] == "").all()
    assert set(found["threads"]) == {1}
    by_worker = found["process"].value_counts()
    assert set(by_worker.index) == {worker.pid for worker in workers}
    assert by_worker[workers[0].pid] < by_worker[workers[1].pid]
    assert workers[1].poll() is None  # the workers are not ours to end


def test_a_run_that_ends_its_worker_is_kept_with_its_error(dask, start, tmp_path):
    # At its first death (by default a run may end three workers), no other run waits for the same worker, and what the
    # worker finished before has left it: the other five rows and the line of names are in the file.
    once = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0", "DASK_DISTRIBUTED__SCHEDULER__WORKER_SATURATION": "1"}
    address, _ = dask("--no-nanny", DIE="b1", DIE_AFTER_LINES="6", **once)
    assert finish(start("print(len(rows))", f", scheduler={address!r}")) == "6\n"
    found = rows_in(tmp_path)
    (died,) = found[found["error"] != ""].itertuples()
    assert (died.setting, died.seed) == ("b", 1)
    assert died.error.startswith("the process that trained it died")
    assert sorted(zip(found["setting"], found["seed"], strict=True)) == [(s, n) for s in "ab" for n in range(3)]


def test_a_scheduler_that_does_not_answer_is_named():
    pytest.importorskip("distributed", reason="Dask is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConnectionError, match=f"no Dask scheduler answers at '{address}'; start one there with: dask"):
        experiments.run(GRID, 1, scheduler=address)


def test_a_scheduler_without_workers_says_how_to_start_them(monkeypatch):
    distributed = pytest.importorskip("distributed", reason="Dask is not installed")

    class Lonely:
        """A client of a scheduler to which no worker comes."""

        closed = False

        def __init__(self, address, **options):
            pass

        def wait_for_workers(self, count, timeout):
            raise TimeoutError(f"Only 0/{count} workers arrived after {timeout}")

        def close(self):
            Lonely.closed = True

    monkeypatch.setattr(distributed, "Client", Lonely)
    words = "the Dask scheduler at 'tcp://a:1' has no worker; start some with: dask worker tcp://a:1 --nthreads 1"
    with pytest.raises(ConnectionError, match=words):
        experiments.run(GRID, 1, scheduler="tcp://a:1")
    assert Lonely.closed


def test_without_dask_a_scheduler_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)  # an import of it now raises ImportError
    with pytest.raises(ImportError, match=r"a scheduler needs Dask, which is not installed .* pip install distributed"):
        experiments.run(GRID, 1, scheduler="tcp://127.0.0.1:8786")


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


RECORDED = {"dataset": "x", "per_class": 5, "size": None, "share": 0.25, "frozen": False, "setting": "1/4 of it"}


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    """A store of three settings and two seeds, and a run that failed."""
    (tmp_path / "recorded.py").write_text("""
def again(seed, **setting):
    text = " ".join(f"{name}={value!r}" for name, value in setting.items())
    return {"accuracy": seed / 10 + (setting["size"] or 0) / 100, "text": text}

def worse(seed, **setting):
    return {"accuracy": again(seed, **setting)["accuracy"] - 0.03 * seed}

def broken(seed, **setting):
    if seed == 1:
        raise ValueError("no luck")
    return again(seed, **setting)
""")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    import recorded

    grid = [RECORDED | {"size": size, "frozen": size == 3} for size in (None, 3, 5)]
    table = rows.Table(tmp_path / "rows.csv", (*RECORDED, "seed"))
    for run in [setting | {"seed": seed} for seed in range(2) for setting in grid]:
        table.add(run | recorded.again(**run) | {"seconds": 0.5, "error": ""})
    table.add(RECORDED | {"seed": 2, "error": "ValueError: no luck"})
    yield tmp_path / "rows.csv", recorded
    sys.modules.pop("recorded")


def in_this_process(function, runs, jobs, scheduler):
    for run in runs:
        yield running._one_run(function, run, None)[1]


@pytest.fixture
def here(monkeypatch):
    """Make runs in this process, without what prepares another."""
    monkeypatch.setattr(running, "_prepare_process", lambda parent: None)
    monkeypatch.setattr(catalogue, "finished", in_this_process)


def test_runs_that_are_made_again_get_the_settings_that_were_recorded(recorded, here):
    store, functions = recorded
    given = []

    def again(**run):
        given.append(run)
        return functions.again(**run)

    found = experiments.verify(store, count=100, function=again)
    assert len(found) == 6  # not the one that failed
    assert (found["difference"] == 0).all()
    assert (found["error"] == "").all()
    read = experiments.read(store)["text"].tolist()[:6]
    assert [functions.again(**run)["text"] for run in given] == read  # None, 3 rather than 3.0, False rather than 0
    assert [run["seed"] for run in given] == [0, 0, 0, 1, 1, 1]


def test_runs_made_again_are_drawn_by_the_seed(recorded, here):
    store, functions = recorded
    picks = [
        experiments.verify(store, 3, seed=seed, function=functions.again).index.tolist() for seed in (0, 0, 1, 2, 3)
    ]
    assert picks[0] == picks[1]
    assert len({tuple(pick) for pick in picks}) > 1


def test_a_number_that_does_not_come_back_is_reported(recorded, here):
    store, functions = recorded
    found = experiments.verify(store, 6, function=functions.worse).set_index("seed")
    np.testing.assert_allclose(found["difference"], -0.03 * found.index)
    np.testing.assert_allclose(found["again"], found["recorded"] - 0.03 * found.index)
    found = experiments.verify(store, 6, function=functions.broken).set_index("seed")
    assert set(found.loc[1, "error"]) == {"ValueError: no luck"}
    assert found.loc[1, "difference"].isna().all()
    assert (found.loc[0, "difference"] == 0).all()


def test_nothing_to_make_again_is_no_success(tmp_path, recorded):
    store, functions = recorded
    lines = store.read_text().splitlines()
    store.write_text("\n".join([lines[0], lines[-1], ""]))
    with pytest.raises(ValueError, match=r"at least one finished run; rows.csv holds none"):
        experiments.verify(store, function=functions.again)
    with pytest.raises(ValueError, match="count must be"):
        experiments.verify(store, 0, function=functions.again)


def test_the_function_is_that_of_the_experiment_with_these_settings(recorded):
    for known in experiments.EXPERIMENTS.values():
        for setting in known.settings[:1]:
            assert catalogue._function_for(setting) is known.function
    with pytest.raises(ValueError, match=r"rows of none of the course's experiments, stems, .*: pass the function"):
        experiments.verify(recorded[0])


def test_of_two_experiments_with_the_same_settings_each_is_verified_by_its_own_function(
    recorded, here, monkeypatch, capsys
):
    store, functions = recorded
    monkeypatch.setattr(tuning, "EVIDENCE", store.parent)
    for name in ("worse", "again"):
        made = experiments.Experiment(getattr(functions, name), [RECORDED])
        monkeypatch.setitem(experiments.EXPERIMENTS, name, made)
    (store.parent / "again.csv").write_bytes(store.read_bytes())
    assert (experiments.verify("again", 6)["difference"] == 0).all()
    for name, status in (("again", 0), ("worse", 1)):
        assert cli.main(["experiment", name, "--verify", "6", "--store", str(store)]) == status
    with pytest.raises(
        ValueError, match=r"these may be rows of worse or of again, .* same settings: pass the function"
    ):
        experiments.verify(store)


@pytest.fixture
def toy(tmp_path, monkeypatch, here):
    """The experiment of CONTRIBUTING, entered as it says; its rows go into an empty folder."""
    section = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("\n## An experiment\n")[2]
    (code,) = re.findall(r"```python\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    monkeypatch.setattr(running, "finished", in_this_process)
    monkeypatch.setattr(tuning, "EVIDENCE", tmp_path)
    monkeypatch.delitem(experiments.EXPERIMENTS, "toy", raising=False)
    exec(code, {"__name__": "toy", "EXPERIMENTS": experiments.EXPERIMENTS, "Experiment": experiments.Experiment})
    return tmp_path / "toy.csv"


def test_who_follows_what_contributing_says_of_an_experiment_has_one(toy, capsys):
    assert cli.main(["experiment", "toy"]) == 0
    found = experiments.read("toy")
    assert found["seed"].tolist() == [seed for seed in range(10) for _ in range(2)]
    assert (found["error"] == "").all()
    assert f"20 runs in {toy}" in capsys.readouterr().out
    assert cli.main(["experiment", "toy", "--verify", "20"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "x = 1, seed 0: recorded 1.0%, again 1.0%"
    assert out[-1] == "mean difference +0.0 points, 95 % interval +0.0 to +0.0"


def test_an_option_for_which_an_experiment_has_no_setting_is_refused(toy, capsys):
    for option, given in (("dataset", "digits"), ("epochs", "3")):
        assert cli.main(["experiment", "toy", f"--{option}", given, "--store", str(toy)]) == 1
        assert f"{option} must be None for toy, whose settings have none, got" in capsys.readouterr().err
    assert not toy.exists()


def test_an_experiment_on_a_data_set_without_a_count_of_images_is_verified(toy, monkeypatch, capsys):
    made = experiments.Experiment(toy_of_two, [{"setting": "one", "dataset": name} for name in ("digits", "x")])
    monkeypatch.setitem(experiments.EXPERIMENTS, "toy", made)
    assert cli.main(["experiment", "toy", "--dataset", "x", "--seeds", "2"]) == 0
    assert cli.main(["experiment", "toy", "--verify", "1"]) == 0
    assert re.search(r"^one, x, seed \d: recorded 50.0%, again 50.0%$", capsys.readouterr().out, re.MULTILINE)


def toy_of_two(*, setting, dataset, seed):
    return {"accuracy": 0.5}


@pytest.mark.parametrize(("function", "status"), [("again", 0), ("worse", 1), ("broken", 1)])
def test_the_command_fails_if_a_run_comes_out_otherwise(recorded, here, monkeypatch, capsys, function, status):
    store, functions = recorded
    made = experiments.Experiment(getattr(functions, function), [RECORDED])
    monkeypatch.setitem(experiments.EXPERIMENTS, "stems", made)
    assert cli.main(["experiment", "stems", "--verify", "6", "--store", str(store)]) == status
    out, err = capsys.readouterr()
    *lines, mean = out.splitlines()
    assert len(lines) == 6
    same = "mean difference +0.0 points, 95 % interval +0.0 to +0.0"
    assert mean == ("mean difference -1.5 points, 95 % interval -3.2 to +0.2" if function == "worse" else same)
    assert "1/4 of it, x, 5 a class, seed 0: recorded 3.0%, again 3.0%\n" in out
    if function == "worse":
        assert "1/4 of it, x, 5 a class, seed 1: recorded 13.0%, again 10.0%\n" in out
    assert ("not every run came out within 2 points" in err) == bool(status)


def test_rows_that_are_not_there_are_made_only_by_a_command_that_exists(tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "EVIDENCE", tmp_path)
    remedy = "make them with: python3 course.py run cnnlessons experiment stems"
    with pytest.raises(FileNotFoundError, match=rf"no rows in stems.csv; {remedy}$"):
        experiments.read("stems")
    for path in (tmp_path / "stems.csv", "mine"):
        names = ", ".join(experiments.EXPERIMENTS)
        with pytest.raises(FileNotFoundError, match=f"name another file, or one of .*: {names}$") as caught:
            experiments.read(path)
        assert "cnnlessons experiment" not in str(caught.value)


@pytest.mark.parametrize(
    "setting", [None, True, False, 3, -2, 0.1 + 0.2, 1e-7, 3.0, "relu", "1/4 Gabor", "3, 4", "None"]
)
def test_a_setting_is_read_from_its_text_as_it_was(setting):
    read = rows.value(rows._text(setting))
    assert (type(read), read) == (type(setting), setting)


@pytest.fixture(scope="module")
def bakery():
    """Return a function that makes the model of a contestant of the bake-off and counts, for images of 32×32 pixels."""
    pytest.importorskip("keras", reason="Keras is not installed")
    from cnnlessons import models, stems

    def made(setting):
        options = {name: setting[name] for name in ("size", "stride", "activation") if setting[name] is not None}
        stem = getattr(stems, setting["stem"])(filters=setting["filters"], seed=0, **options)
        body = {"pool": setting["pool"], "depth": setting["depth"]}
        channels = 1 if setting["dataset"] in ("mnist", "spectrograms") else 3
        return models.classifier(stem, (32, 32, channels), 10, setting["width"], 0, **body)

    def counted(setting):
        model = made(setting)
        of_stem = models.costs(stems.convolutions(model))._asdict()
        return models.costs(model.layers)._asdict() | {f"stem_{name}": count for name, count in of_stem.items()}

    return counted


def test_every_contestant_of_the_bake_off_is_a_possible_one():
    grid = running.checked_grid(experiments.grid("bakeoff"))
    assert len(grid) == len({(setting["dataset"], setting["setting"]) for setting in grid})
    assert {setting["dataset"] for setting in grid} == {"photo_patches", "cifar10", "mnist", "spectrograms"}


@pytest.mark.parametrize("dataset", ["photo_patches", "mnist"])
def test_contestants_at_equal_cost_have_it_and_the_wide_and_the_deep_have_twice_as_much(bakery, dataset):
    grid = experiments.grid("bakeoff", dataset)
    (middle,) = (setting for setting in grid if setting["setting"] == "5×5, 32 filters")
    cost = bakery(middle)["multiply_adds"]
    groups = (("equal cost", 1, 0.03), ("share of the budget", 1, 0.03), ("wide or deep", 2, 0.05))
    for group, times, within in groups if dataset == "photo_patches" else groups[:1]:
        settings = [setting for setting in grid if setting["group"] == group]
        off = {setting["setting"]: bakery(setting)["multiply_adds"] / (times * cost) - 1 for setting in settings}
        assert len(off) >= 4
        assert {name: share for name, share in off.items() if abs(share) > within} == {}
        assert not any(setting["pool"] for setting in settings)


def test_a_contestant_trained_twice_is_the_same_and_costs_what_its_model_does(bakery):
    grid = experiments.grid("bakeoff", "photo_patches", epochs=2)
    (setting,) = (one for one in grid if one["setting"] == "3×3 twice, ReLU, 22 filters")
    setting |= {"per_class": 3, "test_per_class": 3}
    first, again = (experiments.train_contestant(**setting, seed=1) for _ in range(2))
    times = [(run.pop("forward_ms"), run.pop("training_ms")) for run in (first, again)]
    assert first == again
    assert np.min(times) > 0
    counted = bakery(setting)
    assert {name: first[name] for name in counted} == counted
    assert first["receptive_field"] == 3 + 2 * 2  # the second 3×3 steps over two pixels at a time


@pytest.mark.parametrize("stem", ["fixed", "split", "pass_through", "basis"])
def test_what_is_not_trained_as_a_whole_is_not_frozen_at_first(stem):
    setting = {"stem": stem, "bank": "gabor", "share": None, "dataset": "photo_patches", "per_class": 25, "epochs": 2}
    with pytest.raises(ValueError, match=f"frozen must be False for the stem '{stem}'"):
        experiments.train_stem(**setting, frozen=True, seed=0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["nope"], "there is no experiment 'nope'; the names are: stems, bakeoff"),
        (["stems", "--epochs", "1"], "name a file for them with --store FILE"),
        (["stems", "--dataset", "digits"], "dataset must be one of photo_patches, cifar10"),
        (["stems", "--verify", "2", "--store", "none.csv"], "there are no rows in none.csv"),
        (["stems", "--verify", "2", "--dataset", "cifar10"], "draws from all recorded runs: leave out --dataset"),
    ],
)
def test_the_command_says_what_it_cannot_do(options, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["experiment", *options]) == 1
    assert said in capsys.readouterr().err


def test_a_row_says_at_which_commit_it_was_made_and_whether_the_package_was_changed(tmp_path, monkeypatch):
    package, table = tmp_path / "cnnlessons", tmp_path / "rows.csv"
    (package / "experiments").mkdir(parents=True)
    for file in (package / "ops.py", table):
        file.write_text("one")
    settings = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false"]
    for command in (["init"], ["add", "."], ["commit", "--message=one"]):
        subprocess.run(["git", "-C", tmp_path, *settings, *command], check=True, capture_output=True)
    monkeypatch.setattr(running, "__file__", str(package / "experiments" / "running.py"))
    said = running._commit.__wrapped__
    first = said()
    assert re.fullmatch("[0-9a-f]{7,}", first)
    table.write_text("one and a row more")
    assert said() == first
    (package / "ops.py").write_text("two")
    assert said() == first + "+"
