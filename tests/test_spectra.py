"""Frequency responses, held against what filtering does to waves, and the terms that are read off them."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.signal import correlate2d

from cnnlessons import kernels, spectra

SIZE = 16
KERNELS = arrays(float, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.integers(-9, 9))
ODD_KERNELS = arrays(float, st.tuples(*[st.sampled_from([1, 3, 5])] * 2), elements=st.integers(-9, 9))
CYCLES = st.integers(-SIZE // 2, SIZE // 2 - 1)
ROW, COLUMN = np.indices((SIZE, SIZE))


def filter_around_the_edge(operation, image, kernel):
    """SciPy's filter on a periodic image; its even kernels are centred one further than ours."""
    origin = [0 if length % 2 else -1 for length in kernel.shape]
    return operation(image, kernel, mode="wrap", origin=origin)


@given(kernel=KERNELS, row_cycles=CYCLES, column_cycles=CYCLES)
def test_cross_correlation_gives_a_wave_the_gain_and_phase_of_the_response(kernel, row_cycles, column_cycles):
    angle = 2 * np.pi * (row_cycles * ROW + column_cycles * COLUMN) / SIZE
    response = spectra.frequency_response(kernel, SIZE)[SIZE // 2 + row_cycles, SIZE // 2 + column_cycles]
    filtered = filter_around_the_edge(scipy.ndimage.correlate, np.cos(angle), kernel)
    np.testing.assert_allclose(filtered, abs(response) * np.cos(angle + np.angle(response)), atol=1e-9)


@given(kernel=ODD_KERNELS)
def test_the_response_of_convolution_is_the_complex_conjugate(kernel):
    angle = 2 * np.pi * (3 * ROW + 2 * COLUMN) / SIZE
    response = np.conj(spectra.response_at(kernel, 3 / SIZE, 2 / SIZE))
    filtered = scipy.ndimage.convolve(np.cos(angle), kernel, mode="wrap")
    np.testing.assert_allclose(filtered, abs(response) * np.cos(angle + np.angle(response)), atol=1e-9)


@given(kernel=KERNELS)
def test_the_response_is_the_conjugate_of_the_centred_fourier_transform(kernel):
    padded = np.zeros((SIZE, SIZE))
    padded[: kernel.shape[0], : kernel.shape[1]] = kernel
    centred = np.roll(padded, [-((length - 1) // 2) for length in kernel.shape], axis=(0, 1))
    oracle = np.fft.fftshift(np.conj(np.fft.fft2(centred)))
    np.testing.assert_allclose(spectra.frequency_response(kernel, SIZE), oracle, atol=1e-9)


@given(kernel=KERNELS, size=st.integers(1, 12))
def test_frequency_zero_is_in_the_middle_and_holds_the_sum_of_the_weights(kernel, size):
    assert spectra.frequencies(size)[size // 2] == 0
    assert spectra.frequency_response(kernel, size)[size // 2, size // 2] == pytest.approx(kernel.sum())


def test_a_symmetric_kernel_has_a_real_response_and_an_antisymmetric_one_an_imaginary_one():
    for name in kernels.names():
        kernel = kernels.named(name)
        if not all(length % 2 for length in kernel.shape):
            continue
        response, symmetry = spectra.frequency_response(kernel), spectra.signal_terms(kernel).symmetry
        assert (abs(response.imag).max() < 1e-9) == (symmetry == "even")
        assert (abs(response.real).max() < 1e-9) == (symmetry == "odd")


def test_responses_known_from_paper():
    row, column = spectra.frequencies()[:, np.newaxis], spectra.frequencies()
    difference = spectra.frequency_response(kernels.named("difference_right"))
    np.testing.assert_allclose(difference, 1j * np.sin(2 * np.pi * column) + 0 * row, atol=1e-12)
    laplacian = spectra.frequency_response(kernels.named("laplacian_4"))
    np.testing.assert_allclose(laplacian, 2 * np.cos(2 * np.pi * row) + 2 * np.cos(2 * np.pi * column) - 4, atol=1e-12)
    shift = spectra.frequency_response(kernels.named("shift_right"))
    np.testing.assert_allclose(shift, np.exp(-2j * np.pi * column) + 0j * row, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "band", "order", "symmetry", "isotropic"),
    [
        ("identity", "all-pass", 0, "even", True),
        ("shift_down", "all-pass", 0, "none", True),
        ("box_3", "low-pass", 0, "even", True),
        ("gaussian_5", "low-pass", 0, "even", True),
        ("sharpen", "high-boost", 0, "even", True),
        ("unsharp_5", "high-boost", 0, "even", True),
        ("emboss", "band-boost", 0, "none", False),
        ("difference_down", "band-pass", 1, "odd", False),
        ("sobel_vertical_edge", "band-pass", 1, "odd", False),
        ("roberts_slash_edge", "high-pass", 1, "odd", False),
        ("laplacian_4", "high-pass", 2, "even", True),
        ("laplacian_8", "high-pass", 2, "even", True),
        ("line_backslash", "high-pass", 2, "even", False),
        ("corner_lower_left", "band-pass", 1, "none", False),
        ("gabor_vertical_line_5", "band-pass", 2, "even", False),
        ("gabor_vertical_edge_5", "band-pass", 1, "odd", False),
    ],
)
def test_known_kernels_get_their_textbook_terms(name, band, order, symmetry, isotropic):
    terms = spectra.signal_terms(kernels.named(name))
    assert (terms.band, terms.order, terms.symmetry, terms.isotropic) == (band, order, symmetry, isotropic)
    assert terms.differential == (order > 0)


@pytest.mark.parametrize("name", kernels.names())
def test_the_order_is_the_lowest_power_of_position_that_the_kernel_answers_to(name):
    kernel = kernels.named(name)
    for total in range(4):
        surfaces = [(ROW - 7.0) ** power * (COLUMN - 7.0) ** (total - power) for power in range(total + 1)]
        if any(abs(correlate2d(surface, kernel, mode="valid")).max() > 1e-9 for surface in surfaces):
            break
    assert spectra.signal_terms(kernel).order == total


@pytest.mark.parametrize("name", kernels.names())
def test_the_gain_vanishes_towards_zero_as_the_order_says(name):
    terms = spectra.signal_terms(kernels.named(name))
    directions = np.linspace(0, np.pi, 9)
    coarse, coarser = (
        abs(spectra.response_at(kernels.named(name), f * np.sin(directions), f * np.cos(directions))).max()
        for f in (2e-3, 1e-3)
    )
    assert np.log2(coarse / coarser) == pytest.approx(terms.order, abs=0.01)


@pytest.mark.parametrize("name", kernels.names())
def test_strength_flip_and_quarter_turn_do_not_change_the_kind_of_operation(name):
    terms = spectra.signal_terms(kernels.named(name))
    kernel = kernels.named(name)
    for other in (1e-6 * kernel, 1e306 * kernel, 1e-200 * kernel, -kernel, kernel[::-1, ::-1], np.rot90(kernel)):
        same = spectra.signal_terms(other)
        assert (same.band, same.order, same.symmetry) == (terms.band, terms.order, terms.symmetry)
        assert same.anisotropy == pytest.approx(terms.anisotropy, abs=1e-9)
        assert same.peak_frequency == pytest.approx(terms.peak_frequency)


def test_the_anisotropy_of_a_difference_is_complete_and_of_a_pixel_nothing():
    assert spectra.signal_terms(kernels.named("difference_right")).anisotropy == pytest.approx(1)
    assert spectra.signal_terms(kernels.named("identity")).anisotropy == pytest.approx(0, abs=1e-12)


def test_anisotropy_is_measured_on_waves_of_eight_pixels():
    along, across = 2 - 2 * np.cos(np.pi / 4), 4 - 4 * np.cos(np.pi / 4 / np.sqrt(2))  # the Laplacian's gains, on paper
    expected = abs(along - across) / (along + across)
    assert spectra.signal_terms(kernels.named("laplacian_4")).anisotropy == pytest.approx(expected)


def test_isotropic_means_an_anisotropy_below_a_tenth():
    elongated, nearly_round = (spectra.signal_terms([[1], [middle], [1]]) for middle in (1, 2))
    assert 0.05 < nearly_round.anisotropy < 0.1 < elongated.anisotropy < 0.15
    assert nearly_round.isotropic
    assert not elongated.isotropic


def test_the_peak_of_a_central_difference_is_a_wave_of_four_pixels():
    terms = spectra.signal_terms(kernels.named("difference_right"))
    assert terms.peak_frequency == pytest.approx(1 / 4)
    assert terms.gain_at_zero == 0


@pytest.mark.parametrize("name", kernels.names())
def test_the_three_zones_share_all_the_power_of_the_weights(name):
    """Parseval: the mean squared gain over all frequencies is the sum of the squared weights."""
    row, column = np.indices((64, 64)) - 32
    squared_distance = row**2 + column**2  # in (cycles per 64 pixels)², so that the limits are 8² and 24²
    low, up_to_middle = (squared_distance <= 8**2).mean(), (squared_distance <= 24**2).mean()
    shares = np.array([low, up_to_middle - low, 1 - up_to_middle])
    power = shares @ np.square(spectra.signal_terms(kernels.named(name)).zone_gains)
    assert power == pytest.approx((kernels.named(name) ** 2).sum())


def test_the_zone_gains_of_a_doubled_image_are_two():
    assert spectra.signal_terms([[2.0]]).zone_gains == pytest.approx((2, 2, 2))
    assert spectra.signal_terms([[1e308]]).zone_gains == pytest.approx((1e308,) * 3)
    assert spectra.signal_terms([[1e-200]]).zone_gains == pytest.approx((1e-200,) * 3, abs=0)


@pytest.mark.parametrize(
    ("kernel", "error", "words"),
    [
        (np.ones((3, 3, 1, 8)), ValueError, r"two axes.*\(3, 3, 1, 8\).*kernel\[:, :, 0, 0\]"),
        (np.ones(3), ValueError, r"two axes.*\(3,\)"),
        (np.ones((3, 3)) * 1j, TypeError, "real numbers, got dtype complex128"),
        (np.array([["a"]]), TypeError, "real numbers"),
        (np.array([[np.nan]]), ValueError, r"finite.*\(1, 1\)"),
        (np.ones((0, 3)), ValueError, r"finite.*\(0, 3\)"),
    ],
)
def test_what_is_no_kernel_is_refused_with_the_reason(kernel, error, words):
    for function in (spectra.frequency_response, spectra.signal_terms):
        with pytest.raises(error, match=words):
            function(kernel)


def test_a_kernel_of_zeros_has_no_name():
    with pytest.raises(ValueError, match="all weights of the kernel are zero"):
        spectra.signal_terms(np.zeros((3, 3)))


@pytest.mark.parametrize(
    ("size", "error"), [(0, ValueError), (-4, ValueError), (2.5, TypeError), (None, TypeError), (True, TypeError)]
)
def test_a_response_needs_a_positive_number_of_frequencies(size, error):
    with pytest.raises(error, match=f"size must be .*{size}"):
        spectra.frequency_response(np.ones((3, 3)), size)
