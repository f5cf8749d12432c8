"""The sleeping cue shows what the plain functions make, at the ends of its controls."""

from importlib import import_module

import numpy as np
import pytest

from cnnlessons import panels

lab = import_module("cnnlessons.panels.sleeping_cue")


@pytest.fixture(scope="module")
def panel():
    return panels.sleeping_cue()


def test_a_cue_that_is_removed_sleeps_and_counter_examples_wake_the_network():
    removed, some = lab.course(0.0), lab.course(0.05)
    assert removed.follows[0] == some.follows[0] > 0.9
    for each in (removed, some):
        assert each.accuracy[-1] > 0.95
    assert removed.follows[-1] > 0.1 > 0.05 > some.follows[-1]


def test_a_frozen_first_layer_keeps_its_share_of_the_cue_and_a_free_one_does_not():
    assert np.ptp(lab.course(0.05, frozen=True).share) == 0
    assert lab.course(0.05).share[-1] < 0.6 * lab.course(0.05).share[0]


def test_a_course_is_the_same_again_and_leaves_the_network_it_began_with_as_it_was():
    before = {name: array.copy() for name, array in lab.taught_by_cue().parameters().items()}
    again = lab.course.__wrapped__(0.05)
    assert all(np.array_equal(*pair) for pair in zip(again, lab.course(0.05), strict=True))
    assert all(np.array_equal(array, before[name]) for name, array in lab.taught_by_cue().parameters().items())


def test_every_control_shows_what_the_functions_make(panel):
    panel.dose.value, panel.epochs.value, panel.frozen.value = 0.05, 3, True
    assert panel.page.value == lab.page(0.05, 3, True)
    assert repr(panel) == "Sleeping cue: 5% counter-examples, 3 epochs, first layer frozen"
    follows = lab.course(0.05, True).follows[3]
    assert f"{100 * follows:.0f} % are read as the texture says" in panel.page.value
    panel.again.click()
    assert panel.page.value == lab.page(0.0, lab.EPOCHS, False)


def test_the_button_goes_an_epoch_on_and_from_the_last_one_to_the_start(panel):
    panel.again.click()
    panel.forward.click()
    assert panel.epochs.value == 0
    assert "After 0 epochs" in panel.page.value
    panel.forward.click()
    assert panel.page.value == lab.page(0.0, 1, False)
    panel.again.click()


def test_other_starting_weights_are_another_network(panel):
    before = panel.page.value
    panel.draw_again.click()
    assert panel.page.value == lab.page(0.0, lab.EPOCHS, False, 1) != before
    panel.again.click()
    assert panel.page.value == before


@pytest.mark.parametrize("dose", [-0.1, 0.5, None])
def test_a_dose_that_is_not_offered_is_refused(dose):
    with pytest.raises(ValueError, match="dose must be one of"):
        lab.course(dose)
