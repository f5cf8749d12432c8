"""Stem explorer: what it counts, shows and says is what the functions beside it measure, at every extreme."""

import base64
import io
import re
from importlib import import_module
from itertools import product

import numpy as np
import pytest
from PIL import Image

from cnnlessons import capacity, datasets, panels

explorer = import_module("cnnlessons.panels.stem_explorer")  # the package's attribute is the function
Setting = explorer.Setting


def bold(text):
    return re.findall(r"<b>(.*?)</b>", text)


# --------------------------------------------------------------------------- numbers


def test_more_filters_are_the_same_ones_and_some_more():
    few, many = (explorer.kernel_of(Setting(filters=filters)) for filters in (7, 40))
    np.testing.assert_array_equal(few, many[..., :7])
    assert not np.array_equal(few, explorer.kernel_of(Setting(filters=7, seed=1)))
    assert explorer.kernel_of(Setting(7, filters=64)).var() * 7 * 7 * 3 == pytest.approx(1, rel=0.05)


def test_what_comes_back_has_the_activations_that_were_given():
    for setting in (Setting(), Setting(filters=6), Setting(3, 1, 1, 2), Setting(filters=6, relu=True)):
        measured, kernel = explorer.measure(setting), explorer.kernel_of(setting)
        given, found = (
            capacity.periodic_conv2d(image[None], kernel, stride=setting.stride)
            for image in (measured.image, measured.back)
        )
        if setting.relu:
            given, found = np.maximum(given, 0), np.maximum(found, 0)
        np.testing.assert_allclose(found, given, atol=1e-6)
        assert measured.error == pytest.approx(np.sqrt(((measured.back - measured.image) ** 2).mean()))
        assert measured.positive == pytest.approx((given > 0).mean())


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (Setting(filters=32), "comes back"),
        (Setting(filters=11), "does not come back"),
        (Setting(filters=64, relu=True), "comes back"),
        (Setting(filters=12, relu=True), "does not come back"),
        (Setting(kernel_size=1, stride=2, filters=64), "does not come back"),  # three of four pixels lie in no window
        (Setting(kernel_size=1, stride=1, filters=3), "comes back"),
    ],
)
def test_the_verdict_says_whether_the_photograph_comes_back(setting, said):
    measured = explorer.measure(setting)
    assert bold(explorer.verdict(setting, measured)) == [said]
    assert (measured.error < 1e-3) == (said == "comes back")


def test_with_relu_the_verdict_says_how_many_numbers_pass():
    setting = Setting(filters=64, relu=True)
    measured = explorer.measure(setting)
    passed = np.maximum(capacity.periodic_conv2d(measured.image[None], explorer.kernel_of(setting), stride=2), 0) > 0
    text = explorer.verdict(setting, measured)
    assert f"lets {passed.mean():.0%} of the activations" in text
    assert f"{passed.sum() / measured.image.size:.2f} for each number of the image" in text


def test_a_search_that_was_cut_short_is_called_so(monkeypatch):
    monkeypatch.setattr(explorer, "ITERATIONS", 2)
    setting = Setting(filters=32, relu=True)
    assert "After 2 iterations the activations still differ by" in explorer.verdict(setting, explorer.measure(setting))


def test_the_facts_are_the_counts():
    found = explorer.facts(explorer.measure(Setting(filters=11)))
    assert found["Per patch"] == "75 → 11 = <b>× 0.15</b>"
    assert bold(found["A pixel lies in"]) == ["6.25"]
    assert found["Per image"] == "6,912 → 6,336 = <b>× 0.92</b>"
    assert bold(found["Rank"]) == ["6,336", "576"]
    assert found["Condition number"].endswith("of what is left")
    assert "none lost" in explorer.facts(explorer.measure(Setting()))["Rank"]


# --------------------------------------------------------------------------- pictures


def pictures(page):
    found = re.findall(r"data:image/png;base64,([^\"]+)", page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


@pytest.mark.parametrize("channels", [1, 3])
def test_the_pictures_hold_the_photograph_and_what_came_back(channels):
    setting = Setting(channels=channels, filters=2)
    measured = explorer.measure(setting)
    photograph, back = pictures(explorer.page(setting))
    expected = datasets.photograph("chelsea", size=explorer.SIDE, gray=channels == 1)
    expected = expected if channels == 3 else np.stack([expected] * 3, axis=2)
    np.testing.assert_array_equal(photograph, np.rint(expected * 255))
    np.testing.assert_array_equal(back, explorer.pixels(measured.back))
    assert abs(back.astype(float) - photograph).mean() > 5


def test_the_curve_goes_from_one_to_the_inverse_of_the_condition_number():
    spectrum = explorer.measure(Setting(filters=11)).spectrum
    share, size = explorer.curve(spectrum)
    assert len(share) == len(size) == 120
    assert size[0] == 1
    assert size[-1] == pytest.approx(1 / spectrum.condition_number)
    assert share[-1] == pytest.approx(spectrum.rank / spectrum.inputs)
    assert (np.diff(size) <= 0).all()
    assert (np.diff(share) > 0).all()


def test_what_is_lost_is_hatched_in_proportion():
    chart = explorer._chart(explorer.measure(Setting(filters=6)).spectrum)  # half of 12
    ((left, width),) = re.findall(r'<rect x="([\d.]+)" y="0" width="([\d.]+)"', chart)
    assert float(width) == pytest.approx((explorer._FRAME.wide - explorer._FRAME.left) / 2, abs=0.1)
    assert float(left) + float(width) == pytest.approx(explorer._FRAME.wide, abs=0.1)
    assert ">lost<" in chart
    assert "<rect" not in explorer._chart(explorer.measure(Setting()).spectrum)


def test_every_extreme_gives_a_page():
    ends = product((1, 7), (1, 4), (1, 3), explorer.FILTERS, (False, True))
    for setting in (Setting(*end) for end in ends):
        page = explorer.page(setting)
        assert len(pictures(page)) == 2
        assert not re.search(r"\bnan\b|\binf\b", re.sub('base64,[^"]+', "", page))


@pytest.mark.parametrize("name", datasets.photographs())
def test_every_photograph_can_be_chosen(name):
    for channels in (1, 3):
        assert explorer._photograph(name, channels).shape == (explorer.SIDE, explorer.SIDE, channels)


# --------------------------------------------------------------------------- panel


def test_every_control_redraws_the_page():
    panel = panels.stem_explorer()
    assert panel.page.value == explorer.page(Setting())
    chosen = {"kernel_size": 3, "stride": 4, "channels": 1, "filters": 9, "relu": True, "photograph": "coffee"}
    for name, value in chosen.items():
        before = panel.page.value
        getattr(panel, name).value = value
        assert panel.page.value != before
    assert panel.setting == Setting(**chosen)
    assert panel.page.value == explorer.page(Setting(**chosen))
    assert repr(panel) == "Stem explorer: 9 filters of 3×3×1, stride 4, ReLU, on photograph coffee"


def test_other_weights_are_drawn_on_demand_and_a_reset_brings_the_first_back():
    panel = panels.stem_explorer(3, 1, channels=1, filters=5, photograph="moon")
    first = panel.page.value
    panel.draw_again.click()
    assert panel.page.value == explorer.page(Setting(3, 1, 1, 5, photograph="moon", seed=1)) != first
    panel.filters.value, panel.relu.value = 20, True
    panel.again.click()
    assert panel.page.value == first


def test_an_error_is_shown_and_raised(monkeypatch):
    panel = panels.stem_explorer()
    monkeypatch.setattr(explorer, "page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        panel.filters.value = 3
    assert "could not draw this (ZeroDivisionError)" in panel.problem.value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kernel_size": 4}, "kernel_size must be one of 1, 3, 5, 7, got 4"),
        ({"stride": 3}, "stride must be one of 1, 2, 4, got 3"),
        ({"channels": 2}, "channels must be one of 1, 3, got 2"),
        ({"filters": 0}, "filters must be at least 1, got 0"),
        ({"filters": 65}, "filters must be from 1 to 64, got 65"),
        ({"photograph": "lena"}, "photograph must be one of .*chelsea.*, got 'lena'"),
    ],
)
def test_what_the_explorer_cannot_show_is_refused(arguments, words):
    for make in (panels.stem_explorer, lambda **values: explorer.measure(Setting(**values))):
        with pytest.raises(ValueError, match=words):
            make(**arguments)
