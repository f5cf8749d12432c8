"""Training Keras models: the device report, seeds, batches, speed."""

import itertools

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is not installed")

import keras

from cnnlessons import models, training

rng = np.random.default_rng(0)
IMAGES = rng.random((20, 8, 8, 1), np.float32)
LABELS = rng.integers(0, 3, 20)


@pytest.fixture(autouse=True)
def float32_afterwards():
    yield
    keras.config.set_floatx("float32")
    keras.mixed_precision.set_dtype_policy("float32")


def small(**options):
    return models.classifier(keras.layers.Conv2D(4, 3, padding="same", **options), (8, 8, 1), classes=3, width=4)


# ---- models


def test_a_classifier_gives_a_logit_for_each_class():
    assert small().predict(IMAGES, verbose=0).shape == (20, 3)


def test_only_the_stem_differs_between_two_classifiers():
    def shapes(model):
        return [weight.shape for layer in model.layers if layer.name != "stem" for weight in layer.weights]

    one = models.classifier(keras.layers.Conv2D(8, 3, padding="same", name="stem"), (16, 16, 3), 10)
    other = models.classifier(keras.layers.Conv2D(8, 7, strides=2, padding="same", name="stem"), (16, 16, 3), 10)
    assert shapes(one) == shapes(other)


def test_an_image_that_shrinks_to_one_pixel_is_still_classified():
    model = models.classifier(keras.layers.Conv2D(2, 4, strides=4), (4, 4, 1), classes=2)
    assert model.output_shape == (None, 2)


@pytest.mark.parametrize(
    ("stem", "error", "said"),
    [
        (3, TypeError, "stem must be a function from a tensor to a tensor, got 3"),
        (keras.layers.Flatten(), ValueError, r"stem must return feature maps \(N, H, W, F\), got \(None, 64\)"),
    ],
)
def test_a_stem_that_is_none_says_so(stem, error, said):
    with pytest.raises(error, match=said):
        models.classifier(stem, (8, 8, 1), 3)


def test_logits_stay_float32_in_mixed_precision():
    training.prepare(precision="mixed_bfloat16")
    model = small()
    assert model.get_layer("block1_conv").compute_dtype == "bfloat16"
    assert model.predict(IMAGES, verbose=0).dtype == np.float32


def test_in_float64_nothing_is_rounded_to_less_from_weights_to_gradients_and_float32_comes_back():
    training.prepare(precision="float64")
    model = training.compiled(small())
    training.fit(model, IMAGES.astype(float), LABELS, progress=False)
    logits = keras.ops.convert_to_tensor(model(IMAGES.astype(float)))
    assert keras.backend.standardize_dtype(model.loss(LABELS, logits).dtype) == "float64"
    moments = [moment for moment in model.optimizer.variables if "kernel" in moment.path]
    dtypes = {keras.backend.standardize_dtype(each.dtype) for each in [*model.weights, *moments, logits]}
    assert dtypes == {"float64"}
    training.prepare(precision="float32")
    assert small()(IMAGES).numpy().dtype == np.float32


# ---- training


def test_the_device_names_backend_kind_and_precision():
    found = training.prepare(seed=1, precision="float32")
    assert found.backend == keras.backend.backend()
    assert found.kind in ("CPU", "GPU")
    assert str(found).startswith(f"Keras on {found.backend}, {found.kind}")
    assert str(found).endswith("float32")


def test_a_gpu_gets_mixed_precision_unless_the_reader_chooses(monkeypatch):
    monkeypatch.setattr(training, "_gpu", lambda: "Test GPU")
    monkeypatch.delenv("CNNLESSONS_PRECISION", raising=False)
    assert str(training.prepare()).endswith("GPU (Test GPU), mixed_float16")
    monkeypatch.setenv("CNNLESSONS_PRECISION", "float32")
    assert training.prepare().precision == "float32"


def test_an_unknown_precision_says_which_there_are():
    with pytest.raises(ValueError, match=r"precision must be auto, float32, .* got 'float8'"):
        training.prepare(precision="float8")


def test_the_same_seed_gives_the_same_weights():
    first, again, other = [], [], []
    for seed, weights in ((5, first), (5, again), (6, other)):
        training.prepare(seed, precision="float32")
        weights += small().get_weights()
    assert all(map(np.array_equal, first, again))
    assert not all(map(np.array_equal, first, other))


def test_every_epoch_shows_every_image_once_in_an_order_of_its_own():
    source = training.batches(np.arange(10), np.arange(10), batch_size=4, seed=3)
    epochs = [np.concatenate([next(source)[0] for _ in range(3)]) for _ in range(3)]
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_fit_learns_and_measures_every_epoch(capsys):
    model = training.compiled(small(), 0.01)
    history = training.fit(model, IMAGES, LABELS, epochs=8, batch_size=8, validation=(IMAGES, LABELS))
    assert history["loss"][-1] < history["loss"][0]
    assert {name: len(values) for name, values in history.items()} == dict.fromkeys(
        ("loss", "accuracy", "val_loss", "val_accuracy", "images_per_second"), 8
    )
    assert (history["images_per_second"] > 0).all()
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 8
    assert "validation accuracy" in said.out
    assert "images/s" in said.out
    assert said.err == ""


def test_fit_without_progress_says_nothing(capsys):
    training.fit(training.compiled(small()), IMAGES, LABELS, progress=False)
    assert capsys.readouterr() == ("", "")


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="another backend traces otherwise")
def test_the_training_step_is_traced_once(monkeypatch):
    traced, step = [], keras.Model.train_step
    monkeypatch.setattr(keras.Model, "train_step", lambda *arguments: traced.append(1) or step(*arguments))
    model = training.compiled(small(), 0.01)
    training.fit(model, IMAGES, LABELS, epochs=2, batch_size=len(IMAGES) - 1, progress=False)
    assert len(traced) == 1


def test_the_time_of_validation_is_not_counted_as_training(monkeypatch):
    clock = iter(range(0, 1000, 10))
    monkeypatch.setattr(training.time, "perf_counter", lambda: next(clock))
    speed = training.Speed(images=100)
    speed.on_epoch_begin(0)  # 0 s
    speed.on_test_begin()  # 10 s
    speed.on_test_end()  # 20 s
    speed.on_epoch_end(0)  # 30 s
    assert speed.images_per_second == [100 / 20]


def test_labels_that_are_too_few_say_so():
    with pytest.raises(ValueError, match=r"labels must be as many as images, .* got 19 for 20"):
        training.fit(training.compiled(small()), IMAGES, LABELS[:-1], progress=False)


def test_a_model_must_be_compiled_to_be_trained():
    with pytest.raises(ValueError, match=r"model must be compiled .* got a Functional .* training.compiled\(model\)"):
        training.fit(small(), IMAGES, LABELS, progress=False)


def test_watched_training_runs_line_by_line():
    assert training.compiled(small(), watch=True).run_eagerly


# ---- two phases, and how far kernels move


def two_phases(epochs, first_phase, model=None, **options):
    """Train a small classifier in two phases; return it, its history, and the stem's kernel and rate by epoch."""
    model = small(name="stem") if model is None else model
    stem, seen = model.get_layer("stem"), []

    def see(epoch, logs):
        seen.append((epoch, stem.kernel.numpy().copy(), float(model.optimizer.learning_rate.numpy())))

    watch = keras.callbacks.LambdaCallback(on_epoch_end=see)
    options = {"callbacks": [watch], "progress": False, "batch_size": 8} | options
    history = training.fit_in_two_phases(model, IMAGES, LABELS, epochs, first_phase, **options)
    return model, history, seen


def test_a_frozen_layer_stays_in_the_first_phase_and_moves_in_the_second():
    model = small(name="stem")
    start, body = model.get_layer("stem").kernel.numpy(), model.get_layer("block1_conv").kernel.numpy()
    trained, history, seen = two_phases(5, 3, model, frozen=["stem"], rates=(0.01, 0.002))
    assert trained.get_layer("stem").trainable
    assert [epoch for epoch, _, _ in seen] == [0, 1, 2, 3, 4]
    assert [np.array_equal(kernel, start) for _, kernel, _ in seen] == [True, True, True, False, False]
    np.testing.assert_allclose([rate for _, _, rate in seen], [0.01, 0.01, 0.01, 0.002, 0.002], rtol=1e-6)
    assert not np.array_equal(model.get_layer("block1_conv").kernel.numpy(), body)
    assert {len(values) for values in history.values()} == {5}


def test_a_single_frozen_layer_may_be_named_without_a_list():
    model = small(name="stem")
    start = model.get_layer("stem").kernel.numpy()
    _, _, seen = two_phases(2, 1, model, frozen="stem")
    assert [np.array_equal(kernel, start) for _, kernel, _ in seen] == [True, False]


def test_without_frozen_layers_the_first_phase_moves_all():
    model = small(name="stem")
    start = model.get_layer("stem").kernel.numpy()
    _, _, seen = two_phases(2, 1, model)
    assert not np.array_equal(seen[0][1], start)
    np.testing.assert_allclose([rate for _, _, rate in seen], [0.003, 0.0006], rtol=1e-6)


@pytest.mark.parametrize("first_phase", [0, 2])
def test_a_phase_may_be_empty(first_phase):
    model = small(name="stem")
    start = model.get_layer("stem").kernel.numpy()
    model, history, seen = two_phases(2, first_phase, model, frozen=["stem"])
    assert len(history["loss"]) == 2
    assert model.get_layer("stem").trainable
    assert np.array_equal(seen[-1][1], start) == (first_phase == 2)


def test_phases_that_are_none_are_refused():
    with pytest.raises(ValueError, match="first_phase must be at most epochs, 2, got 3"):
        two_phases(2, 3)
    with pytest.raises(ValueError, match="No such layer: nope"):
        two_phases(2, 1, frozen=["nope"])
    with pytest.raises(ValueError, match="frozen must name layers with weights, and 'stem_pool' has none"):
        two_phases(2, 1, frozen=["stem_pool"])


def test_training_that_goes_on_sees_the_batches_of_the_epochs_that_are_left():
    whole, second = (list(itertools.islice(training.batches(IMAGES, LABELS, 8, 1, n), 6 - 3 * n)) for n in (0, 1))
    for (images, labels), (again, labels_again) in zip(whole[3:], second, strict=True):
        np.testing.assert_array_equal(images, again)
        np.testing.assert_array_equal(labels, labels_again)


def test_training_that_is_interrupted_ends_with_the_same_weights():
    model, twin = small(), small()
    twin.set_weights(model.get_weights())
    for each in (model, twin):
        training.compiled(each, 0.01)
    training.fit(model, IMAGES, LABELS, 3, 8, progress=False)
    training.fit(twin, IMAGES, LABELS, 1, 8, progress=False)
    history = training.fit(twin, IMAGES, LABELS, 3, 8, progress=False, first_epoch=1)
    assert {len(values) for values in history.values()} == {2}
    for ours, theirs in zip(model.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_drift_is_measured_in_lengths_of_the_start():
    start = np.zeros((1, 2, 1, 3))
    start[0, :, 0] = [[3, 1, 2], [4, 0, 0]]  # of lengths 5, 1 and 2
    kernel = start.copy()
    kernel[0, :, 0, 1] = 0  # gone: 1
    kernel[0, 1, 0, 2] = 3  # moved by 3: 3 / 2
    np.testing.assert_allclose(training.drift(start, kernel), [0, 1, 1.5])
    with pytest.raises(ValueError, match=r"start and kernel must both be .*, got \(1, 2, 1, 3\) and \(1, 2, 1, 2\)"):
        training.drift(start, kernel[..., :2])


def test_drift_is_told_for_every_filter_after_every_epoch():
    model = small(name="stem")
    layers = [model.get_layer(name) for name in ("stem", "block1_conv")]
    starts = [layer.kernel.numpy().copy() for layer in layers]
    watched = training.Drift(layers)
    two_phases(3, 1, model, frozen=["stem"], callbacks=[watched])
    assert [drift.shape for drift in watched.by_epoch] == [(8,)] * 3
    np.testing.assert_array_equal(watched.by_epoch[0][:4], 0)  # frozen
    assert (watched.by_epoch[0][4:] > 0).all()
    assert (watched.by_epoch[-1] > 0).all()
    last = [training.drift(start, layer.kernel.numpy()) for start, layer in zip(starts, layers, strict=True)]
    np.testing.assert_array_equal(watched.by_epoch[-1], np.concatenate(last))


# ---- what a model costs


@pytest.mark.parametrize(
    ("depth", "names"),
    [
        (0, ["stem"]),
        (1, ["stem", "block1_conv", "block2_conv"]),
        (2, ["stem", "block1_conv", "block1_2_conv", "block2_conv", "block2_2_conv"]),
    ],
)
def test_depth_is_the_number_of_convolutions_in_each_block(depth, names):
    model = models.classifier(keras.layers.Conv2D(3, 3, name="stem"), (10, 10, 1), 3, width=4, depth=depth, pool=False)
    found = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.name for layer in found] == names
    assert [layer.filters for layer in found] == [3, *[4] * depth, *[6] * depth]
    assert {layer.output.shape[1:3] for layer in found[: 1 + depth]} == {(8, 8)}  # no pooling after the stem
    assert {layer.output.shape[1:3] for layer in found[1 + depth :]} <= {(4, 4)}
    assert "stem_pool" not in {layer.name for layer in model.layers}
    assert model.output_shape == (None, 3)


def test_a_convolution_of_each_channel_by_itself_costs_no_more_than_it_computes():
    images = keras.Input((8, 8, 3))
    by_channel, separable = keras.layers.DepthwiseConv2D(3, depth_multiplier=2), keras.layers.SeparableConv2D(5, 3)
    separable(by_channel(images))
    assert models.costs([by_channel]) == (3 * 3 * 3 * 2 + 6, 36 * 9 * 6, 36 * 6)
    assert models.costs([separable]) == (9 * 6 + 6 * 5 + 5, 16 * (9 * 6 + 6 * 5), 16 * 5)


def test_what_cannot_be_counted_is_refused():
    layer = keras.layers.Conv2DTranspose(4, 3)
    layer(keras.Input((8, 8, 3)))
    with pytest.raises(ValueError, match="SeparableConv2D and Dense, got Conv2DTranspose"):
        models.costs([layer])


def test_costs_are_those_counted_by_hand():
    stem = keras.layers.Conv2D(2, 3, strides=2, padding="same", name="stem")
    model = models.classifier(stem, (8, 8, 3), classes=5, width=4, pool=False)
    places = {"stem": 4 * 4, "block1": 4 * 4, "block2": 2 * 2}
    weights = {"stem": 3 * 3 * 3 * 2, "block1": 3 * 3 * 2 * 4, "block2": 3 * 3 * 4 * 6, "dense": 6 * 5}
    normalised = 2 * (2 + 4 + 6)  # a scale and a shift for each map
    costs = models.costs(model.layers)
    assert costs.parameters == sum(weights.values()) + 2 + 5 + normalised  # two layers have a bias
    assert costs.multiply_adds == sum(weights[name] * places.get(name, 1) for name in weights)
    assert costs.activations == 2 * 4 * 4 + 4 * 4 * 4 + 6 * 2 * 2 + 5
    assert models.costs([model.get_layer("stem")]) == (weights["stem"] + 2, weights["stem"] * 16, 2 * 16)
    assert models.costs([]) == (0, 0, 0)
