"""Named kernels and banks: what each name promises, held against images that show it."""

import numpy as np
import pytest
import scipy.fft
import scipy.ndimage
import skimage.filters
from scipy.signal import convolve2d, correlate2d

from cnnlessons import kernels

ROW, COLUMN = np.indices((11, 11)) - 5
BRIGHTER = {"horizontal": ROW, "vertical": COLUMN, "backslash": COLUMN - ROW, "slash": COLUMN + ROW}
EDGE_NAMES = [name for name in kernels.names() if name.endswith("_edge")]
LINE_NAMES = [f"line_{orientation}" for orientation in kernels.ORIENTATIONS]
CORNERS = {
    "corner_upper_left": (ROW >= 0) & (COLUMN >= 0),
    "corner_upper_right": (ROW >= 0) & (COLUMN <= 0),
    "corner_lower_left": (ROW <= 0) & (COLUMN >= 0),
    "corner_lower_right": (ROW <= 0) & (COLUMN <= 0),
}
CURVES = {
    "curve_open_below": [(-1, 0), (0, -1), (0, 1)],
    "curve_open_above": [(1, 0), (0, -1), (0, 1)],
    "curve_open_right": [(0, -1), (-1, 0), (1, 0)],
    "curve_open_left": [(0, 1), (-1, 0), (1, 0)],
}


def edge(orientation):
    """Dark, middling on the edge itself, and bright on the side that counts positive."""
    return np.sign(BRIGHTER[orientation]) * 0.5 + 0.5


def line(orientation):
    return (BRIGHTER[orientation] == 0).astype(float)


def response_in_the_middle(name, image):
    return correlate2d(image, kernels.named(name), mode="same")[5, 5]


def photograph_like(seed=0):
    return scipy.ndimage.gaussian_filter(np.random.default_rng(seed).random((40, 50)), 1.5)


@pytest.mark.parametrize("name", kernels.names())
def test_a_named_kernel_is_a_finite_float_array_with_source_and_meaning(name):
    source = kernels.about(name)
    assert source.name == name
    assert source.weights.ndim == 2
    assert source.weights.dtype == np.float64
    assert np.isfinite(source.weights).all()
    assert source.family
    assert source.answers_to
    assert source.source


@pytest.mark.parametrize("name", kernels.names())
def test_changing_a_named_kernel_does_not_change_the_next_one(name):
    before = kernels.named(name)
    kernels.named(name)[:] = 99
    np.testing.assert_array_equal(kernels.named(name), before)


def test_the_weights_of_a_source_cannot_be_changed():
    with pytest.raises(ValueError, match="read-only"):
        kernels.about("box_3").weights[0, 0] = 1


@pytest.mark.parametrize("name", kernels.names())
def test_a_flat_image_keeps_its_brightness_or_gives_nothing(name):
    keeps = kernels.about(name).family in ("shifts", "smoothing", "sharpening")
    assert kernels.named(name).sum() == pytest.approx(1 if keeps else 0, abs=1e-12)


@pytest.mark.parametrize("name", EDGE_NAMES)
@pytest.mark.parametrize("contrast", [1, -1])
def test_an_edge_kernel_has_the_sign_that_its_name_promises(name, contrast):
    assert contrast * response_in_the_middle(name, contrast * edge(name.split("_")[-2])) > 0


@pytest.mark.parametrize("name", EDGE_NAMES)
def test_an_edge_kernel_answers_most_to_the_edge_in_its_name(name):
    own = name.split("_")[-2]
    responses = {orientation: abs(response_in_the_middle(name, edge(orientation))) for orientation in BRIGHTER}
    others = [response for orientation, response in responses.items() if orientation != own]
    assert responses[own] >= max(others)


def test_an_edge_kernel_misses_the_edge_across_its_own():
    for own, across in [("horizontal", "vertical"), ("backslash", "slash")]:
        assert response_in_the_middle(f"sobel_{own}_edge", edge(across)) == 0
        assert response_in_the_middle(f"sobel_{across}_edge", edge(own)) == 0


@pytest.mark.parametrize("name", ["difference_right", "gabor_vertical_edge_5"])
def test_the_other_kernels_for_vertical_edges_are_positive_where_the_right_side_is_brighter(name):
    assert response_in_the_middle(name, edge("vertical")) > 0
    assert response_in_the_middle(name, edge("horizontal")) == pytest.approx(0, abs=1e-12)


def test_difference_down_is_the_slope_per_pixel_of_a_ramp():
    ramp = 3.0 * ROW + 7.0 * COLUMN
    assert response_in_the_middle("difference_down", ramp) == 3
    assert response_in_the_middle("difference_right", ramp) == 7


@pytest.mark.parametrize("name", LINE_NAMES)
def test_a_line_kernel_answers_only_to_its_own_line_with_full_strength(name):
    responses = {f"line_{orientation}": response_in_the_middle(name, line(orientation)) for orientation in BRIGHTER}
    assert responses.pop(name) == 6
    assert max(responses.values()) == 0


@pytest.mark.parametrize("name", CORNERS)
def test_a_corner_kernel_answers_most_to_its_own_corner(name):
    responses = {corner: response_in_the_middle(name, area.astype(float)) for corner, area in CORNERS.items()}
    assert responses.pop(name) > max(responses.values())


@pytest.mark.parametrize("name", CURVES)
def test_a_curve_kernel_answers_most_to_its_own_arc(name):
    responses = {}
    for curve, pixels in CURVES.items():
        image = np.zeros((11, 11))
        for row, column in pixels:
            image[5 + row, 5 + column] = 1
        responses[curve] = response_in_the_middle(name, image)
    assert responses.pop(name) > max(responses.values())


def test_the_gabor_line_kernel_prefers_a_vertical_line():
    responses = {
        orientation: response_in_the_middle("gabor_vertical_line_5", line(orientation)) for orientation in BRIGHTER
    }
    assert responses.pop("vertical") > max(responses.values())


def test_a_shift_moves_the_image_where_its_name_says():
    image = photograph_like()
    shifted = correlate2d(image, kernels.named("shift_right"), mode="same")
    np.testing.assert_array_equal(shifted[:, 1:], image[:, :-1])
    shifted = correlate2d(image, kernels.named("shift_down"), mode="same")
    np.testing.assert_array_equal(shifted[1:], image[:-1])


def test_a_dark_spot_is_positive_for_all_second_derivatives():
    spot = 1 - (BRIGHTER["horizontal"] ** 2 + BRIGHTER["vertical"] ** 2 == 0)
    for name in ("laplacian_4", "laplacian_8", "laplacian_of_gaussian_5"):
        assert response_in_the_middle(name, spot) > 0


def test_sharpening_is_the_image_plus_what_smoothing_takes_away():
    identity_5 = np.pad(kernels.named("identity"), 1)
    np.testing.assert_array_equal(kernels.named("sharpen"), kernels.named("identity") - kernels.named("laplacian_4"))
    np.testing.assert_allclose(kernels.named("unsharp_5"), 2 * identity_5 - kernels.named("gaussian_5"))


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("emboss", [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]),
        (
            "laplacian_of_gaussian_5",
            [[0, 0, 1, 0, 0], [0, 1, 2, 1, 0], [1, 2, -16, 2, 1], [0, 1, 2, 1, 0], [0, 0, 1, 0, 0]],
        ),
    ],
)
def test_kernels_that_follow_from_no_rule_are_as_printed_in_their_source(name, weights):
    np.testing.assert_array_equal(kernels.named(name), weights)


def test_two_small_gaussians_in_a_row_are_the_large_one():
    twice = convolve2d(kernels.named("gaussian_3"), kernels.named("gaussian_3"))
    np.testing.assert_allclose(twice, kernels.named("gaussian_5"))


@pytest.mark.parametrize("operator", ["sobel", "prewitt"])
@pytest.mark.parametrize(("orientation", "axis"), [("horizontal", 0), ("vertical", 1)])
def test_scipy_gives_the_values_of_our_edge_kernels(operator, orientation, axis):
    image = photograph_like()
    ours = correlate2d(image, kernels.named(f"{operator}_{orientation}_edge"), mode="valid")
    theirs = getattr(scipy.ndimage, operator)(image, axis=axis)
    np.testing.assert_allclose(theirs[1:-1, 1:-1], ours, atol=1e-12)


@pytest.mark.parametrize(("operator", "scale"), [("sobel", 4), ("prewitt", 3), ("scharr", 16)])
@pytest.mark.parametrize("orientation", ["horizontal", "vertical"])
def test_scikit_image_has_our_sign_and_another_scale(operator, scale, orientation):
    image = photograph_like()
    ours = correlate2d(image, kernels.named(f"{operator}_{orientation}_edge"), mode="valid")
    theirs = getattr(skimage.filters, f"{operator}_{orientation[0]}")(image)
    np.testing.assert_allclose(theirs[1:-1, 1:-1] * scale, ours, atol=1e-12)


def test_scikit_image_turns_the_sign_of_one_roberts_kernel_and_of_the_laplacian():
    image = photograph_like()
    backslash = correlate2d(image, kernels.named("roberts_backslash_edge"), mode="valid")
    slash = correlate2d(image, kernels.named("roberts_slash_edge"), mode="valid")
    np.testing.assert_allclose(skimage.filters.roberts_neg_diag(image)[1:-1, 1:-1], -backslash[1:, 1:], atol=1e-12)
    np.testing.assert_allclose(skimage.filters.roberts_pos_diag(image)[1:-1, 1:-1], slash[1:, 1:], atol=1e-12)
    laplacian = correlate2d(image, kernels.named("laplacian_4"), mode="valid")
    np.testing.assert_allclose(skimage.filters.laplace(image)[1:-1, 1:-1], -laplacian, atol=1e-12)


def test_convolution_changes_the_sign_of_every_symmetric_edge_kernel():
    image = photograph_like()
    for name in EDGE_NAMES:
        kernel = kernels.named(name)
        correlated, convolved = correlate2d(image, kernel, mode="valid"), convolve2d(image, kernel, mode="valid")
        np.testing.assert_allclose(convolved, -correlated, atol=1e-12)


def test_an_unknown_name_lists_near_matches_and_all_names():
    with pytest.raises(
        ValueError, match=r"no kernel named 'sobel_horizontal'.*Did you mean sobel_horizontal_edge"
    ) as error:
        kernels.named("sobel_horizontal")
    assert all(name in str(error.value) for name in kernels.names())
    with pytest.raises(ValueError, match=r"no bank named 'zzz'\. The names are: derivatives, lines"):
        kernels.bank("zzz", 3)


def test_a_name_that_is_no_string_is_a_type_error():
    with pytest.raises(TypeError, match="name of a kernel must be a string, got 3, a int"):
        kernels.about(3)


# Banks


@pytest.mark.parametrize("size", [3, 5, 7, 11])
@pytest.mark.parametrize("name", kernels.banks())
def test_the_filters_of_a_bank_are_independent_and_have_unit_norm(name, size):
    kernel = kernels.bank(name, size)
    filters = {"derivatives": 5, "lines": 4, "curves": 4, "gabor": 8, "dct": size**2}[name]
    assert kernel.shape == (size, size, 1, filters)
    matrix = kernel.reshape(size**2, filters)
    assert np.linalg.matrix_rank(matrix, tol=1e-2) == filters
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=0), 1)


@pytest.mark.parametrize("size", [301, 1201])
def test_binomial_filters_of_any_size_have_unit_norm(size):
    norms = np.linalg.norm(kernels.bank("derivatives", size), axis=(0, 1))
    np.testing.assert_allclose(norms, 1)


@pytest.mark.parametrize("name", kernels.banks())
def test_only_the_first_dct_filter_answers_to_a_flat_image(name):
    sums = kernels.bank(name, 5).sum(axis=(0, 1, 2))
    expected = np.zeros_like(sums)
    expected[0] = 5 if name == "dct" else 0
    np.testing.assert_allclose(sums, expected, atol=1e-12)


@pytest.mark.parametrize("size", [3, 5, 9])
def test_the_dct_bank_is_an_orthonormal_basis_and_scipys_transform(size):
    matrix = kernels.bank("dct", size).reshape(size**2, size**2)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(size**2), atol=1e-12)
    patch = np.random.default_rng(1).random((size, size))
    np.testing.assert_allclose(matrix.T @ patch.ravel(), scipy.fft.dctn(patch, norm="ortho").ravel(), atol=1e-12)


@pytest.mark.parametrize("size", [3, 7])
def test_the_line_bank_is_orthogonal(size):
    matrix = kernels.bank("lines", size).reshape(size**2, 4)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(4), atol=1e-12)


@pytest.mark.parametrize("size", [3, 5, 9])
def test_a_derivative_filter_ignores_every_lower_power(size):
    row, column = np.indices((size, size)) - size // 2
    bank = kernels.bank("derivatives", size)[:, :, 0]
    for index, (row_order, column_order) in enumerate([(1, 0), (0, 1), (2, 0), (1, 1), (0, 2)]):
        for row_power in range(3):
            for column_power in range(3 - row_power):
                response = (bank[:, :, index] * row**row_power * column**column_power).sum()
                own = (row_power, column_power) == (row_order, column_order)
                assert response > 0.1 if own else abs(response) < 1e-9


def unit(name):
    return kernels.named(name) / np.linalg.norm(kernels.named(name))


def test_banks_of_size_3_begin_with_the_named_kernels():
    lines, curves = kernels.bank("lines", 3)[:, :, 0], kernels.bank("curves", 3)[:, :, 0]
    for index, (line_name, curve_name) in enumerate(zip(LINE_NAMES, CURVES, strict=True)):
        np.testing.assert_allclose(lines[..., index], unit(line_name))
        np.testing.assert_allclose(curves[..., index], unit(curve_name))
    derivatives = kernels.bank("derivatives", 3)[:, :, 0]
    np.testing.assert_allclose(derivatives[..., 0], unit("sobel_horizontal_edge"))
    np.testing.assert_allclose(derivatives[..., 1], unit("sobel_vertical_edge"))


def test_the_gabor_bank_alternates_lines_and_edges_in_the_order_of_orientations():
    bank = kernels.bank("gabor", 7)[:, :, 0]
    for index, orientation in enumerate(kernels.ORIENTATIONS):
        line_filter, edge_filter = bank[..., 2 * index], bank[..., 2 * index + 1]
        lines = {other: (line(other)[2:-2, 2:-2] * line_filter).sum() for other in BRIGHTER}
        assert max(lines, key=lines.get) == orientation
        assert (edge(orientation)[2:-2, 2:-2] * edge_filter).sum() > 0
        np.testing.assert_allclose(line_filter[::-1, ::-1], line_filter, atol=1e-12)
        np.testing.assert_allclose(edge_filter[::-1, ::-1], -edge_filter, atol=1e-12)


@pytest.mark.parametrize("angle", [0, 0.7, np.pi / 2])
@pytest.mark.parametrize("phase", [0, -np.pi / 2])
def test_gabor_is_scikit_images_function(angle, phase):
    theirs = skimage.filters.gabor_kernel(1 / 4, theta=angle, sigma_x=2, sigma_y=1, n_stds=4, offset=phase).real
    middle_row, middle_column = theirs.shape[0] // 2, theirs.shape[1] // 2
    theirs = theirs[middle_row - 2 : middle_row + 3, middle_column - 2 : middle_column + 3] * 2 * np.pi * 2 * 1
    np.testing.assert_allclose(kernels.gabor(5, 4, angle, phase, sigma=2, aspect=2), theirs, atol=1e-12)


def test_the_window_of_a_gabor_is_a_quarter_of_its_size_unless_given():
    np.testing.assert_array_equal(kernels.gabor(9, 4, 0.3), kernels.gabor(9, 4, 0.3, sigma=9 / 4))


@pytest.mark.parametrize("size", [3, 9])
def test_the_waves_of_the_gabor_bank_grow_with_its_size(size):
    upright = kernels.gabor(size, 2 + size / 3, 0)
    upright -= upright.mean()
    np.testing.assert_allclose(kernels.bank("gabor", size)[:, :, 0, 2], upright / np.linalg.norm(upright))


@pytest.mark.parametrize("name", kernels.banks())
def test_a_gray_image_gives_the_same_response_from_one_channel_and_from_three(name):
    patch = np.random.default_rng(2).random((5, 5))
    single = np.tensordot(patch[..., np.newaxis], kernels.bank(name, 5), axes=3)
    triple = np.tensordot(np.stack([patch] * 3, axis=-1), kernels.bank(name, 5, channels=3), axes=3)
    np.testing.assert_allclose(triple, single, atol=1e-12)


@pytest.mark.parametrize(
    ("size", "error", "words"),
    [
        *((size, ValueError, f"size must be at least 3, got {size}") for size in (0, 1, 2, -3)),
        (4, ValueError, "size must be odd, so that there is a middle, got 4"),
        *((size, TypeError, "size must be a whole number") for size in (3.0, "3", (3, 3), None, True)),
    ],
)
def test_a_bank_needs_an_odd_size_of_at_least_3(size, error, words):
    with pytest.raises(error, match=words):
        kernels.bank("lines", size)


@pytest.mark.parametrize(
    ("channels", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError), (True, TypeError)]
)
def test_a_bank_needs_a_channel(channels, error):
    with pytest.raises(error, match=f"channels must be .*{channels}"):
        kernels.bank("lines", 3, channels)


def test_a_wave_of_two_pixels_is_the_shortest():
    assert kernels.gabor(3, 2, 0)[1, 0] < 0 < kernels.gabor(3, 2, 0)[1, 1]
    with pytest.raises(ValueError, match=r"wavelength must be at least 2 pixels.*got 1\.99"):
        kernels.gabor(5, 1.99, 0)


@pytest.mark.parametrize("sigma", [0, -1, 1e-200, 1e200])
def test_a_window_without_width_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma must be a positive number of pixels"):
        kernels.gabor(5, 4, 0, sigma=sigma)


@pytest.mark.filterwarnings("error")
def test_a_window_may_be_as_narrow_as_a_pixel_and_no_narrower_than_its_square_can_be_told():
    point = np.zeros((5, 5))
    point[2, 2] = 1
    np.testing.assert_array_equal(kernels.gabor(5, 4, 0, sigma=1e-50, aspect=1e50), point)
    with pytest.raises(ValueError, match=r"aspect must be of size 1e50 at most, got 1e\+200"):
        kernels.gabor(5, 4, 0, aspect=1e200)


@pytest.mark.parametrize("name", ["wavelength", "angle", "phase", "sigma", "aspect"])
@pytest.mark.parametrize(
    "value", ["4", float("nan"), (4,), float("inf"), float("-inf"), pytest.param(10**400, id="huge")]
)
def test_a_gabor_is_made_of_numbers(name, value):
    with pytest.raises(ValueError, match=f"{name} must be a number, got"):
        kernels.gabor(**{"size": 5, "wavelength": 4, "angle": 0, name: value})
