"""Training dashboard: what it shows is what the network did, and it stops and goes on when it is told to."""

import asyncio
import re
import threading
from importlib import import_module
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnnlessons import datasets, panels, plots
from cnnlessons.optimizers import Adam
from cnnlessons.panels import _charts, _training

dashboard = import_module("cnnlessons.panels.training_dashboard")  # the package's attribute is the function


@pytest.fixture
def endless(monkeypatch):
    """However fast the machine, no training comes to rest by itself."""
    monkeypatch.setattr(_training, "EPOCHS", 10**9)


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No test meets the dashboard of another."""
    monkeypatch.setattr(_training, "_started", None)


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


async def rest(panel):
    """Wait until the panel has come to rest and nothing of it is left in the loop."""
    await until(lambda: not panel.start.disabled)
    await asyncio.gather(panel._task, return_exceptions=True)


def same_weights(one, other):
    return all(np.array_equal(array, other.parameters()[name]) for name, array in one.parameters().items())


def steps_shown(panel):
    found = re.search(r"Step <b>([\d,]+)</b>", panel.page.value)
    return int(found[1].replace(",", "")) if found else 0


# --------------------------------------------------------------------------- the run


def test_there_is_no_network_for_other_data():
    with pytest.raises(ValueError, match="data must be one of digits, lines, got 'faces'"):
        dashboard.network("faces")


def test_a_run_trains_as_the_network_does_by_itself():
    run = dashboard.Run("lines", "Adam", 0.01, 32, seed=2)
    run.advance(30)
    lines = datasets.load("lines", size=12, count=500)
    alone = dashboard.network("lines", seed=2)
    steps = alone.training_steps(lines.train_images, lines.train_labels, 9, 32, Adam(0.01), seed=2)
    seen, sizes = [], []
    for _ in range(30):
        seen.append(next(steps))
        sizes.append(np.linalg.norm(alone.gradients()["conv2d_0.kernel"]))
    assert same_weights(run.network, alone)
    assert run.record.losses == [step.loss for step in seen]
    assert run.record.accuracies == [step.accuracy for step in seen]
    np.testing.assert_allclose(run.record.gradients["conv2d_0"], sizes, rtol=1e-6)
    assert list(run.record.gradients) == ["conv2d_0", "dense_3"]


def test_the_test_images_are_read_after_each_epoch_and_not_in_between():
    run = dashboard.Run("lines", batch_size=128)  # 400 images: 4 steps an epoch
    run.advance(3)
    assert run.record.tests == {}
    run.advance(6)
    lines = datasets.load("lines", size=12, count=500)
    assert list(run.record.tests) == [4, 8]
    assert run.epochs == pytest.approx(8 / 4 + 128 / 400)
    run.advance(3)
    assert run.record.tests[12] == run.network.evaluate(lines.test_images, lines.test_labels).accuracy


def test_a_new_learning_rate_acts_at_the_next_step_and_nothing_is_forgotten():
    run, steady = (dashboard.Run("lines", "SGD", 0.01) for _ in range(2))
    run.advance(5)
    steady.advance(5)
    run.use("SGD", 0.1, 32)
    before = run.network.layers[0].kernel.copy()
    run.advance(1)
    steady.advance(1)
    moved = run.network.layers[0].kernel - before
    np.testing.assert_allclose(moved, 10 * (steady.network.layers[0].kernel - before), rtol=1e-2, atol=1e-6)
    assert run.network.training.step == 6  # the same training


@pytest.mark.parametrize("settings", [("momentum", 0.01, 32), ("SGD", 0.01, 8)])
def test_another_optimiser_or_batch_size_goes_on_from_the_weights_that_are_there(settings):
    run = dashboard.Run("lines", "SGD", 0.01, 32)
    run.advance(5)
    before = run.network.copy()
    run.use(*settings)
    assert same_weights(run.network, before)
    run.advance(1)
    assert not same_weights(run.network, before)
    assert len(run.record.losses) == 6
    assert run.network.optimizer.settings()["momentum"] == (0.9 if settings[0] == "momentum" else 0)
    assert run.network.training.batch_size == settings[2]


# --------------------------------------------------------------------------- the page


@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=400), st.integers(1, 50))
def test_thinning_keeps_the_mean_and_the_last_step(values, most):
    steps, means = dashboard.thinned(values, most)
    assert len(steps) == len(means) <= most
    assert steps[-1] == len(values)
    assert np.sum(means * np.diff(steps, prepend=0)) == pytest.approx(np.sum(values), abs=1e-6)
    assert min(values) - 1e-9 <= means.min() <= means.max() <= max(values) + 1e-9


@given(st.floats(0, 1e9))
def test_an_axis_begins_at_0_ends_above_all_values_and_has_few_ticks(largest):
    place_of, ticks = _charts.up_to(np.array([largest]))
    values = [value for value, _ in ticks]
    assert values[0] == 0
    assert values[-1] >= largest
    assert 3 <= len(ticks) <= 5
    assert place_of(0) == 0
    assert place_of(values[-1]) == pytest.approx(1)
    assert place_of(max(largest, 1e-3)) > 0.5  # a curve is not pressed to the floor


def test_a_decade_is_as_high_as_any_other_and_zero_is_drawn_at_the_floor():
    place_of, ticks = dashboard._decades({"layer": (np.arange(3), np.array([0.0, 2.0, 300.0]))})
    assert ticks[0][1] == "1e-08"
    assert place_of(0) == pytest.approx(0)
    assert place_of(1000) == pytest.approx(1)
    assert place_of(10) - place_of(1) == pytest.approx(place_of(0.1) - place_of(0.01))


def test_a_falling_loss_is_a_falling_curve_within_its_drawing():
    chart = _charts.chart({"": (np.arange(1, 5), np.array([4.0, 3.0, 2.0, 1.0]))}, 4, _charts.up_to([4.0]))
    points = re.search(r'<polyline points="([^"]*)"', chart)[1]
    across, down = np.array([point.split(",") for point in points.split()], float).T
    assert (np.diff(across) > 0).all()
    assert (np.diff(down) > 0).all()  # the page counts downwards
    assert across[-1] == _charts.FRAME.wide
    assert down[0] == 0
    assert down[-1] == pytest.approx(0.75 * (_charts.FRAME.high - _charts.FRAME.below))


def test_kernels_are_drawn_with_one_scale_white_at_zero():
    kernel = np.zeros((2, 2, 1, 4))
    kernel[0, 1, 0, 0], kernel[1, 0, 0, 3] = 2.0, -1.0
    drawing = dashboard.kernels_picture(kernel)
    table = plots.colour_table(plots.SIGNED)
    colours = [tuple(map(int, found)) for found in re.findall(r"rgb\((\d+),(\d+),(\d+)\)", drawing)]
    assert len(colours) == 16
    assert min(min(colour) for colour in colours if colour not in (tuple(table[255]), tuple(table[64]))) > 240
    assert colours[1] == tuple(table[255])  # the first kernel, row 0, column 1: red
    assert colours[14] == tuple(table[64])  # the last, row 1, column 0: half as far, blue
    assert "blue −2.00, white 0, red 2.00" in drawing


def test_kernels_that_have_diverged_can_still_be_drawn():
    drawing = dashboard.kernels_picture(np.array([np.nan, np.inf, 1.0, -1.0]).reshape(2, 2, 1, 1))
    assert "blue −1.00, white 0, red 1.00" in drawing


def test_an_untrained_network_shows_its_kernels_and_no_number():
    panel = panels.training_dashboard()
    assert "Not trained yet" in panel.page.value
    assert panel.page.value == dashboard.page(dashboard.Run())
    assert panel.page.value.count("<rect") == 9 * 8
    assert "nan" not in panel.page.value


# --------------------------------------------------------------------------- the panel


def test_steps_can_be_made_without_a_browser_and_a_reset_leads_back():
    panel = panels.training_dashboard("lines")
    untrained = panel.page.value
    panel.step(25)
    assert steps_shown(panel) == 25
    panel.forward.click()
    assert steps_shown(panel) == 26
    assert panel.page.value == dashboard.page(panel.run)
    panel.again.click()
    assert panel.page.value == untrained
    panel.step(26)
    again = dashboard.Run("lines")
    again.advance(26)
    assert panel.page.value == dashboard.page(again)


def test_every_setting_trains_at_its_extremes():
    for data, optimizer in product(dashboard.DATA, dashboard.OPTIMIZERS):
        panel = panels.training_dashboard(data, optimizer, 0.0001, 8)
        panel.step(2)
        panel.learning_rate.value, panel.batch_size.value = 1.0, 128
        panel.step(13)  # more than an epoch
        assert panel.problem.value == ""
        assert steps_shown(panel) == 15
        assert "nan" not in panel.page.value


def test_another_data_set_begins_again():
    panel = panels.training_dashboard("digits")
    panel.step(3)
    panel.data.value = "lines"
    assert "Not trained yet" in panel.page.value
    assert panel.run.network.input_shape == (12, 12, 1)


def test_it_trains_in_the_background_until_pause_and_goes_on_from_there(endless):
    panel = panels.training_dashboard("lines")
    panel.step(1)  # the data are loaded

    async def reader():
        panel.start.click()
        assert (panel.start.disabled, panel.pause.disabled) == (True, False)
        await until(lambda: len(panel.run.record.losses) > 3)
        panel.learning_rate.value = 0.01  # a control moved meanwhile is heard
        await until(lambda: panel.run.network.optimizer.learning_rate == 0.01)
        panel.pause.click()
        await rest(panel)
        assert panel.pause.disabled
        assert asyncio.all_tasks() == {asyncio.current_task()}  # so no step is still to come
        paused = len(panel.run.record.losses)
        assert paused == steps_shown(panel)
        panel.start.click()
        await until(lambda: len(panel.run.record.losses) > paused)
        panel.stop()
        await rest(panel)

    asyncio.run(reader())


def test_clicks_from_another_thread_are_not_lost_in_the_midst_of_a_step(endless):
    panel = panels.training_dashboard("lines")
    panel.step(1)
    inside, told = threading.Event(), threading.Event()
    advance = panel.run.advance

    def slow_advance(steps=1):
        inside.set()
        told.wait()  # the click comes now
        advance(steps)

    panel.run.advance = slow_advance

    def click():
        inside.wait()
        panel.learning_rate.value = 0.1
        panel.pause.click()
        told.set()

    async def reader():
        threading.Thread(target=click).start()
        panel.start.click()
        await rest(panel)

    asyncio.run(reader())
    assert panel.run.network.optimizer.learning_rate == 0.1
    assert panel.problem.value == ""


def test_pause_and_start_in_one_breath_do_not_train_twice(endless):
    panel = panels.training_dashboard("lines")
    panel.step(1)

    async def reader():
        panel.start.click()
        for _ in range(5):
            panel.pause.click()
            panel.start.click()
        pictures = []
        panel.page.observe(pictures.append, "value")
        await until(lambda: len(pictures) > 5)
        assert sum(task.get_coro().__name__ == "_train" for task in asyncio.all_tasks()) == 1
        panel.stop()
        await rest(panel)

    asyncio.run(reader())


def test_it_comes_to_rest_by_itself(monkeypatch):
    monkeypatch.setattr(_training, "EPOCHS", 1)
    panel = panels.training_dashboard("lines", batch_size=128)
    panel.step(1)

    async def reader():
        panel.start.click()
        await rest(panel)

    asyncio.run(reader())
    assert 5 <= len(panel.run.record.losses) == steps_shown(panel)


def test_at_most_ten_pictures_a_second(monkeypatch):
    panel = panels.training_dashboard("lines")
    panel.step(1)
    drawn = []
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)
    monkeypatch.setattr(_training, "time", clock)
    monkeypatch.setattr(panel.run, "advance", lambda *_: setattr(clock, "now", clock.now + 0.03))  # a step's seconds
    monkeypatch.setattr(dashboard, "page", lambda run: f"{clock.now:.2f} s")
    panel.page.observe(lambda change: drawn.append(clock.now), "value")

    async def reader():
        panel.start.click()
        await until(lambda: len(drawn) > 5)
        panel.stop()
        await rest(panel)

    asyncio.run(reader())
    np.testing.assert_allclose(np.diff(drawn[:5]), 0.12)  # four steps: the first whole number of them in a BURST of 0.1
    assert _training.BURST == 0.1


def test_a_second_dashboard_stops_the_first(endless):
    async def reader():
        first = panels.training_dashboard("lines")
        first.start.click()
        await until(lambda: first.run.record.losses)
        second = panels.training_dashboard("lines")
        await rest(first)
        second.start.click()
        first.start.click()
        await rest(second)
        assert first.start.disabled
        first.stop()
        await rest(first)

    asyncio.run(reader())


def test_a_reset_ends_the_training(endless):
    panel = panels.training_dashboard("lines")

    async def reader():
        panel.start.click()
        await until(lambda: panel.run.record.losses)
        panel.again.click()
        await rest(panel)

    asyncio.run(reader())
    assert "Not trained yet" in panel.page.value


def test_without_a_loop_the_reader_is_told_what_works():
    panel = panels.training_dashboard("lines")
    panel.start.click()
    assert ".step(100)" in panel.problem.value
    assert not panel.start.disabled


def panel_whose_second_step_raises(error, monkeypatch):
    def broken(*_):
        raise error

    panel = panels.training_dashboard("lines")
    panel.step(1)
    monkeypatch.setattr(panel.run.network, "train_step", broken)
    return panel


def test_a_divergence_is_explained_and_stops_the_training(monkeypatch):
    error = FloatingPointError("the network's outputs are no longer finite")
    panel = panel_whose_second_step_raises(error, monkeypatch)

    async def reader():
        panel.start.click()
        await rest(panel)

    asyncio.run(reader())
    assert "Diverged: the network&#x27;s outputs" in panel.problem.value
    assert "press Reset" in panel.problem.value
    assert not panel.start.disabled
    panel.forward.click()
    assert "Diverged" in panel.problem.value
    panel.again.click()
    assert panel.problem.value == ""
    panel.step(2)
    assert steps_shown(panel) == 2


def test_an_error_while_it_trains_by_itself_stays_on_show(monkeypatch):
    panel = panel_whose_second_step_raises(MemoryError("no room for a batch"), monkeypatch)

    async def reader():
        panel.start.click()
        await rest(panel)
        with pytest.raises(MemoryError):
            await panel._task

    asyncio.run(reader())
    assert "(MemoryError): no room for a batch" in panel.problem.value
    assert not panel.start.disabled


def test_an_error_in_the_code_of_the_page_is_shown_and_raised(monkeypatch):
    panel = panels.training_dashboard("lines")
    monkeypatch.setattr(dashboard, "page", lambda run: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        panel.step(1)
    assert "could not draw this (ZeroDivisionError)" in panel.problem.value


def test_its_stored_output_is_the_same_every_time():
    text = "Training dashboard: digits, Adam, learning rate 0.003, batches of 32"
    assert repr(panels.training_dashboard()) == repr(panels.training_dashboard()) == text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"data": "letters"}, "data must be one of digits, lines, got 'letters'"),
        ({"optimizer": "adam"}, "optimizer must be one of SGD, momentum, Adam, got 'adam'"),
        ({"learning_rate": 2}, r"learning_rate must be a number from 0\.0001 to 1, got 2"),
        ({"batch_size": 64}, "batch_size must be one of 8, 32, 128, got 64"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_what_it_cannot_do_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        panels.training_dashboard(**arguments)
