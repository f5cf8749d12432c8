"""Stem builder: both trainings are those of plain Keras calls, and what is frozen does not move until it may."""

import asyncio
import base64
import io
import re
from importlib import import_module

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow")

from cnnlessons import models, panels, stems, training
from cnnlessons.panels import _training

builder = import_module("cnnlessons.panels.stem_builder")  # the package's attribute is the function
Run, Setting = builder.Run, builder.Setting


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    """No test meets the panel of another."""
    monkeypatch.setattr(_training, "_started", None)


@pytest.fixture(autouse=True, scope="module")
def few_images():
    """Two steps an epoch, so that a test sees several epochs."""
    chosen = builder.images_of(0)
    few = [part[::5] for part in chosen[:2]] + [part[::10] for part in chosen[2:]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(builder, "images_of", lambda seed: few)
        yield


@pytest.fixture(scope="module")
def trained():
    """Trained for two epochs, frozen in the first; and the kernel after that first."""
    run = Run(Setting("gabor", 0.5, frozen=1, seed=3))
    assert run.frozen
    run.advance(2)
    halfway = run.kernel("built")
    run.advance(2)
    return run, halfway


async def until(condition):
    while not condition():
        await asyncio.sleep(0.01)


async def rest(panel):
    """Wait until the panel has come to rest and nothing of it is left in the loop."""
    await until(lambda: not panel.start.disabled)
    await asyncio.gather(panel._task, return_exceptions=True)


# --------------------------------------------------------------------------- the run


def test_the_built_model_is_trained_as_two_phases_of_fit_train_it(trained):
    run, _ = trained
    images, labels, test_images, test_labels = builder.images_of(3)
    model = models.classifier(stems.split("gabor", seed=3), (16, 16, 3), 10, builder.WIDTH, 3)
    rates = (builder.LEARNING_RATE,) * 2
    training.fit_in_two_phases(model, images, labels, 2, 1, ["stem_fixed"], rates, seed=3, progress=False)
    for weights, expected in zip(run.models["built"].get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, rtol=1e-3, atol=1e-4)
    for name in builder.NAMES:
        right = run.models[name].predict_on_batch(test_images).argmax(axis=1) == test_labels
        assert run.tests[-1][name] == right.mean()
    assert run.epochs == len(run.tests) == len(run.drifts) == 2


def test_the_banks_filters_are_still_until_they_are_set_free_and_the_others_move_at_once(trained):
    run, halfway = trained
    start = Run(run.setting).kernel("built")
    np.testing.assert_array_equal(start[..., :16], stems.bank("gabor", 16))
    np.testing.assert_array_equal(halfway[..., :16], start[..., :16])
    assert (halfway[..., 16:] != start[..., 16:]).any(axis=(0, 1, 2)).all()
    assert run.drifts[0]["from the bank"] == 0 < min(run.drifts[0]["beside them"], run.drifts[1]["from the bank"])
    expected = training.drift(start, run.kernel("built"))
    assert run.drift()["from the bank"] == pytest.approx(expected[:16].mean())
    assert run.drift()["beside them"] == pytest.approx(expected[16:].mean())
    assert run.drift()["learned"] > 0
    assert not run.frozen


def test_what_is_always_frozen_is_compiled_as_frozen():
    run = Run(Setting("lines+curves", 1.0, frozen=builder.ALWAYS))
    run._compile()
    assert run.frozen
    assert [layer.trainable for layer in stems.convolutions(run.models["built"])] == [False]
    assert [layer.trainable for layer in stems.convolutions(run.models["learned"])] == [True]
    assert list(run.drift()) == ["from the bank", "learned"]


def test_without_filters_from_the_bank_the_two_are_one_network_and_nothing_is_frozen():
    run = Run(Setting("gabor", 0.0, frozen=3))
    assert not run.frozen
    for one, other in zip(*(model.get_weights() for model in run.models.values()), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("bank", builder.BANKS)
@pytest.mark.parametrize("share", builder.SHARES)
def test_every_bank_and_share_makes_a_network_of_32_filters(bank, share):
    model, given = builder.build(Setting(bank, share, 0, 1))
    layers = stems.convolutions(model)
    assert sum(layer.filters for layer in layers) == 32
    assert sum(layer.filters for layer in given) == 32 * share


# --------------------------------------------------------------------------- the page


def test_the_tiles_show_every_filter_at_its_own_scale_with_gray_at_zero():
    kernel = np.zeros((2, 3, 3, 4))
    kernel[0, 0, 0, 0], kernel[1, 2, 1, 3] = 0.1, -7
    picture = builder.tiles(kernel)
    assert picture.shape == (5, 7, 4)
    assert picture[0, 0].tolist() == [255, 128, 128, 255]
    assert picture[4, 6].tolist() == [128, 0, 128, 255]
    assert picture[2, 0, 3] == picture[0, 3, 3] == 0
    assert (picture[..., 3] > 0).sum() == 4 * 2 * 3


def pictures(page):
    found = re.findall(r"data:image/png;base64,([^\"]+)", page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def test_the_page_shows_both_kernels_and_says_who_stands_where(trained):
    run, _ = trained
    assert "Not trained yet" in builder.page(Run(run.setting))
    page = builder.page(run, "A note.")
    for shown, name in zip(pictures(page), builder.NAMES, strict=True):
        np.testing.assert_array_equal(shown, builder.tiles(run.kernel(name)))
    assert "the first 16 from gabor" in page
    assert f"built <b>{run.tests[-1]['built']:.0%}</b>" in page
    assert "Step <b>4</b>, epoch <b>2.00</b>, all filters are free" in page
    assert "A note." in page
    assert not re.search(r"\bnan\b|\binf\b", re.sub('base64,[^"]+', "", page))


# --------------------------------------------------------------------------- the panel


def test_every_control_begins_anew():
    panel = panels.stem_builder(frozen=0)
    chosen = {"bank": "dct", "share": 0.25, "frozen": 3, "seed": 4}
    for name, value in chosen.items():
        panel.run.steps = 7
        getattr(panel, name).value = value
        assert "Not trained yet" in panel.page.value
    assert panel.setting == panel.run.setting == Setting(**chosen)
    assert repr(panel) == "Stem builder: 8 of 32 filters from dct, frozen for 3 epochs, seed 4"
    assert panel.page.value == builder.page(Run(Setting(**chosen)))


def test_before_a_slow_step_the_reader_is_told(monkeypatch):
    panel = panels.stem_builder(frozen=3)
    said = []
    monkeypatch.setattr(panel.run, "advance", lambda steps: said.append(panel.page.value))
    panel.step()
    monkeypatch.setattr(panel.run, "steps", 1)
    panel.step()
    assert ["takes some seconds" in page for page in said] == [True, False]


def test_it_makes_a_step_on_demand_and_trains_by_itself_until_it_is_paused(monkeypatch):
    monkeypatch.setattr(_training, "EPOCHS", 10**9)  # however fast the machine, it does not come to rest by itself
    panel = panels.stem_builder(frozen=0)
    panel.forward.click()
    assert "Step <b>1</b>" in panel.page.value

    async def reader():
        panel.start.click()
        await until(lambda: panel.run.steps >= 3)
        panel.pause.click()
        await rest(panel)
        assert asyncio.all_tasks() == {asyncio.current_task()}  # so no step is still to come

    asyncio.run(reader())
    assert f"Step <b>{panel.run.steps}</b>" in panel.page.value
    panel.again.click()
    assert "Not trained yet" in panel.page.value


def test_a_second_panel_stops_the_first(monkeypatch):
    monkeypatch.setattr(_training, "EPOCHS", 10**9)

    async def reader():
        first = panels.stem_builder()
        first.start.click()
        await until(lambda: first.run.steps)
        panels.stem_builder()
        await rest(first)

    asyncio.run(reader())


def test_an_error_is_shown_and_raised(monkeypatch):
    panel = panels.stem_builder()
    monkeypatch.setattr(builder, "page", lambda run, note="": 1 / 0)
    with pytest.raises(ZeroDivisionError):
        panel.seed.value = 3
    assert "could not draw this (ZeroDivisionError)" in panel.problem.value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"bank": "curves"}, "bank must be one of derivatives, .* got 'curves'"),
        ({"share": 0.1}, r"share must be one of 0\.0, 0\.25, 0\.5, 0\.75, 1\.0, got 0\.1"),
        ({"frozen": 2}, "frozen must be one of 0, 3, 6, 1000, got 2"),
        ({"seed": 10}, "seed must be from 0 to 9, got 10"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
    ],
)
def test_what_it_cannot_build_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        panels.stem_builder(**arguments)
