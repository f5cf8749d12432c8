"""The experiment "robust": what a run measures, that it is the same again, and which filters see colour alone."""

import numpy as np
import pytest

pytest.importorskip("keras")

from cnnlessons import experiments, stems
from cnnlessons.experiments import classification, robust

QUICK = {"per_class": 8, "test_per_class": 2, "epochs": 2, "attack_steps": 3, "filters": 8}


@pytest.mark.usefixtures("step_by_step")
@pytest.mark.parametrize("name", ["fixed Gabor", "PGD 0.01"])
def test_a_run_is_the_same_again_and_no_attack_leaves_more_than_a_smaller_one(name):
    setting = next(each for each in robust.SETTINGS if each["setting"] == name)
    found = robust.train_robust(**setting | QUICK, seed=1)
    assert found == robust.train_robust(**setting | QUICK, seed=1)
    assert found["accuracy"] >= found["attacked"] >= found["attacked_twice"] >= 0


def test_settings_are_paired_and_each_is_there_once():
    names = {(each["dataset"], each["group"], each["setting"]) for each in robust.SETTINGS}
    assert len(names) == len(robust.SETTINGS) == len(experiments.grid("robust"))
    for dataset, group in {(dataset, group) for dataset, group, _ in names}:
        assert (dataset, group, "learned" if group == "stems" else "undefended") in names


def test_colour_filters_do_not_see_light_and_grey_ones_see_nothing_else():
    colour, grey = robust._kernel("colour gabor", 32, 5, 3), stems.bank("grey gabor", 32, 5, 3)
    assert colour.shape == grey.shape == (5, 5, 3, 32)
    assert np.abs(colour.sum(axis=2)).max() < 1e-6
    assert np.abs(grey - grey.mean(axis=2, keepdims=True)).max() < 1e-6


def test_the_digits_of_a_seed_are_drawn_from_the_training_part():
    data, checksum = classification.loaded("digits", 20, 5, 0)
    assert np.bincount(data.train_labels).tolist() == [20] * 10
    assert len(data.test_labels) == 364
    assert checksum != classification.loaded("digits", 20, 5, 1)[1]
