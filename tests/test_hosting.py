"""What the guide for a class on a server says can be done."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from jupyter_server.services.kernels.kernelmanager import MappingKernelManager
from traitlets.config import PyFileConfigLoader

from cnnlessons import exercises, lesson
from cnnlessons.notebooks import LESSONS

HOSTING = Path(__file__).parents[1] / "hosting"


@pytest.fixture
def settings():
    return PyFileConfigLoader("jupyterhub_config.py", path=str(HOSTING)).load_config()


def test_what_a_student_s_server_is_told_of_kernels_it_knows(settings):
    for option in settings.Spawner.args:
        name, value = re.fullmatch(r"--MappingKernelManager\.(\w+)=(\d+)", option).groups()
        MappingKernelManager(**{name: int(value)})  # refuses what it does not know
        assert name in MappingKernelManager.class_trait_names(config=True)


def test_the_limit_of_memory_leaves_room_for_tensorflow(settings):
    gibibytes = float(settings.Spawner.mem_limit.removesuffix("G"))
    assert gibibytes * 2**30 >= lesson.ENOUGH_FOR_TENSORFLOW


def test_jupyterhub_knows_each_setting(settings):
    spawner = pytest.importorskip("jupyterhub.spawner").Spawner
    known = spawner.class_traits(config=True)
    for name, value in settings.Spawner.items():
        known[name].validate(spawner(), value)


def test_the_files_that_the_guide_names_are_there():
    guide = (HOSTING / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"\b(hosting/[\w.]+|requirements[\w.]+)", guide)
    assert len(set(named)) >= 3
    assert not [name for name in named if not (HOSTING.parent / name).is_file()]


@pytest.mark.skipif(shutil.which("bash") is None, reason="the guide is for a machine with bash")
@pytest.mark.parametrize("number", ["04", "02"])
def test_what_the_guide_collects_holds_every_exercise_of_the_lesson(tmp_path, number):
    guide = (HOSTING / "README.md").read_text(encoding="utf-8")
    loop = re.search(r"(?m)^lesson=04\n(?:.*\n)*?done$", guide)[0]
    for name in ("ada", "ben"):
        copy = shutil.copytree(LESSONS, tmp_path / f"home/jupyter-{name}/cnnlessons/notebooks", symlinks=True)
        (copy / ".ipynb_checkpoints").mkdir(exist_ok=True)
        (copy / ".ipynb_checkpoints" / f"{number}_old-checkpoint.ipynb").touch()
    script = loop.replace("lesson=04", f"lesson={number}").replace("cd /home", f"cd '{tmp_path}/home'")
    script = f'set -e\nsudo() {{ "$@"; }}\n{script}'
    subprocess.run(["bash", "-c", script], env=os.environ | {"HOME": str(tmp_path)}, check=True)
    assert sorted(path.name for path in (tmp_path / "handed_in").iterdir()) == ["ada", "ben"]
    handed_in = list((tmp_path / "handed_in" / "ada").iterdir())
    text = "".join(path.read_text(encoding="utf-8") for path in handed_in)
    asked = {name for name in exercises.names() if name.startswith(number)}
    assert set(re.findall(r'exercises\.check\(\\"(.+?)\\"', text)) == asked
    assert not [path for path in handed_in if "checkpoint" in path.name]
