"""The Gabor explorer shows the kernel that its sliders say, and calls it what `describe` does."""

from importlib import import_module

import numpy as np
import pytest
from scipy.signal import correlate2d

from cnnlessons import datasets, kernels, panels, plots, spectra

explorer = import_module("cnnlessons.panels.gabor_explorer")
PHOTO = np.random.default_rng(1).random((24, 24))


@pytest.fixture(scope="module")
def panel():
    return panels.gabor_explorer("coins")


@pytest.fixture
def fresh(panel):
    panel.again.click()
    return panel


def shown(panel):
    """What was sent to the browser: the places of the pixels of each canvas, and all texts."""
    sent = panel.page.shown
    pictures = {
        name: np.frombuffer(picture["levels"], np.uint8).reshape(picture["shape"])
        for name, picture in sent["pictures"].items()
    }
    return pictures, sent["texts"]


def test_a_wave_is_the_gabor_function_of_lesson_08():
    wave = explorer.Wave(wavelength=5, orientation=30, phase=-90, sigma=2, aspect=1.5, size=11)
    expected = kernels.gabor(11, 5, np.radians(60), -np.pi / 2, 2, 1.5)
    np.testing.assert_allclose(wave.kernel, expected)


@pytest.mark.parametrize("orientation", [0, 35, 90, 140])
def test_the_orientation_of_the_slider_is_the_one_that_describe_finds(orientation):
    wave = explorer.Wave(wavelength=4, orientation=orientation, sigma=2, size=11)
    assert spectra.describe(wave.kernel).orientation == pytest.approx(orientation, abs=0.5)


@pytest.mark.parametrize("orientation", [0, 20, 45, 90])
def test_the_cycles_of_a_wave_are_those_that_the_fit_finds(orientation):
    for sigma in (1.5, 2.5):
        wave = explorer.Wave(wavelength=4, orientation=orientation, sigma=sigma, size=11)
        assert wave.cycles == pytest.approx(spectra.describe(wave.kernel).gabor.cycles, abs=0.01)


def test_no_window_shows_more_than_the_kernel_holds():
    assert explorer.Wave(wavelength=2, sigma=6, size=3).cycles == pytest.approx(1.5)
    assert explorer.Wave(wavelength=2, sigma=0.5, size=11).cycles == pytest.approx(1)


@pytest.mark.parametrize("name", ["wavelength", "orientation", "phase", "sigma", "aspect"])
@pytest.mark.parametrize("size", explorer.SIZES)
def test_the_ends_of_every_slider_show_what_the_functions_make(fresh, name, size):
    fresh.size.value = size
    slider = getattr(fresh, name)
    photo = datasets.photograph("coins", size=256, gray=True)
    for end in (slider.min, slider.max):
        slider.value = end
        wave = explorer.Wave()._replace(**{name: end, "size": size})
        expected, legends = explorer.pictures(wave, photo)
        pictures, texts = shown(fresh)
        assert all(np.array_equal(pictures[picture], expected[picture][0]) for picture in expected)
        assert {picture: texts[picture] for picture in legends} == legends
        assert texts["said"] == explorer.said(wave)
        assert fresh.problem.value == ""


def test_kernel_and_filtered_photograph_are_white_at_zero():
    wave = explorer.Wave(phase=-90)
    painted, _ = explorer.pictures(wave, PHOTO)
    oracle = {"kernel": wave.kernel, "photograph": correlate2d(PHOTO, wave.kernel, mode="same")}
    for name, values in oracle.items():
        places, colours = painted[name]
        assert colours == plots.SIGNED
        np.testing.assert_allclose(places, (values / abs(values).max() + 1) * 127.5, atol=0.51)


def test_a_wave_is_named_a_gabor_only_where_a_whole_wavelength_shows():
    for phase in (0, -90):
        for kinds in explorer.kinds_by_cycles(phase):
            for cycles, kind in zip(explorer.CYCLES, kinds, strict=True):
                assert (kind == "gabor") <= (cycles >= 1)
    assert explorer.kinds_by_cycles(0, sizes=[11])[0][-1] == "gabor"


def test_the_table_says_the_kind_of_each_gabor_or_that_pixels_cannot_show_it():
    kinds = explorer.kinds_by_cycles(-90, 0)
    table = explorer.table(-90, 0)
    for size, row in zip(explorer.SIZES, kinds, strict=True):
        for cycles, kind in zip(explorer.CYCLES, row, strict=True):
            assert (kind is None) == (size / cycles < 2)
            if kind is not None:
                assert kind == spectra.describe(kernels.gabor(size, size / cycles, np.pi / 2, -np.pi / 2)).kind
    assert table.count("–</td>") == sum(kind is None for row in kinds for kind in row)
    for kind in {kind for row in kinds for kind in row if kind}:
        count = sum(kind == other for row in kinds for other in row)
        assert table.count(f">{explorer._NAMES.get(kind, kind)}</td>") == count


def test_the_table_is_of_the_phase_and_orientation_that_it_says_until_it_is_filled_anew(fresh):
    before = shown(fresh)[1]["names"]
    assert before == explorer.table(0, 90)
    fresh.phase.value, fresh.orientation.value = -90, 45
    assert shown(fresh)[1]["names"] == before
    fresh.name.click()
    assert shown(fresh)[1]["names"] == explorer.table(-90, 45) != before


def test_what_is_said_is_what_describe_says():
    for wave in (explorer.Wave(), explorer.Wave(wavelength=16), explorer.Wave(phase=-90, wavelength=9, size=5)):
        description = spectra.describe(wave.kernel)
        assert str(description).removesuffix(", luminance") in explorer.said(wave)
        assert f"<b>{description.gabor_residual:.1%}</b>" in explorer.said(wave)


@pytest.mark.parametrize(
    ("wave", "kind", "reason"),
    [
        (explorer.Wave(), "gabor", "No derivative explains it as well"),
        (explorer.Wave(wavelength=16, phase=-90), "edge", "So little of a wave"),
        (explorer.Wave(wavelength=2, sigma=0.75, size=3), "line", "The derivative, with fewer numbers"),
    ],
)
def test_the_reason_fits_the_name(wave, kind, reason):
    assert spectra.describe(wave.kernel).kind == kind
    assert reason in explorer.said(wave)


def test_the_button_between_line_and_edge_goes_a_quarter_wavelength_further(fresh):
    phases = []
    for _ in range(4):
        fresh.quarter.click()
        phases.append(fresh.phase.value % 360)
    assert phases == [90, 180, 270, 0]


def test_another_photograph_is_filtered(fresh):
    before = shown(fresh)[0]["photograph"]
    fresh.photograph.value = "brick"
    assert not np.array_equal(shown(fresh)[0]["photograph"], before)
    assert "brick" in fresh.page.words["photograph"]
    fresh.photograph.value = "coins"
    np.testing.assert_array_equal(shown(fresh)[0]["photograph"], before)


def test_an_unknown_photograph_is_refused_with_those_there_are():
    with pytest.raises(ValueError, match=r"no photograph named 'nobody'; the names are: .*camera"):
        panels.gabor_explorer("nobody")


def test_its_text_says_what_it_shows(fresh):
    assert repr(fresh) == (
        "Gabor explorer: 7×7, wavelength 4.0, orientation 90°, phase 0°, sigma 1.75, aspect 1.00: "
        "Gabor at 90°, wavelength 4.0"
    )
