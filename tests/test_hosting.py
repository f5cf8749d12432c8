"""What the guide for a class on a server says can be done."""

import re
from pathlib import Path

import pytest
from jupyter_server.services.kernels.kernelmanager import MappingKernelManager
from traitlets.config import PyFileConfigLoader

from cnnlessons import lesson

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
