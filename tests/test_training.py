"""Training Keras models: the device report, seeds, batches, speed; and gradients by Keras's backend."""

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is not installed")

import keras

from cnnlessons import autodiff, models, training
from cnnlessons.gradcheck import numerical_gradient, relative_error

rng = np.random.default_rng(0)
IMAGES = rng.random((20, 8, 8, 1), np.float32)
LABELS = rng.integers(0, 3, 20)


@pytest.fixture(autouse=True)
def float32_afterwards():
    yield
    keras.mixed_precision.set_dtype_policy("float32")


def small(**options):
    return models.classifier(keras.layers.Conv2D(4, 3, padding="same", **options), (8, 8, 1), classes=3, width=4)


# ---- autodiff


def test_gradients_are_those_of_central_differences():
    array = rng.normal(size=(3, 4))
    value, (gradient,) = autodiff.gradients(lambda x: keras.ops.sum(keras.ops.sin(x) * x), [array])
    expected = numerical_gradient(lambda x: np.sum(np.sin(x) * x), array)
    assert value == pytest.approx(np.sum(np.sin(array) * array))
    assert relative_error(gradient, expected) < 1e-6


def test_an_argument_that_is_not_used_has_gradient_zero():
    _, (used, unused) = autodiff.gradients(lambda x, y: keras.ops.sum(x), [np.ones(3, "f"), np.ones(2, "f")])
    np.testing.assert_array_equal(used, np.ones(3))
    np.testing.assert_array_equal(unused, np.zeros(2))


def test_weight_gradients_have_a_place_for_every_trainable_weight_and_change_nothing():
    model = small()
    before = model.get_weights()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    value, gradients = autodiff.weight_gradients(model, loss, IMAGES, LABELS)
    assert list(gradients) == [weight.path for weight in model.trainable_variables]
    assert all(gradients[weight.path].shape == weight.shape for weight in model.trainable_variables)
    assert value > 0
    assert all(map(np.array_equal, before, model.get_weights()))


def test_a_backend_without_gradients_says_which_have_them(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "numpy")
    with pytest.raises(NotImplementedError, match="'numpy' has no gradients; set KERAS_BACKEND to tensorflow, jax"):
        autodiff.gradients(keras.ops.sum, [np.ones(3)])


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


# ---- training


def test_the_device_names_backend_kind_and_precision():
    found = training.prepare(seed=1, precision="float32")
    assert found.backend == keras.backend.backend()
    assert found.kind in ("CPU", "GPU")
    assert str(found).startswith(f"Keras on {found.backend}, {found.kind}")
    assert str(found).endswith("float32")


def test_a_gpu_gets_mixed_precision_unless_the_reader_chooses(monkeypatch):
    monkeypatch.setitem(training._GPU_NAMES, keras.backend.backend(), lambda: "Test GPU")
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


def test_watched_training_runs_line_by_line():
    assert training.compiled(small(), watch=True).run_eagerly
