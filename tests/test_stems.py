"""Stems: what is fixed stays, what is learned moves, and every stem is saved, loaded and cloned like any layer."""

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is not installed")

import keras

from cnnlessons import kernels, models, ops, stems, training

rng = np.random.default_rng(0)
IMAGES = rng.random((12, 16, 16, 3), np.float32)
LABELS = np.arange(12) % 3
STEMS = {
    "learned": stems.learned(12),
    "Gabor start": stems.learned(12, start="gabor"),
    "edge-biased": stems.edge_biased(12),
    "fixed": stems.fixed("lines+curves", 12),
    "random": stems.fixed("random", 12),
    "split": stems.split("gabor", 12, share=0.25),
    "pass-through": stems.pass_through("derivatives", 12),
    "basis": stems.basis("dct", 12, size=3),
    "factorised": stems.factorised(12, activation="relu"),
    "resnet_c": stems.resnet_c(12),
    "patchify": stems.patchify(12),
}


def classifier(stem, seed=0):
    return models.classifier(stem, (16, 16, 3), 3, width=4, seed=seed)


def maps(stem, images=IMAGES):
    inputs = keras.Input(images.shape[1:])
    return keras.Model(inputs, stem(inputs)).predict(images, verbose=0)


def kernels_of(model):
    return [keras.ops.convert_to_numpy(layer.kernel) for layer in stems.convolutions(model)]


# ---- every stem


@pytest.mark.parametrize("name", STEMS)
def test_a_stem_gives_as_many_maps_as_asked_for_and_is_saved_loaded_and_summarised(name, tmp_path, capsys):
    model = classifier(STEMS[name])
    assert model.get_layer("stem_norm").output.shape[-1] == 12
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(loaded.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
    model.summary()
    assert "stem" in capsys.readouterr().out


@pytest.mark.parametrize("name", STEMS)
def test_a_clone_has_the_same_kernels(name):
    model = classifier(STEMS[name])
    for before, after in zip(kernels_of(model), kernels_of(keras.models.clone_model(model)), strict=True):
        np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("name", STEMS)
def test_training_moves_what_is_trainable_and_nothing_else(name):
    model = training.compiled(classifier(STEMS[name]), 0.01)
    before = kernels_of(model)
    training.fit(model, IMAGES, LABELS, epochs=2, progress=False)
    for layer, start in zip(stems.convolutions(model), before, strict=True):
        assert np.array_equal(start, keras.ops.convert_to_numpy(layer.kernel)) != layer.trainable


def test_the_body_starts_the_same_behind_every_stem_with_the_same_seed():
    def body(name, seed):
        return [weight for layer in classifier(STEMS[name], seed).layers[-8:] for weight in layer.get_weights()]

    first = body("learned", 3)
    assert len(first) > 4
    for name in STEMS:
        assert all(map(np.array_equal, first, body(name, 3)))
    assert not all(map(np.array_equal, first, body("learned", 4)))


# ---- banks


@pytest.mark.parametrize("name", [*kernels.banks(), "lines+curves"])
def test_a_bank_of_32_filters_has_no_filter_twice(name):
    filters = stems.bank(name).reshape(-1, 32)
    np.testing.assert_allclose(np.linalg.norm(filters, axis=0), 1, rtol=1e-5)
    products = filters.T @ filters - np.eye(32)
    assert products.max() < 0.99


def test_a_bank_begins_with_the_filters_of_kernels_on_brightness():
    expected = kernels.bank("gabor", 5, 3)
    found = stems.bank("gabor", 8)
    np.testing.assert_allclose(
        found / np.linalg.norm(found[..., 0]), expected / np.linalg.norm(expected[..., 0]), atol=1e-6
    )


def test_after_brightness_come_filters_that_a_gray_image_does_not_excite():
    coloured = stems.bank("gabor", 24)[..., 8:]
    np.testing.assert_allclose(coloured.sum(axis=2), 0, atol=1e-6)


def test_a_gray_bank_has_one_channel():
    assert stems.bank("derivatives", 16, 5, channels=1).shape == (5, 5, 1, 16)


def test_the_whole_dct_bank_spans_every_kernel():
    assert np.linalg.matrix_rank(stems.bank("dct", 75).reshape(75, 75)) == 75


def test_a_bank_that_is_too_small_says_how_many_it_has():
    with pytest.raises(ValueError, match="filters must be at most 60, as many as there are in 'derivatives' at size 5"):
        stems.bank("derivatives", 61)


def test_principal_components_are_those_that_rebuild_patches_best():
    smooth = np.cumsum(np.cumsum(rng.normal(size=(20, 12, 12, 3)), axis=1), axis=2)
    components = stems.principal_components(smooth, 6, 3, patches=2000).reshape(27, 6)
    np.testing.assert_allclose(components.T @ components, np.eye(6), atol=1e-5)
    patches = np.lib.stride_tricks.sliding_window_view(smooth, (3, 3), axis=(1, 2)).transpose(0, 1, 2, 4, 5, 3)
    patches = patches.reshape(-1, 27) - patches.reshape(-1, 27).mean(axis=0)
    kept = np.square(patches @ components).sum(axis=0)
    assert (np.diff(kept) < 0).all()
    others, _ = np.linalg.qr(rng.normal(size=(27, 6)))
    assert kept.sum() > 2 * np.square(patches @ others).sum()


# ---- what each kind computes


def test_a_fixed_stem_is_convolution_by_hand():
    kernel = stems.bank("gabor", 8)
    found = maps(stems.fixed("gabor", 8))
    np.testing.assert_allclose(found, ops.conv2d(IMAGES, kernel, padding="same"), atol=1e-5)


def test_an_array_may_stand_for_a_bank():
    kernel = rng.normal(size=(3, 3, 3, 7)).astype(np.float32)
    np.testing.assert_allclose(maps(stems.fixed(kernel)), ops.conv2d(IMAGES, kernel, padding="same"), atol=1e-5)
    with pytest.raises(ValueError, match=r"bank must be a name or an array \(KH, KW, 3, filters\), got \(3, 3, 1, 7\)"):
        maps(stems.fixed(kernel[:, :, :1]))


@pytest.mark.parametrize(("share", "fixed"), [(0.25, 8), (0.5, 16), (0.75, 24)])
def test_a_split_stem_has_its_share_of_fixed_filters(share, fixed):
    first, second = stems.convolutions(classifier(stems.split("gabor", 32, share=share)))
    assert (first.filters, first.trainable) == (fixed, False)
    assert (second.filters, second.trainable) == (32 - fixed, True)


@pytest.mark.parametrize("share", [0, 0.01, 1])
def test_a_split_without_two_parts_says_so(share):
    with pytest.raises(ValueError, match="share must leave both fixed and trained filters of the 32"):
        stems.split("gabor", 32, share=share)


def test_pass_through_hands_the_channels_on_with_both_signs():
    found = maps(stems.pass_through("gabor", 12))
    np.testing.assert_array_equal(found[..., -6:-3], IMAGES)
    np.testing.assert_array_equal(found[..., -3:], -IMAGES)
    with pytest.raises(ValueError, match="filters must be more than the 6 that pass the channels on, got 6"):
        maps(stems.pass_through("gabor", 6))


def test_a_basis_stem_computes_sums_of_the_bank_on_every_channel():
    model = classifier(stems.basis("derivatives", 12))
    parts, mixed = kernels_of(model)
    assert parts.shape == (5, 5, 3, 15)
    kernel = np.einsum("hwcf,fn->hwcn", parts, mixed[0, 0])
    found = keras.Model(model.input, model.get_layer("stem").output).predict(IMAGES, verbose=0)
    np.testing.assert_allclose(found, ops.conv2d(IMAGES, kernel, padding="same"), atol=1e-4)


def test_every_start_is_equally_long_on_average():
    lengths = [
        np.square(kernels_of(classifier(stem))[0]).sum() / 64
        for stem in (stems.learned(64), stems.learned(64, start="dct"), stems.edge_biased(64))
    ]
    np.testing.assert_allclose(lengths, 2, rtol=0.15)


def test_an_edge_biased_start_leans_towards_derivatives():
    def likeness(stem):
        filters = kernels_of(classifier(stem))[0].reshape(75, -1)
        detectors = kernels.bank("derivatives", 5, 3).reshape(75, -1)
        spanned, _ = np.linalg.qr(detectors)
        return np.square(spanned.T @ filters).sum() / np.square(filters).sum()

    assert likeness(stems.edge_biased(40, share=0.8)) > 0.7 > 0.3 > likeness(stems.edge_biased(40, share=0))


def test_factorised_without_activation_is_one_linear_filter_of_its_size():
    impulse = np.zeros((1, 9, 9, 1), np.float32)
    impulse[0, 4, 4] = 1
    found = maps(stems.factorised(6, size=5), impulse)
    assert np.abs(found[0, 2:7, 2:7]).min() > 0
    assert np.abs(found[0, [0, 1, 7, 8]]).max() == 0


def test_resnet_c_sees_seven_pixels_and_takes_a_stride():
    impulse = np.zeros((1, 13, 13, 1), np.float32)
    impulse[0, 6, 6] = 1
    seen = np.abs(maps(stems.resnet_c(6, activation=None), impulse)[0]).max(axis=(1, 2)) > 0
    assert seen.sum() == 7
    assert maps(stems.resnet_c(6, stride=2)).shape == (12, 8, 8, 6)


def test_patches_do_not_overlap():
    changed = IMAGES.copy()
    changed[:, :4, :4] += 1
    stem = stems.patchify(5, size=4)
    difference = np.abs(maps(stem, changed) - maps(stem)).max(axis=(0, 3))
    assert difference.shape == (4, 4)
    assert difference[0, 0] > 0
    assert difference.sum() == difference[0, 0]


def test_a_learned_stem_may_start_from_an_array_with_the_energy_of_a_random_one():
    start = stems.principal_components(np.random.default_rng(0).random((4, 9, 9, 3)), filters=6, size=3)
    model = models.classifier(stems.learned(6, 3, start=start), (9, 9, 3), 2)
    kernel = keras.ops.convert_to_numpy(model.get_layer("stem").kernel)
    np.testing.assert_allclose(kernel / np.linalg.norm(kernel), start / np.linalg.norm(start), atol=1e-6)
    assert np.square(kernel).sum() == pytest.approx(2 * 6, rel=1e-5)  # 2 a filter, as He's have on average


def test_stems_of_equal_receptive_field_cost_what_their_layers_cost():
    """Two 3×3 see as much as one 5×5: 2·9·C² weights against 25·C²; three see 7 pixels."""
    made = {
        "one": stems.learned(8, 5, stride=2),
        "two": stems.stacked(8, 3, stride=2),
        "three": stems.resnet_c(8, stride=2),
        "grown": stems.gradual(8, stride=2),
        "rows and columns": stems.factorised(8, 3, stride=2),
    }
    weights, multiply_adds = {}, {}
    for name, stem in made.items():
        layers = stems.convolutions(classifier(stem))
        weights[name], multiply_adds[name], _ = models.costs(layers)
        assert layers[-1].output.shape[1:] == (8, 8, 8)
    assert weights == {
        "one": 75 * 8,
        "two": 27 * 8 + 72 * 8,
        "three": 27 * 4 + 36 * 4 + 36 * 8,
        "grown": 27 * 2 + 18 * 4 + 36 * 8,
        "rows and columns": 9 * 8 + 24 * 8,
    }
    by_rows = 8 * 16 * 9 * 8 + 8 * 8 * 24 * 8  # the first halves the rows, the second the columns
    assert multiply_adds == {name: 64 * count for name, count in weights.items()} | {"rows and columns": by_rows}


# ---- what does not fit is refused, by its name

KERNEL = np.ones((3, 3, 3, 8), np.float32)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda bank: stems.pass_through(bank, filters=32),
            "bank must have 26 filters, .* of the 32, got 8; give an array",
        ),
        (lambda bank: stems.split(bank, filters=32, share=0.5), "bank must have 16 filters, .* of the 32, got 8"),
        (lambda bank: stems.split(np.tile(bank, 5), filters=32), "bank must have 16 filters, .* of the 32, got 40"),
    ],
)
def test_an_array_that_is_not_its_part_of_the_filters_is_refused(make, said):
    with pytest.raises(ValueError, match=said):
        make(KERNEL)(keras.Input((8, 8, 3)))


def test_an_array_that_is_its_part_of_the_filters_is_taken():
    kernel = rng.normal(size=(3, 3, 3, 8)).astype(np.float32)
    for stem, count in ((stems.pass_through(kernel, 14), 14), (stems.split(kernel, 32, 3, share=0.25), 32)):
        found = maps(stem)
        assert found.shape[-1] == count
        np.testing.assert_allclose(found[..., :8], ops.conv2d(IMAGES, kernel, padding="same"), atol=1e-5)


def test_a_start_without_a_length_is_refused():
    stem = stems.learned(filters=2, start=np.zeros((3, 3, 3, 2)))
    with pytest.raises(ValueError, match="start must not be all zero: there is no length to change"):
        stem(keras.Input((8, 8, 3)))


@pytest.mark.parametrize("weight", [np.nan, np.inf])
@pytest.mark.parametrize(
    ("make", "called"),
    [
        (stems.fixed, "bank"),
        (lambda array: stems.split(array, 16), "bank"),
        (lambda array: stems.learned(start=array), "start"),
    ],
)
def test_weights_that_are_no_numbers_are_refused(make, called, weight):
    with pytest.raises(ValueError, match=rf"{called} must be finite, got NaN or infinity; find them with np.isfinite"):
        make(KERNEL * np.array([1] * 7 + [weight]))(keras.Input((8, 8, 3)))


def test_components_of_what_does_not_vary_or_is_no_number_are_refused():
    images = rng.random((4, 9, 9, 3))
    for patches in (0, 1):
        with pytest.raises(ValueError, match=f"patches must be at least 2, got {patches}"):
            stems.principal_components(images, 4, 3, patches=patches)
    assert np.isfinite(stems.principal_components(images, 4, 3, patches=2)).all()
    images[0, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="images must be finite, got NaN or infinity"):
        stems.principal_components(images, 4, 3)
    with pytest.raises(ValueError, match=r"images must not be empty, got shape \(0, 9, 9, 3\)"):
        stems.principal_components(images[:0], 4, 3)


NAMES = 'random, random colours, derivatives, .*, or banks joined with "\\+", .* or after "grey ".* or an array .* got '


@pytest.mark.parametrize(
    ("make", "error", "said"),
    [
        (lambda: stems.learned(start="radnom"), ValueError, f"start must be one of {NAMES}'radnom'"),
        (lambda: stems.fixed("grey random"), ValueError, f"bank must be one of {NAMES}'grey random'"),
        (lambda: stems.split("lines+", 16), ValueError, f"bank must be one of {NAMES}'lines\\+'"),
        (
            lambda: stems.learned(start=None),
            ValueError,
            r"start must be a name or an array \(KH, KW, 3, filters\), got None",
        ),
        (lambda: stems.fixed([[1, 2], [3]]), ValueError, "bank must have rows of equal length"),
        (lambda: stems.learned(start=KERNEL.astype(str)), TypeError, "start must hold real numbers"),
        *(
            (lambda make=make: make(filters=0), ValueError, "filters must be at least 1, got 0")
            for make in (
                *(stems.learned, stems.edge_biased, stems.factorised, stems.stacked, stems.resnet_c, stems.gradual),
                *(stems.constant, stems.patchify, lambda filters: stems.learned(filters, length="glorot")),
                *(
                    lambda filters, bank=bank: stems.fixed(bank, filters)
                    for bank in ("random", "random colours", "dct")
                ),
                *(lambda filters: stems.basis("dct", filters), lambda filters: stems.pass_through("dct", filters)),
            )
        ),
        (lambda: stems.gradual("8"), TypeError, "filters must be a whole number, got '8'"),
        (lambda: stems.split("gabor", 8.0), TypeError, "filters must be a whole number, got 8.0"),
        (lambda: stems.split("gabor", 8, share=np.nan), ValueError, "share must be a number from 0 to 1, got nan"),
        (lambda: stems.fixed("lines", size=5.0), TypeError, "size must be a whole number, got 5.0"),
        (lambda: stems.learned(size=5.0), TypeError, "size must be a whole number, got 5.0"),
    ],
)
def test_a_stem_that_cannot_be_made_names_the_argument_and_what_it_may_be(make, error, said):
    with pytest.raises(error, match=said):
        make()(keras.Input((8, 8, 3)))


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("lines", 4, 2), ValueError, "size must be at least 3, got 2"),
        (("lines", 4, 4), ValueError, "size must be odd, .* got 4"),
        (("lines", 4, 5.0), TypeError, "size must be a whole number, got 5.0"),
        ((5,), ValueError, "name must be one of derivatives, lines, curves, gabor, dct, or banks joined .* got 5"),
        (("random",), ValueError, "name must be one of derivatives, .* got 'random'"),
    ],
)
def test_a_bank_that_is_none_says_what_there_is(arguments, error, said):
    with pytest.raises(error, match=said):
        stems.bank(*arguments)
