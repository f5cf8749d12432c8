"""What is said of this machine is true."""

import subprocess
import sys
from importlib import metadata

import numpy as np
import pytest

from cnnlessons import datasets, machine


def test_the_machine_has_the_versions_that_are_installed_and_the_data_that_are_there():
    found = machine.machine()
    assert found["NumPy"] == np.__version__
    assert found["scikit-image"] == metadata.version("scikit-image")
    assert found["Python"] == sys.version.split()[0]
    assert int(found["usable cores"]) >= 1
    assert found["data sets, offline"] == ", ".join(source.name for source in datasets.available() if source.offline)
    assert found["photographs, offline"] == str(len(datasets.photographs()))


@pytest.mark.parametrize(
    ("flags", "told"),
    [("flags\t\t: fpu sse4_2 avx avx2", False), ("flags\t\t: fpu sse4_2", True), ("Features\t: fp asimd", False)],
)
def test_a_processor_without_avx_is_described_as_such(monkeypatch, tmp_path, flags, told):
    monkeypatch.setattr(machine, "CPUINFO", tmp_path / "cpuinfo")
    machine.CPUINFO.write_text(f"processor\t: 0\nmodel name\t: avx 3000\n{flags}\n" * 2)
    assert machine.machine()["processor"] == "avx 3000" + (f" ({machine.NO_AVX})" if told else "")


# An illegal instruction, TensorFlow's own end, Windows's name for it.
@pytest.mark.parametrize("status", [-4, -6, 0xC000001D])
def test_a_tensorflow_that_ends_its_process_is_told(monkeypatch, status):
    monkeypatch.setattr(machine.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], status, stdout=""))
    assert f"TensorFlow ended with exit status {status}" in machine.machine(gpu=True)["GPU"]


def test_a_package_that_is_missing_is_said_to_be_missing(monkeypatch):
    missing = {"Keras": ("no-such-keras",), "TensorFlow": ("no-such-thing", "pip-of-none")}
    monkeypatch.setattr(machine, "PACKAGES", missing)
    found = machine.machine()
    assert found["TensorFlow"] == found["Keras"] == "not installed"
    assert found["Keras's backend"].startswith("none: lessons 07, 09, 11")


def test_kerass_backend_is_the_one_that_keras_would_take(monkeypatch, tmp_path):
    monkeypatch.setattr(machine, "PACKAGES", {"Keras": ("numpy",)})
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    settings = tmp_path / "keras.json"
    assert machine.machine()["Keras's backend"] == "tensorflow"
    settings.write_text("not { json")
    assert machine.machine()["Keras's backend"] == "tensorflow"
    settings.write_text('{"backend": "jax"}')
    assert machine.machine()["Keras's backend"] == "jax"
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert machine.machine()["Keras's backend"] == "torch"


@pytest.mark.parametrize(
    ("used", "driver", "said"),
    [
        ("", "", machine.NO_GPU),
        ("", "NVIDIA H200\n", "NVIDIA H200 (which this TensorFlow does not use)"),
        ("NVIDIA H200\nNVIDIA T4\n", "NVIDIA H200\nNVIDIA T4\n", "NVIDIA H200, NVIDIA T4 (usable by TensorFlow)"),
    ],
)
def test_a_gpu_counts_only_if_tensorflow_can_use_it(monkeypatch, used, driver, said):
    def answer(command, **options):
        text = used if command[0] == sys.executable else driver
        return subprocess.CompletedProcess(command, 0, stdout=text)

    monkeypatch.setattr(machine.subprocess, "run", answer)
    monkeypatch.setattr(machine.shutil, "which", lambda name: "/bin/nvidia-smi" if driver else None)
    assert machine.machine(gpu=True)["GPU"] == said
    assert machine.machine()["GPU"] == (", ".join(driver.split("\n")[:-1]) or machine.NO_GPU)


def test_the_table_holds_every_entry_in_plain_text_and_in_html():
    table = machine.Table({"memory": "24 GiB", "GPU": "<none> & none"})
    assert repr(table) == "memory  24 GiB\nGPU     <none> & none"
    html = table._repr_html_()
    assert html.count("<tr>") == 2
    assert "&lt;none&gt; &amp; none" in html
