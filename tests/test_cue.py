"""The experiment "cue": what a run measures, that it is the same again, and what is trained in which phase."""

import numpy as np
import pytest

pytest.importorskip("keras")

from cnnlessons import datasets, experiments
from cnnlessons.experiments import cue

QUICK = {"per_class": 5, "test_per_class": 1, "first_epochs": 1, "epochs": 1, "filters": 4}
SETTINGS = {setting["setting"]: setting for setting in cue.SETTINGS}


def run(name):
    return cue.train_cue(**SETTINGS[name] | QUICK, seed=1)


@pytest.mark.usefixtures("step_by_step")
def test_a_run_is_the_same_again_and_a_frozen_stem_keeps_its_share():
    frozen = run("removed, stem frozen")
    assert frozen["share"] == frozen["share_before"]
    free = run("removed")
    assert free["accuracy_before"] == frozen["accuracy_before"]
    assert free["share"] != free["share_before"] == frozen["share_before"]
    cue._first_phase.cache_clear()
    assert run("removed, stem frozen") == frozen


def test_settings_are_paired_and_each_is_there_once():
    assert len(SETTINGS) == len(cue.SETTINGS) == len(experiments.grid("cue"))


def test_the_share_of_a_checkerboard_is_1_and_of_light_0():
    squares = (-1.0) ** np.indices((5, 5)).sum(0)
    of_colour = np.einsum("hw,c->hwc", squares, [1, -1, 0])[..., np.newaxis]
    assert cue.share(of_colour) == pytest.approx(1)
    assert cue.share(np.abs(of_colour[..., :1, :]).repeat(3, axis=2)) == 0


def test_marks_of_two_classes_are_never_the_same_squares():
    """With as many colours as classes those on opposite sides would be: one square further."""
    paper = np.full((10, 16, 16, 3), 0.5, np.float32)
    marked, places = datasets.marked(paper, np.arange(10), 0, **cue.MARK)
    boards = (marked - paper)[places].reshape(10, -1)
    likeness = np.corrcoef(boards)[np.triu_indices(10, 1)]
    assert np.abs(likeness).max() < 0.97


def test_a_dose_is_the_share_of_images_with_a_mark_of_any_class():
    images = np.full((400, 16, 16, 3), 0.5, np.float32)
    for dose in (0.0, 0.05, 1.0):
        dosed = cue._dosed(images, dose, np.random.default_rng(0))
        changed = (dosed != images).any(axis=(1, 2, 3)).mean()
        assert changed == pytest.approx(dose, abs=0.03)
