"""A network trains, stops, goes on with the same numbers, survives on disk, and says what it does not understand."""

import contextlib
import errno
import functools
import io
import json
import os
import pickle
import signal
import stat
import tempfile
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cnnlessons import layers, ops, optimizers
from cnnlessons.gradcheck import numerical_gradient, relative_error
from cnnlessons.network import Epoch, Evaluation, History, Sequential, Step, epoch_order

INPUT = (6, 6, 1)
IMAGES = np.random.default_rng(0).standard_normal((14, *INPUT)).astype(np.float32)
LABELS = np.arange(14) % 3
BATCH = 4  # four steps an epoch, the last of two images
STEPS = 4
HELD_OUT = IMAGES[:5][:, ::-1], LABELS[:5]
OPTIMIZERS = {
    "sgd": lambda: optimizers.SGD(0.05),
    "momentum": lambda: optimizers.SGD(0.05, momentum=0.9, weight_decay=0.1),
    "adam": lambda: optimizers.Adam(0.01),
}
few = settings(max_examples=20)


def chain(*more):
    """The layers of a network with every kind of state: weights, biases, scales and moving averages."""
    return [*more, layers.Conv2D(2), layers.BatchNorm(), layers.ReLU(), layers.MaxPool2D(), layers.Flatten()]


def network(*more, seed=0, dtype=np.float32):
    return Sequential([*chain(*more), layers.Dense(3)], INPUT, seed, dtype)


def fit(trained, epochs=2, optimizer=None, **others):
    optimizer = OPTIMIZERS["adam"]() if optimizer is None else optimizer
    given = {"batch_size": BATCH, "validation": HELD_OUT, "seed": 5, "progress": False} | others
    return trained.fit(IMAGES, LABELS, epochs, optimizer=optimizer, **given)


def steps(trained, epochs=2, optimizer=None, **others):
    optimizer = OPTIMIZERS["adam"]() if optimizer is None else optimizer
    given = {"batch_size": BATCH, "validation": HELD_OUT, "seed": 5} | others
    return trained.training_steps(IMAGES, LABELS, epochs, optimizer=optimizer, **given)


@functools.cache
def uninterrupted(name="adam"):
    trained = network()
    fit(trained, optimizer=OPTIMIZERS[name]())
    return trained


def arrays_of(trained):
    """All that a training changes, copied."""
    groups = {"parameters": trained.parameters(), "state": trained.state()}
    groups["optimizer"] = {} if trained.optimizer is None else trained.optimizer.state()
    return {f"{group}/{name}": array.copy() for group, arrays in groups.items() for name, array in arrays.items()}


def assert_same_numbers(first, second):
    """Say that two networks are the same, bit for bit, with their trainings."""
    arrays, others = arrays_of(first), arrays_of(second)
    assert arrays.keys() == others.keys()
    for name, array in arrays.items():
        assert array.dtype == others[name].dtype
        np.testing.assert_array_equal(array, others[name], err_msg=name)
    np.testing.assert_array_equal(first.predict(IMAGES), second.predict(IMAGES))
    assert without_speed(first.training.history) == without_speed(second.training.history)


def without_speed(history):
    return [row[:-1] for row in history]


class Alarm(layers.Layer):
    """A layer that calls a function at one of its training steps, in the midst of the forward pass."""

    def __init__(self, ring=None, at=0):
        self.ring, self.at, self.count = ring, at, 0

    def forward(self, images, training=False):
        if training:
            self.count += 1
            if self.count == self.at + 1:
                self.ring()
        return images


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


# --------------------------------------------------------------------------- forward and backward


@pytest.mark.parametrize("training", [True, False])
def test_the_gradient_of_every_parameter_and_of_the_images_is_the_central_difference(training):
    made = [layers.Conv2D(2, padding="same"), layers.BatchNorm(), layers.ReLU(), layers.AveragePool2D()]
    made += [layers.Conv2D(3, 2, use_bias=False), layers.MaxPool2D(2, 1), layers.BatchNorm(), layers.Flatten()]
    checked = Sequential([*made, layers.Dense(4), layers.ReLU(), layers.Dense(3)], INPUT, dtype=np.float64)
    images = IMAGES[:4].astype(np.float64)
    for array in checked.parameters().values():
        array += 0.1 * np.random.default_rng(1).standard_normal(array.shape)

    def loss(images=images):
        return ops.softmax_cross_entropy(checked.forward(images, training), LABELS[:4])

    def loss_with(array, value):
        before = array.copy()
        array[...] = value
        result = loss()
        array[...] = before
        return result

    grad_logits = ops.softmax_cross_entropy_backward(checked.forward(images, training), LABELS[:4])
    grad_images = checked.backward(grad_logits)
    gradients = {name: gradient.copy() for name, gradient in checked.gradients().items()}
    assert gradients.keys() == checked.parameters().keys()
    assert relative_error(grad_images, numerical_gradient(loss, images)) < 1e-6
    for name, array in checked.parameters().items():
        moved = numerical_gradient(functools.partial(loss_with, array), array)
        assert np.abs(gradients[name] - moved).max() < 1e-8 + 1e-6 * np.abs(moved).max()


def test_forward_goes_through_the_layers_in_turn_and_backward_in_reverse():
    made = network()
    images = IMAGES
    for layer in made.layers:
        images = layer.forward(images)
    np.testing.assert_array_equal(made.forward(IMAGES), images)
    assert made.backward(np.ones_like(images)).shape == IMAGES.shape


def test_training_needs_no_gradient_of_the_images_and_gets_the_same_ones_of_the_parameters():
    made = network()
    grad_logits = ops.softmax_cross_entropy_backward(made.forward(IMAGES, training=True), LABELS)
    assert made.backward(grad_logits).shape == IMAGES.shape
    expected = {name: gradient.copy() for name, gradient in made.gradients().items()}
    for gradient in made.gradients().values():
        gradient[...] = np.nan
    assert made.backward(grad_logits, to_images=False) is None
    for name, gradient in made.gradients().items():
        np.testing.assert_array_equal(gradient, expected[name])


def test_names_say_kind_place_and_parameter():
    assert [*network().parameters()] == [
        "conv2d_0.kernel", "conv2d_0.bias", "batchnorm_1.scale", "batchnorm_1.shift", "dense_5.weights", "dense_5.bias",
    ]  # fmt: skip
    assert [*network().state()] == ["batchnorm_1.moving_mean", "batchnorm_1.moving_variance"]


def test_parameters_are_the_arrays_that_the_layers_use():
    made = network()
    made.parameters()["dense_5.bias"][:] = [5, 6, 7]
    np.testing.assert_array_equal(made.layers[5].bias, [5, 6, 7])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_everything_is_computed_in_the_networks_type_whatever_the_images_are(dtype):
    made = network(dtype=dtype)
    for images in (IMAGES.astype(np.float64), IMAGES > 0, (IMAGES * 10).astype(np.int8)):
        assert made.predict(images).dtype == dtype
        fit_images = made.copy()
        fit_images.fit(images, LABELS, optimizer="sgd", progress=False)
        assert {array.dtype for array in arrays_of(fit_images).values()} == {np.dtype(dtype)}
        assert {array.dtype for array in fit_images.gradients().values()} == {np.dtype(dtype)}


def test_the_seed_decides_the_starting_weights_and_build_draws_them_anew():
    first, second, other = network(), network(), network(seed=1)
    kernels = [made.parameters()["conv2d_0.kernel"].copy() for made in (first, second, other)]
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert not np.array_equal(kernels[0], kernels[2])
    fit(first)
    first.build(INPUT)
    np.testing.assert_array_equal(first.parameters()["conv2d_0.kernel"], kernels[0])


# ---- what was trained is not lost


class Inside(layers.Layer):
    """A layer with others inside, one of whose own arrays is drawn in its place."""

    def __init__(self):
        self.inner, self.shift = layers.Conv2D(2), np.zeros(1)

    def build(self, input_shape, rng, dtype=np.float32):
        self.shift[:] = rng.random()
        return self.inner.build(input_shape, rng, dtype)

    def forward(self, images, training=False):
        return self.inner.forward(images, training) + self.shift

    def backward(self, grad_output):
        return self.inner.backward(grad_output)

    def parameters(self):
        return self.inner.parameters()

    def gradients(self):
        return self.inner.gradients()


@pytest.mark.parametrize("shape", [(2, 2, 3), (3, 3, 3), (6, 6), (6, 6, 0), (6, 6, 1.5)])
@pytest.mark.parametrize("first", [[], [Inside()]], ids=["plain", "with layers inside"])
def test_a_shape_that_is_refused_leaves_a_trained_network_as_it_was(first, shape):
    made = Sequential([*first, *chain(), layers.Dense(3)], (8, 8, 1))
    images = np.pad(IMAGES, ((0, 0), (1, 1), (1, 1), (0, 0)))
    made.fit(images, LABELS, 1, BATCH, progress=False)
    before, training = made.predict(images), made.training
    with pytest.raises((TypeError, ValueError)):
        made.build(shape)
    np.testing.assert_array_equal(made.predict(images), before)
    assert made.training is training
    made.fit(images, LABELS, 2, BATCH, progress=False, resume=True)


def test_a_layer_that_cannot_be_copied_is_built_all_the_same():
    made = [layers.Flatten(), layers.Dense(3)]
    made[0].lock = threading.Lock()
    assert Sequential(made, INPUT).predict(IMAGES).shape == (14, 3)
    with pytest.raises(ValueError, match="Dense takes"):
        Sequential([made[1]], INPUT)
    assert made[1].weights.shape == (36, 3)


def trained():
    made = network()
    fit(made, 1)
    return made


def given_by_hand():
    made = network()
    made.layers[0].kernel[:] = 1
    return made


def unpickled():
    return pickle.loads(pickle.dumps(trained()))


@pytest.mark.parametrize("make", [trained, given_by_hand, unpickled, lambda: trained().copy()])
@pytest.mark.parametrize(
    "share",
    [
        lambda net: Sequential([*net.layers[:-1], layers.Dense(2)], INPUT),
        lambda net: Sequential([*net.layers[:-1], layers.Dense(2)]).predict(IMAGES),
        lambda net: Sequential(net.layers, INPUT, seed=1),
        lambda net: net.copy(keep=0, then=net.layers),
    ],
)
def test_weights_of_another_network_are_not_drawn_anew(make, share):
    made = make()
    before = made.predict(IMAGES)
    with pytest.raises(
        ValueError, match=r"layers\[0\]; give net.copy\(\).layers .*net.copy\(keep=-1, then=\[Dense\(3\)"
    ):
        share(made)
    np.testing.assert_array_equal(made.predict(IMAGES), before)
    Sequential([*made.copy().layers[:-1], layers.Dense(2)], INPUT)  # the first remedy works
    made.build(INPUT)  # its own weights it may draw


def test_a_network_may_share_layers_whose_weights_are_as_they_were_drawn():
    whole = network()
    last = Sequential(whole.layers[-1:], whole.output_shapes[-2])
    last.layers[0].weights[:] = 2
    assert (whole.layers[-1].weights == 2).all()


def test_a_copy_goes_on_from_trained_layers_to_other_classes():
    first = trained()
    before = first.predict(IMAGES)
    other = first.copy(keep=-1, then=[layers.Dense(4), layers.ReLU(), layers.Dense(2)], seed=1)
    assert (other.output_shapes[-4:], other.output_shape) == ([(8,), (4,), (4,), (2,)], (2,))
    assert (other.training, other.optimizer, len(other.layers)) == (None, None, 8)
    for name, array in {**other.parameters(), **other.state()}.items():
        if not name.startswith("dense"):
            np.testing.assert_array_equal(array, {**first.parameters(), **first.state()}[name])
    other.fit(IMAGES, LABELS % 2, progress=False)
    features = first.copy(keep=-1)
    assert features.predict(IMAGES).shape == (14, *features.output_shape) == (14, 8)
    np.testing.assert_array_equal(first.predict(IMAGES), before)


def test_weights_drawn_anew_have_no_training_to_resume():
    made = network()
    fit(made, 1)
    made.build(INPUT)
    assert (made.training, made.optimizer) == (None, None)
    assert_same_numbers_after_two_epochs(made)


def assert_same_numbers_after_two_epochs(made):
    fit(made, 2, resume=True)
    assert_same_numbers(made, uninterrupted())


def test_without_an_input_shape_the_first_images_decide():
    made = Sequential([layers.Flatten(), layers.Dense(3)])
    assert (made.input_shape, made.output_shape) == (None, None)
    assert made.predict(IMAGES).shape == (14, 3)
    assert (made.input_shape, made.output_shape) == (INPUT, (3,))


def test_a_float16_training_is_saved_and_goes_on_with_the_same_numbers(tmp_path):
    made = network(dtype=np.float16)
    fit(made, 1)
    made.save(tmp_path / "half.npz")
    loaded = Sequential.load(tmp_path / "half.npz")
    for each in (made, loaded):
        fit(each, 2, resume=True)
    assert_same_numbers(made, loaded)
    assert {array.dtype for array in loaded.optimizer.state().values()} == {np.dtype(np.float32)}


def test_the_table_counts_parameters_and_shows_shapes():
    lines = repr(network()).splitlines()
    assert [line.split()[0] for line in lines] == [
        "layer", "Conv2D", "BatchNorm", "ReLU", "MaxPool2D", "Flatten", "Dense", "total",
    ]  # fmt: skip
    assert lines[1].split()[1:] == ["4", "×", "4", "×", "2", "20"]
    assert int(lines[-1].split()[-1]) == sum(array.size for array in network().parameters().values())
    assert repr(Sequential(chain())) == "Sequential of 5 layers, not built yet"


# --------------------------------------------------------------------------- use


@pytest.mark.parametrize("batch_size", [1, 5, 7, 13, 14, 1000])
def test_prediction_and_evaluation_do_not_depend_on_the_batch(batch_size):
    trained = uninterrupted()
    np.testing.assert_allclose(trained.predict(IMAGES, batch_size), trained.forward(IMAGES), rtol=1e-5, atol=1e-6)
    split, whole = trained.evaluate(IMAGES, LABELS, batch_size), trained.evaluate(IMAGES, LABELS)
    assert split == pytest.approx(whole, rel=1e-5)


def test_evaluation_is_the_loss_and_the_share_of_right_answers():
    trained = uninterrupted()
    logits = trained.predict(IMAGES)
    evaluation = trained.evaluate(IMAGES, list(LABELS))
    assert isinstance(evaluation, Evaluation)
    assert evaluation.loss == ops.softmax_cross_entropy(logits, LABELS)
    assert evaluation.accuracy == sum(row.argmax() == label for row, label in zip(logits, LABELS, strict=True)) / 14


def test_prediction_changes_nothing():
    trained = uninterrupted().copy()
    before = arrays_of(trained)
    trained.predict(IMAGES + 5)
    trained.evaluate(IMAGES + 5, LABELS)
    for name, array in arrays_of(trained).items():
        np.testing.assert_array_equal(array, before[name])


def test_measured_averages_are_those_of_the_images_and_weights_stay():
    made = [layers.Conv2D(3), layers.BatchNorm(), layers.ReLU(), layers.Conv2D(4), layers.BatchNorm()]
    net = Sequential([*made, layers.Flatten(), layers.Dense(2)], (6, 6, 1), dtype=float)
    images = 3 + 2 * np.random.default_rng(0).standard_normal((20, 6, 6, 1))
    before = {name: array.copy() for name, array in net.parameters().items()}
    net.measure_averages(images)
    measured = {name: array.copy() for name, array in net.state().items()}
    np.testing.assert_allclose(net.predict(images), net.forward(images, training=True), rtol=1e-9)
    for name, array in net.parameters().items():
        np.testing.assert_array_equal(array, before[name])
    assert not np.allclose(measured["batchnorm_1.moving_mean"], 0)
    with pytest.raises(ValueError, match="images"):
        net.measure_averages(images[..., 0])


def frozen(array):
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "convert",
    [lambda array: array.tolist(), frozen, np.asfortranarray, lambda array: np.repeat(array, 2, axis=0)[::2], list],
    ids=["lists", "read-only", "Fortran order", "every second", "list of arrays"],
)
def test_lists_and_arrays_of_any_layout_train_alike(convert):
    trained = network()
    trained.fit(convert(IMAGES), convert(LABELS), 2, BATCH, OPTIMIZERS["adam"](), HELD_OUT, 5, progress=False)
    assert_same_numbers(trained, uninterrupted())


def test_bytes_are_numbers_like_others():
    images, made = (40 * (IMAGES + 3)).clip(0, 255).astype(np.uint8), network()
    np.testing.assert_array_equal(made.predict(images), made.predict(images.astype(np.float32)))
    fit_bytes, fit_floats = made.copy(), made.copy()
    for trained, inputs in ((fit_bytes, images), (fit_floats, images.astype(np.float64))):
        trained.fit(inputs, LABELS, optimizer="sgd", progress=False)
    assert_same_numbers(fit_bytes, fit_floats)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint64])
def test_labels_may_be_of_any_whole_type(kind):
    trained = network()
    trained.fit(IMAGES, LABELS.astype(kind), 2, BATCH, OPTIMIZERS["adam"](), HELD_OUT, 5, progress=False)
    assert_same_numbers(trained, uninterrupted())


def test_rows_of_numbers_are_images_too_and_two_classes_are_two_outputs():
    rows, labels = IMAGES.reshape(14, 36), (IMAGES.mean((1, 2, 3)) > 0).astype(int)
    trained = Sequential([layers.Dense(2)])
    trained.fit(rows, labels, 60, optimizer=optimizers.SGD(0.1), progress=False)
    assert trained.evaluate(rows, labels).accuracy == 1


def test_a_copy_goes_its_own_way():
    first = network()
    fit(first, 1)
    second = first.copy()
    before = arrays_of(first)
    fit(second, 2, resume=True)
    for name, array in arrays_of(first).items():
        np.testing.assert_array_equal(array, before[name])
    assert (len(first.training.history), first.optimizer.steps) == (1, STEPS)
    fit(first, 2, resume=True)
    assert_same_numbers(first, second)


def test_parameters_are_set_all_or_none():
    made, other = network(), network(seed=1)
    made.set_parameters({name: array.astype(np.float64) for name, array in other.parameters().items()})
    np.testing.assert_array_equal(made.predict(IMAGES), other.predict(IMAGES))
    assert made.parameters()["dense_5.bias"] is not other.parameters()["dense_5.bias"]
    before = arrays_of(made)
    names = [*made.parameters()]
    for wrong in (np.zeros(9), np.full(3, np.nan), np.full(3, 1e300), ["a", "b", "c"], np.ones(3) * 1j):
        with pytest.raises(ValueError, match=r"parameters dense_5.bias must be "):
            made.set_parameters({name: np.ones_like(made.parameters()[name]) for name in names} | {names[-1]: wrong})
    with pytest.raises(ValueError, match=r"exactly the network's names; dense_5.bias is only on one side"):
        made.set_parameters({name: made.parameters()[name] for name in names[:-1]})
    for name, array in arrays_of(made).items():
        np.testing.assert_array_equal(array, before[name])


# --------------------------------------------------------------------------- training


def sides(count=60, seed=0):
    """Images that are brighter on the left (class 0) or on the right (class 1)."""
    generator = np.random.default_rng(seed)
    images, labels = 0.5 * generator.standard_normal((count, *INPUT)), generator.integers(0, 2, count)
    images[labels == 0, :, :3] += 1
    images[labels == 1, :, 3:] += 1
    return images, labels


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_training_lowers_the_loss_and_what_is_learned_holds_for_new_images(name):
    trained = Sequential([*chain(), layers.Dense(2)], INPUT)
    history = trained.fit(*sides(), 8, 10, OPTIMIZERS[name](), progress=False)
    losses = history.column("loss")
    assert losses[-1] < 0.5 * losses[0]
    assert trained.evaluate(*sides(seed=1)).accuracy > 0.9


def test_one_step_of_plain_descent_subtracts_rate_times_gradient():
    made, other = network(), network()
    before = arrays_of(made)
    made.train_step(IMAGES, LABELS, optimizers.SGD(0.5))
    other.backward(ops.softmax_cross_entropy_backward(other.forward(IMAGES, training=True), LABELS))
    for name, gradient in other.gradients().items():
        np.testing.assert_allclose(made.parameters()[name], before[f"parameters/{name}"] - 0.5 * gradient, rtol=1e-5)


def test_a_step_reports_loss_and_accuracy_before_itself():
    made, other = network(), network()
    loss, accuracy = made.train_step(IMAGES, LABELS, optimizers.SGD(0.5))
    logits = other.forward(IMAGES, training=True)
    assert loss == ops.softmax_cross_entropy(logits, LABELS)
    assert accuracy == np.mean(logits.argmax(1) == LABELS)


def test_every_epoch_shows_each_image_once_in_an_order_of_its_own():
    made, seen = network(), []
    images = np.zeros((14, *INPUT)) + np.arange(14)[:, None, None, None]
    forward = made.layers[0].forward

    def watched(batch, training=False):
        seen.extend(batch[:, 0, 0, 0].astype(int).tolist())
        return forward(batch, training)

    made.layers[0].forward = watched
    made.fit(images, LABELS, 3, BATCH, optimizers.SGD(1e-6), progress=False)
    epochs = [seen[start : start + 14] for start in (0, 14, 28)]
    assert [sorted(epoch) for epoch in epochs] == [[*range(14)]] * 3
    assert len({tuple(epoch) for epoch in [*epochs, range(14)]}) == 4


def test_labels_stay_with_their_images():
    images, labels = sides()
    trained = Sequential([layers.Flatten(), layers.Dense(2)], INPUT)
    trained.fit(images, labels, 20, 7, progress=False, optimizer=optimizers.SGD(0.05))
    assert trained.evaluate(images, labels).accuracy > 0.95


def test_the_seed_decides_the_order_and_nothing_else_does():
    first, second, other = network(), network(), network()
    np.random.default_rng().random()
    for trained, seed in ((first, 5), (second, 5), (other, 6)):
        fit(trained, seed=seed)
    assert_same_numbers(first, second)
    assert not np.array_equal(first.predict(IMAGES), other.predict(IMAGES))


def test_steps_say_where_they_are_and_add_up_to_the_epochs():
    trained = network()
    made = list(steps(trained))
    assert all(isinstance(step, Step) for step in made)
    assert [step[:3] for step in made] == [
        (epoch, number, images) for epoch in (0, 1) for number, images in enumerate([4, 4, 4, 2])
    ]
    for row in trained.training.history:
        mine = [step for step in made if step.epoch == row.epoch]
        assert row.loss == pytest.approx(sum(step.images * step.loss for step in mine) / 14)
        assert row.accuracy == pytest.approx(sum(step.images * step.accuracy for step in mine) / 14)
    assert_same_numbers(trained, uninterrupted())


def test_validation_is_evaluated_after_each_epoch_and_may_be_left_out():
    trained, seen = network(), []
    for step in steps(trained):
        if step.number == STEPS - 1:
            seen.append(trained.evaluate(*HELD_OUT))
    history = trained.training.history
    assert [(row.validation_loss, row.validation_accuracy) for row in history] == seen
    without = network()
    for row in fit(without, validation=None):
        assert (row.validation_loss, row.validation_accuracy) == (None, None)
    assert np.isnan(without.training.history.column("validation_loss")).all()
    np.testing.assert_array_equal(without.predict(IMAGES), trained.predict(IMAGES))


def test_a_history_gives_its_columns():
    history = uninterrupted().training.history
    assert isinstance(history, History)
    assert all(isinstance(row, Epoch) for row in history)
    np.testing.assert_array_equal(history.column("epoch"), [0, 1])
    np.testing.assert_array_equal(history.column("loss"), [row.loss for row in history])
    assert (history.column("images_per_second") > 0).all()
    with pytest.raises(ValueError, match=r"name must be one of epoch, loss, .*got 'losses'"):
        history.column("losses")


class Slow(layers.Layer):
    """A layer whose every forward pass takes two seconds of a clock of its own."""

    now = 0.0

    def forward(self, images, training=False):
        self.now += 2
        return images


def test_speed_is_images_over_the_seconds_of_training_without_validation_and_pauses(monkeypatch):
    slow = Slow()
    made = network(slow)
    monkeypatch.setattr("time.perf_counter", lambda: slow.now)
    for _ in steps(made, 2):
        slow.now += 100  # what the reader does between steps is not training
    np.testing.assert_allclose(made.training.history.column("images_per_second"), 14 / (STEPS * 2))


def test_frozen_layers_stay_while_the_others_learn():
    made = network()
    made.layers[0].trainable = False
    before = arrays_of(made)
    fit(made, optimizer=optimizers.SGD(0.05, momentum=0.9, weight_decay=0.1))
    assert {name.split(".")[0] for name in made.gradients()} == {"batchnorm_1", "dense_5"}
    changed = {name for name, array in made.parameters().items() if (array != before[f"parameters/{name}"]).any()}
    assert changed == {*made.parameters()} - {"conv2d_0.kernel", "conv2d_0.bias"}
    assert not any("conv2d" in name for name in made.optimizer.state())


def test_a_frozen_layer_carries_gradients_to_those_before_it():
    made = network()
    made.layers[5].trainable = False
    before = made.parameters()["conv2d_0.kernel"].copy()
    fit(made, 1)
    assert not np.array_equal(made.parameters()["conv2d_0.kernel"], before)


def test_a_batch_larger_than_all_images_is_all_images():
    first, second = network(), network()
    fit(first, batch_size=14)
    fit(second, batch_size=1000)
    assert_same_numbers(first, second)
    assert first.optimizer.steps == 2


def test_no_epochs_train_nothing():
    made = network()
    before = made.predict(IMAGES)
    assert fit(made, 0) == []
    assert not made.training.history.interrupted
    np.testing.assert_array_equal(made.predict(IMAGES), before)


def test_a_new_training_goes_on_from_the_present_weights_with_a_history_of_its_own():
    made = network()
    first = fit(made, 2)
    second = fit(made, 1)
    assert (len(first), len(second), made.optimizer.steps) == (2, 1, STEPS)
    assert second[0].loss < first[0].loss


def test_iterators_keep_to_the_training_that_they_were_made_for():
    made = network()
    first = steps(made, batch_size=14)
    steps(made, batch_size=1)
    assert next(first).images == 14


# --------------------------------------------------------------------------- divergence


diverging = pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")


@diverging
@pytest.mark.parametrize("where", ["within an epoch", "in the validation"])
def test_a_training_that_diverges_says_so_with_the_remedy(where):
    made, handler = network(), signal.getsignal(signal.SIGINT)
    batch_size = BATCH if where == "within an epoch" else 14
    with pytest.raises(FloatingPointError, match=r"has diverged .*begin again with a learning_rate below 1e\+30"):
        fit(made, 9, optimizers.SGD(1e30), batch_size=batch_size)
    assert made.optimizer.steps == 1
    assert made.training.history.interrupted
    assert signal.getsignal(signal.SIGINT) is handler
    with pytest.raises(FloatingPointError, match="has diverged"):  # there is nothing left to go on from
        made.evaluate(IMAGES, LABELS)
    made.build(INPUT)  # the remedy works
    fit(made)
    assert_same_numbers(made, uninterrupted())


@diverging
@pytest.mark.parametrize(
    "where", ["parameters/dense_5.bias", "state/batchnorm_1.moving_mean", "optimizer/mean/dense_5"]
)
def test_weights_that_load_would_refuse_do_not_replace_a_good_file(where, tmp_path):
    made = network()
    fit(made)
    path = saved(tmp_path / "good.npz", made)
    group, name = where.split("/", 1)
    arrays = {"parameters": made.parameters, "state": made.state, "optimizer": made.optimizer.state}[group]()
    next(array for key, array in arrays.items() if key.startswith(name)).flat[0] = np.nan
    with pytest.raises(FloatingPointError, match=f"^{where}.* holds NaN or infinity, .* diverged; nothing is saved"):
        made.save(path)
    assert_same_numbers(Sequential.load(path), uninterrupted())


# --------------------------------------------------------------------------- stop and go on


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("stop", range(1, 2 * STEPS + 1))
def test_a_training_goes_on_from_a_file_with_the_same_numbers_wherever_it_stopped(name, stop, tmp_path):
    stopped = network()
    for _, _step in zip(range(stop), steps(stopped, optimizer=OPTIMIZERS[name]()), strict=False):
        pass
    stopped.save(tmp_path / "network.npz")
    resumed = Sequential.load(tmp_path / "network.npz")
    assert_same_numbers(resumed, stopped)
    history = fit(resumed, optimizer=OPTIMIZERS[name](), resume=True)
    assert_same_numbers(resumed, uninterrupted(name))
    assert not history.interrupted


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from([*OPTIMIZERS]), stops=st.sets(st.integers(1, 2 * STEPS - 1), max_size=4))
def test_a_training_may_be_stopped_and_loaded_any_number_of_times(name, stops, tmp_path):
    made, total = network(), 0
    for stop in sorted(stops):
        for _step in steps(made, optimizer=OPTIMIZERS[name](), resume=total > 0):
            total += 1
            if total == stop:
                break
        made.save(tmp_path / "network.npz")
        made = Sequential.load(tmp_path / "network.npz")
    fit(made, optimizer=OPTIMIZERS[name](), resume=total > 0)
    assert_same_numbers(made, uninterrupted(name))


@pytest.mark.parametrize("at", range(2 * STEPS))
def test_ctrl_c_ends_the_training_after_the_step_that_is_being_made(at, capsys):
    made, handler = network(Alarm(press_ctrl_c, at)), signal.getsignal(signal.SIGINT)
    history = fit(made)
    assert made.optimizer.steps == at + 1
    assert history.interrupted == (at + 1 < 2 * STEPS)
    assert signal.getsignal(signal.SIGINT) is handler
    assert capsys.readouterr() == ("", "")
    history = fit(made, resume=True)
    plain = network(Alarm(at=-1))
    fit(plain)
    assert_same_numbers(made, plain)
    assert not history.interrupted


def test_ctrl_c_from_outside_ends_an_endless_training_and_keeps_what_was_learned(capsys):
    begun = threading.Event()
    made = network(Alarm(begun.set, at=2))
    before = made.parameters()["dense_6.weights"].copy()

    def press():
        begun.wait()
        os.kill(os.getpid(), signal.SIGINT) if os.name == "posix" else press_ctrl_c()

    finger = threading.Thread(target=press)
    finger.start()
    history = fit(made, 10**9, progress=True)
    finger.join()
    assert history.interrupted
    assert made.optimizer.steps >= 3
    assert made.training.epoch == len(history)
    assert not np.array_equal(made.parameters()["dense_6.weights"], before)
    out, err = capsys.readouterr()
    assert out.endswith(
        f"Stopped in epoch {len(history) + 1}; what was learned is kept, fit(..., resume=True) goes on.\n"
    )
    assert err == ""


def test_a_handler_of_the_readers_own_is_put_back_and_not_called():
    calls, before = [], signal.getsignal(signal.SIGINT)

    def mine(*_):
        calls.append(1)

    signal.signal(signal.SIGINT, mine)
    try:
        assert fit(network(Alarm(press_ctrl_c, 1))).interrupted
        assert signal.getsignal(signal.SIGINT) is mine
        assert calls == []
    finally:
        signal.signal(signal.SIGINT, before)


def test_pressed_twice_ctrl_c_raises_at_once_and_the_half_made_step_cannot_be_resumed(tmp_path):
    def twice():
        press_ctrl_c()
        press_ctrl_c()

    handler, alarm = signal.getsignal(signal.SIGINT), Alarm(twice, 5)
    made = network(alarm)
    with pytest.raises(KeyboardInterrupt):
        fit(made)
    assert signal.getsignal(signal.SIGINT) is handler
    assert (made.optimizer.steps, made.training.step, made.training.history.interrupted) == (5, 1, True)
    made.save(tmp_path / "half.npz")
    for broken in (made, Sequential.load(tmp_path / "half.npz", [Alarm])):
        with pytest.raises(ValueError, match=r"resume must be False: the training was broken off within a step"):
            fit(broken, resume=True)
    alarm.at = -1
    assert len(fit(made)) == 2  # a new training may begin


def test_a_step_that_fails_cannot_be_resumed_either():
    def fail():
        raise MemoryError("full")

    made = network(Alarm(fail, 2))
    with pytest.raises(MemoryError):
        fit(made)
    with pytest.raises(ValueError, match="broken off within a step"):
        fit(made, resume=True)


def test_a_validation_that_was_broken_off_is_made_up_for(monkeypatch, tmp_path):
    made = network()
    with monkeypatch.context() as broken:
        broken.setattr(made, "predict", lambda *_: press_ctrl_c() or press_ctrl_c())
        with pytest.raises(KeyboardInterrupt):
            fit(made)
    assert (made.optimizer.steps, len(made.training.history)) == (STEPS, 0)
    made.save(tmp_path / "network.npz")
    for resumed in (made, Sequential.load(tmp_path / "network.npz")):
        fit(resumed, resume=True)
        assert_same_numbers(resumed, uninterrupted())


def test_fit_in_a_thread_trains_and_leaves_signals_alone():
    made, handler, errors = network(), signal.getsignal(signal.SIGINT), []

    def train():
        try:
            fit(made)
            assert signal.getsignal(signal.SIGINT) is handler
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=train)
    thread.start()
    thread.join()
    assert errors == []
    assert_same_numbers(made, uninterrupted())


@pytest.mark.parametrize("inside", [0, 1, 2, 3, 4])
def test_epochs_count_from_the_beginning_when_a_training_is_resumed(inside):
    made = network()
    fit(made, 2)
    history = fit(made, inside, resume=True)
    assert len(history) == max(2, inside)
    np.testing.assert_array_equal(history.column("epoch"), range(max(2, inside)))
    assert not history.interrupted


def test_resume_without_a_training_begins_one():
    made = network()
    fit(made, resume=True)
    assert_same_numbers(made, uninterrupted())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"batch_size": 5}, "batch_size must be what it was when the training stopped, 4, to resume it, got 5"),
        ({"seed": 6}, "seed must be what it was when the training stopped, 5, to resume it, got 6"),
        ({"optimizer": "sgd"}, "optimizer must be what it was .*Adam.*got .*SGD"),
        ({"optimizer": optimizers.Adam(0.02)}, r"optimizer must be what it was .*0\.01.*got .*0\.02.*leave out resume"),
    ],
)
def test_a_training_is_resumed_with_the_same_arguments_only(changed, words):
    made = network()
    fit(made, 1)
    before = arrays_of(made)
    with pytest.raises(ValueError, match=words):
        fit(made, resume=True, **changed)
    for name, array in arrays_of(made).items():
        np.testing.assert_array_equal(array, before[name])
    fit(made, resume=True)
    assert_same_numbers(made, uninterrupted())


def test_a_training_is_resumed_with_as_many_images_only():
    made = network()
    fit(made, 1)
    with pytest.raises(ValueError, match=r"number of images must be what it was .*14, to resume it, got 13"):
        made.fit(IMAGES[:13], LABELS[:13], 2, BATCH, OPTIMIZERS["adam"](), HELD_OUT, 5, progress=False, resume=True)


def test_the_optimizer_of_another_training_is_refused():
    used = optimizers.Adam()
    fit(network(), 1, used)
    other = network()
    with pytest.raises(ValueError, match=r"has made 4 steps; write Adam\(...\) once more, or resume=True"):
        fit(other, 1, used)
    assert (other.training, other.optimizer) == (None, None)


def test_the_optimizer_that_was_given_is_the_one_in_use_so_its_rate_can_be_changed_on_the_way():
    made, optimizer = network(), optimizers.SGD(0.1)
    for step in steps(made, 1, optimizer):
        optimizer.learning_rate = 1e-30
        if step.number == 0:
            after_the_first = made.parameters()["dense_5.weights"].copy()
    np.testing.assert_array_equal(made.parameters()["dense_5.weights"], after_the_first)
    assert made.optimizer is optimizer


# --------------------------------------------------------------------------- progress


def test_progress_shows_epoch_loss_accuracy_speed_and_time_left_on_standard_output(capsys):
    history = fit(network(), progress=True)
    out, err = capsys.readouterr()
    last = out.strip().split("\r")[-1]
    assert err == ""
    assert f"epoch 2/2, loss {history[-1].loss:.3f}, accuracy {history[-1].accuracy:.1%}" in last
    assert "100 %" in last
    assert "images/s" in last
    assert last.endswith("00:00 left")


def test_the_bar_of_a_resumed_training_starts_where_it_stopped(capsys):
    made = network()
    fit(made, 1)
    fit(made, 4, progress=True, resume=True)
    out, _ = capsys.readouterr()
    drawn = [line for line in out.split("\r") if "%" in line]
    assert " 25 %|" in drawn[0]
    assert "100 %|" in drawn[-1]


def test_without_progress_nothing_is_printed_even_when_stopped(capfd):
    assert not fit(network(), progress=False).interrupted
    assert fit(network(Alarm(press_ctrl_c, 1)), progress=False).interrupted
    assert capfd.readouterr() == ("", "")


# --------------------------------------------------------------------------- files


def saved(path, trained=None):
    (uninterrupted() if trained is None else trained).save(path)
    return path


def rewritten(path, change):
    """Save a network, let `change` alter the description and the arrays, and write the file again."""
    with np.load(saved(path)) as file:
        arrays = dict(file)
    (name,) = (key for key in arrays if "/" not in key)
    description = json.loads(str(arrays[name]))
    change(description, arrays)
    arrays[name] = np.array(json.dumps(description))
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_a_loaded_network_is_the_saved_one(kind, tmp_path):
    loaded = Sequential.load(kind(saved(tmp_path / "network.npz")))
    first = uninterrupted()
    assert_same_numbers(loaded, first)
    assert loaded.training.history == first.training.history  # speed too
    assert (repr(loaded), loaded.seed, loaded.dtype, loaded.input_shape) == (repr(first), 0, np.float32, INPUT)
    assert loaded.optimizer.settings() == first.optimizer.settings()
    loaded.layers[0].kernel[:] = 0
    assert Sequential.load(tmp_path / "network.npz").layers[0].kernel.any()


def test_layers_keep_their_settings_and_stay_frozen_in_a_file(tmp_path):
    kinds = [
        layers.Conv2D(2, (3, 2), (1, 2), ((0, 1), (1, 0)), (2, 1), False, lambda shape, rng: np.ones(shape)),
        layers.BatchNorm(0.5, 0.01),
        layers.AveragePool2D((2, 1), 1, "same"),
        layers.ReLU(),
        layers.GlobalAveragePool2D(),
        layers.Dense(np.int64(3), initializer="he_uniform"),
    ]
    kinds[1].trainable = False
    first = Sequential(kinds, INPUT, 3, np.float64)
    loaded = Sequential.load(saved(tmp_path / "network.npz", first))
    assert [layer.trainable for layer in loaded.layers] == [True, False, True, True, True, True]
    assert json.dumps(loaded.layers[0].settings() | {"initializer": 0}) == json.dumps(
        first.layers[0].settings() | {"initializer": 0}  # the reader's own function is not saved, what it drew is
    )
    assert (loaded.layers[1].momentum, loaded.layers[5].initializer, loaded.dtype) == (0.5, "he_uniform", np.float64)
    np.testing.assert_array_equal(loaded.predict(IMAGES), first.predict(IMAGES))


def test_an_untrained_network_is_saved_without_a_training(tmp_path):
    loaded = Sequential.load(saved(tmp_path / "network.npz", network()))
    assert (loaded.training, loaded.optimizer) == (None, None)
    fit(loaded)
    assert_same_numbers(loaded, uninterrupted())


def test_whether_a_training_was_stopped_is_saved_with_it(tmp_path):
    made = network(Alarm(press_ctrl_c, 1))
    fit(made)
    assert Sequential.load(saved(tmp_path / "stopped.npz", made), [Alarm]).training.history.interrupted
    assert not Sequential.load(saved(tmp_path / "ended.npz")).training.history.interrupted


def test_numpys_own_numbers_can_be_saved(tmp_path):
    made = Sequential([layers.Flatten(), layers.Dense(np.int64(3)), layers.BatchNorm(np.float32(0.5))], INPUT)
    made.fit(IMAGES, LABELS, np.int64(1), np.int32(5), optimizers.SGD(np.float32(0.125)), progress=False)
    loaded = Sequential.load(saved(tmp_path / "network.npz", made))
    assert (loaded.layers[2].momentum, loaded.optimizer.learning_rate, loaded.training.batch_size) == (0.5, 0.125, 5)


LONG = pytest.param("a" * 250, marks=pytest.mark.skipif(os.name == "nt", reason="Windows limits the whole path"))


@pytest.mark.parametrize("name", ["network", "network.npz", "network.with.dots", "Netz für Ähren", LONG])
def test_the_file_has_the_name_that_was_given(name, tmp_path):
    saved(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert_same_numbers(Sequential.load(tmp_path / name), uninterrupted())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits")
@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_others_may_read_the_file_as_they_may_read_any_other(mask, mode, tmp_path):
    before = os.umask(mask)
    try:
        saved(tmp_path / "network.npz")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "network.npz").stat().st_mode) == mode


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such bits, and asks for rights to make a link")
def test_a_file_that_is_replaced_keeps_its_bits_and_the_links_to_it(tmp_path):
    path, link = saved(tmp_path / "network.npz", network()), tmp_path / "link.npz"
    path.chmod(0o600)
    link.symlink_to(path)
    saved(link)
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert_same_numbers(Sequential.load(path), uninterrupted())


def assert_old_file_stays(folder, error, make_fail):
    path = saved(folder / "network.npz", network())
    before = path.read_bytes()
    with make_fail, pytest.raises(error):
        uninterrupted().save(path)
    assert path.read_bytes() == before
    assert [*folder.iterdir()] == [path]


@contextlib.contextmanager
def files_of_at_most(size):
    """Let every write beyond so many bytes of a file fail, as on a full disk."""
    resource = pytest.importorskip("resource", reason="only POSIX can limit the size of files")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("size", [0, 1, 100, 1000, 3000])
def test_when_the_disk_is_full_the_old_file_stays_and_nothing_is_left_over(size, tmp_path):
    assert_old_file_stays(tmp_path, OSError, files_of_at_most(size))


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(errno.EIO, "the disk is broken")])
@pytest.mark.parametrize("function", ["os.fsync", "os.replace", "numpy.savez_compressed"])
def test_whatever_breaks_a_save_off_leaves_the_old_file(function, error, monkeypatch, tmp_path):
    @contextlib.contextmanager
    def broken():
        def fail(*_, **__):
            raise error

        with monkeypatch.context() as patched:
            patched.setattr(function, fail)
            yield

    assert_old_file_stays(tmp_path, error if isinstance(error, type) else type(error), broken())


def test_a_folder_that_is_not_there_is_named_not_the_file_that_was_never_made(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing to save network\.npz in; make"):
        saved(tmp_path / "missing" / "network.npz")
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of a file in it"):
        saved(tmp_path)
    assert [*tmp_path.iterdir()] == []


def test_an_unbuilt_network_cannot_be_saved(tmp_path):
    with pytest.raises(RuntimeError, match="no weights yet; give Sequential an input_shape or show it images"):
        saved(tmp_path / "network.npz", Sequential(chain()))


def test_settings_that_a_file_cannot_hold_are_named(tmp_path):
    made = network(Alarm())
    made.layers[0].settings = lambda: {"at": {1, 2}}
    with pytest.raises(TypeError, match=r"settings\(\) of a layer must return numbers, words and lists .*got \{1, 2\}"):
        saved(tmp_path / "network.npz", made)


# ---- layers and optimisers of the reader's own


@dataclass(eq=False)
class Scaled(layers.Layer):
    """A layer of the reader's own with a setting and a parameter."""

    times: float = 2.0

    def build(self, input_shape, rng, dtype=np.float32):
        self.factor = np.full(1, self.times, dtype)
        return input_shape

    def forward(self, images, training=False):
        self._images = images
        return images * self.factor

    def backward(self, grad_output):
        self.grad = np.sum(grad_output * self._images, keepdims=True).reshape(1)
        return grad_output * self.factor

    def parameters(self):
        return {"factor": self.factor}

    def gradients(self):
        return {"factor": self.grad}


class Needy(layers.Layer):
    """A layer that keeps its argument to itself."""

    def __init__(self, argument):
        self.argument = argument


@dataclass(eq=False)
class Halved(optimizers.SGD):
    """Descent with half the learning rate that is given."""

    def _step(self, name, gradient):
        return super()._step(name, gradient) / 2


def test_layers_and_optimizers_of_the_readers_own_are_saved_and_found_again(tmp_path):
    first = network(Scaled(3.0))
    fit(first, 1, Halved(0.1, momentum=0.5))
    path = saved(tmp_path / "network.npz", first)
    second = Sequential.load(path, [Scaled], [Halved])
    assert (type(second.layers[0]), second.layers[0].times, type(second.optimizer)) == (Scaled, 3.0, Halved)
    assert_same_numbers(second, first)
    for trained in (first, second):
        fit(trained, 2, Halved(0.1, momentum=0.5), resume=True)
    assert_same_numbers(second, first)
    with pytest.raises(ValueError, match="has a layer 'Scaled'; give its class in custom_layers"):
        Sequential.load(path)
    with pytest.raises(ValueError, match=r"network\.npz .*got 'Halved'; give the class .* in custom_optimizers"):
        Sequential.load(path, [Scaled])


def test_a_layer_whose_settings_do_not_make_it_again_is_named(tmp_path):
    path = saved(tmp_path / "network.npz", network(Needy(1)))
    with pytest.raises(ValueError, match=r"network\.npz .*Needy cannot be made from its settings .*'argument'"):
        Sequential.load(path, [Needy])


@pytest.mark.parametrize("wrong", [Scaled, "Scaled", [Scaled()], None])
def test_custom_kinds_come_in_a_list(wrong, tmp_path):
    path = saved(tmp_path / "network.npz")
    with pytest.raises(TypeError, match="custom_layers must be a list of classes"):
        Sequential.load(path, wrong)
    with pytest.raises(TypeError, match="custom_optimizers must be a list of classes"):
        Sequential.load(path, [], wrong)


# ---- damage


def assert_refused(path, words=""):
    with pytest.raises(ValueError, match=words) as caught:
        Sequential.load(path)
    assert str(caught.value).startswith(str(path))
    assert "is damaged" not in str(caught.value) or caught.value.__suppress_context__  # no stack of zipfile's
    for internal in ("Traceback", "object is not", "unhashable", "NoneType", "context manager", "allow_pickle="):
        assert internal not in str(caught.value)


def test_a_file_that_is_not_there_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        Sequential.load(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("tenths", range(10))
def test_a_truncated_file_is_refused(tenths, tmp_path):
    path = saved(tmp_path / "network.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * tenths // 10])
    assert_refused(path, r"is damaged, or not a file that Sequential\.save wrote; take another copy of it$")
    path.write_bytes(whole[:-1])
    assert_refused(path, "is damaged")


SMALL = Sequential([layers.Flatten(), layers.Dense(2)], (2, 2, 1))


@functools.cache
def small_file():
    with tempfile.TemporaryDirectory() as folder:
        return saved(Path(folder) / "small.npz", SMALL).read_bytes()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_nothing(place, change, tmp_path):
    damaged = bytearray(small_file())
    damaged[int(place * len(damaged))] ^= change
    path = tmp_path / "network.npz"
    path.write_bytes(damaged)
    try:
        loaded = Sequential.load(path)
    except ValueError as error:
        refusal = str(error)
    else:  # time stamps in a zip archive, for example, have no checksum
        refusal = str(path)
        for name, array in SMALL.parameters().items():
            np.testing.assert_array_equal(loaded.parameters()[name], array)
    assert refusal.startswith(str(path))


def test_a_changed_byte_in_the_part_of_an_array_that_is_not_read_is_refused_too(tmp_path):
    """A type that is half as long leaves half of the bytes unread, and then NumPy asks for no checksum."""
    ones = Sequential([layers.Flatten(), layers.Dense(400, initializer=lambda shape, rng: np.ones(shape))], INPUT)
    path = saved(tmp_path / "network.npz", ones)  # too many for zipfile to read ahead to the end
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays)  # not compressed
    raw = path.read_bytes()
    place = raw.index(b"'<f4'", raw.index(b"dense_1.weights"))
    path.write_bytes(raw[:place] + b"'<f2'" + raw[place + 5 :])
    assert_refused(path, "is damaged")


def as_npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def as_npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


class Bomb:
    """What runs code when it is unpickled."""

    exploded = False

    def __reduce__(self):
        return explode, ()


def explode():
    Bomb.exploded = True


def zipped(**members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def huge(shape):
    """An array's header that promises more than there is memory, without the numbers."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is damaged, or not a file that"),
        (b"epoch,loss\n0,1.5\n", "is damaged, or not a file that"),
        (bytes(1000), "is damaged, or not a file that"),
        (pickle.dumps({"weights": [1, 2]}), "is damaged, or not a file that"),
        (as_npy(np.ones(3)), "is damaged, or not a file that"),
        (as_npz(weights=np.ones(3)), "holds arrays, but not a network; it was not written by Sequential.save"),
        (as_npz(), "holds arrays, but not a network"),
        (zipped(readme="hello"), "not a network"),
        (zipped(**{"a.npy": huge((2**60,))}), "is damaged, or not a file that"),
        (zipped(**{"a.npy": huge((2**40,))}), "is damaged, or not a file that"),
        (zipped(**{"a.npy": huge((-1,))}), "is damaged, or not a file that"),
        (zipped(**{"a.npy": b"\x93NUMPY\x01\x00\xff\xff" + b"(" * 70000}), "is damaged, or not a file that"),
    ],
)
def test_other_peoples_files_are_refused(content, words, tmp_path):
    path = tmp_path / "network.npz"
    path.write_bytes(content)
    assert_refused(path, words)


def test_a_folder_is_refused(tmp_path):
    assert_refused(tmp_path, "is a folder; give the name of a file")


@pytest.mark.parametrize("inside", [False, True])
def test_no_code_in_a_file_is_run(inside, tmp_path):
    path = tmp_path / "network.npz"
    if inside:
        bomb = np.empty(1, object)
        bomb[0] = Bomb()
        path = rewritten(path, lambda description, arrays: arrays.update({"parameters/dense_5.bias": bomb}))
    else:
        path.write_bytes(pickle.dumps(Bomb()))
    assert_refused(path, "is damaged, or not a file that")
    assert not Bomb.exploded
    pickle.loads(pickle.dumps(Bomb()))  # it would have gone off
    assert Bomb.exploded
    Bomb.exploded = False


def with_array(name, change):
    def apply(_, arrays):
        arrays[name] = change(arrays[name])

    return apply


def without(name):
    return lambda _, arrays: arrays.pop(name)


def described(**changes):
    return lambda description, _: description.update(changes)


def without_entry(name):
    return lambda description, _: description.pop(name)


def with_layer(**changes):
    return lambda description, _: description["layers"][0].update(changes)


def nan_first(array):
    array.flat[0] = np.nan
    return array


def infinite_first(array):
    array.flat[0] = -np.inf
    return array


BIAS, MEAN, MOMENT = "parameters/dense_5.bias", "state/batchnorm_1.moving_mean", "optimizer/mean/dense_5.bias"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        *[(without(name), "is only on one side") for name in (BIAS, MEAN, MOMENT)],
        *[(with_array(name, lambda array: array[:1]), r"must be numbers of shape \(") for name in (BIAS, MEAN, MOMENT)],
        *[(with_array(name, lambda array: array.astype(str)), "must be numbers of") for name in (BIAS, MEAN, MOMENT)],
        *[(with_array(name, nan_first), "must be finite in float32, got NaN") for name in (BIAS, MEAN, MOMENT)],
        *[(with_array(name, infinite_first), "must be finite in float32, got") for name in (BIAS, MEAN, MOMENT)],
        (with_array(BIAS, lambda array: array.astype(float) + 1e300), "dense_5.bias must be finite in float32"),
        (lambda _, arrays: arrays.update(other=np.ones(3)), "its array 'other' belongs to no network"),
        (lambda _, arrays: arrays.update({"parameters/more": np.ones(3)}), "more is only on one side"),
        (lambda _, arrays: arrays.update({"optimizer/more": np.ones(3)}), "more is only on one side"),
        (with_layer(name="Conv3D"), "it has a layer 'Conv3D'; give its class in custom_layers"),
        (with_layer(settings={"filters": 2, "colour": 1}), "Conv2D cannot be made from its settings .*colour"),
        (with_layer(settings={"filters": 9}), "conv2d_0.kernel must be numbers of shape"),
        (with_layer(settings={"filters": -1}), "filters must be at least 1"),
        (with_layer(settings={"filters": 10**13}), "is not a network that this version of cnnlessons can read"),
        (described(format=2), "it has format 2, newer than 1; update cnnlessons"),
        (described(input_shape=[6, 6]), "Conv2D takes inputs of shape"),
        (described(dtype="int32"), "dtype must be a floating type"),
        (described(dtype="float31"), "is not a network that this version"),
        (described(layers=[]), "layers must be a list of layers, at least one"),
        (described(optimizer={"settings": {"name": "Lion"}}), "optimizer must be .*got 'Lion'"),
        *[
            (without_entry(name), f"it lacks '{name}'")
            for name in ("format", "layers", "input_shape", "seed", "dtype", "training", "optimizer")
        ],
    ],
)
def test_a_file_that_was_tampered_with_is_refused_with_the_reason(change, words, tmp_path):
    path = rewritten(tmp_path / "network.npz", change)
    assert_refused(path, f"is not a network that this version of cnnlessons can read: .*{words}|{words}")


def test_rewriting_alone_does_no_harm(tmp_path):
    assert_same_numbers(Sequential.load(rewritten(tmp_path / "network.npz", lambda *_: None)), uninterrupted())


# --------------------------------------------------------------------------- errors

MISSHAPEN = r"must have shape \(N, 6, 6, 1\), which this network was built for, got "


@pytest.mark.parametrize("use", ["forward", "predict", "evaluate", "fit"])
@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        (IMAGES[0], ValueError, MISSHAPEN + r"\(6, 6, 1\); for one image write images\[None\]"),
        (IMAGES[:, :5], ValueError, MISSHAPEN + r"\(14, 5, 6, 1\)$"),
        (IMAGES[..., 0], ValueError, MISSHAPEN + r"\(14, 6, 6\)$"),
        (IMAGES[:0], ValueError, r"must not be empty, got shape \(0, 6, 6, 1\); .*\(N, H, W, C\)"),
        (np.float32(1), ValueError, r"must have shape \(N, H, W, C\), got shape \(\)"),
        ([], ValueError, r"must not be empty, got shape \(0,\); .*\(N, H, W, C\)"),
        (
            np.where(IMAGES > 2, np.nan, IMAGES),
            ValueError,
            r"must be finite, got NaN or infinity; find .*np.isfinite\(",
        ),
        (np.where(IMAGES > 2, np.inf, IMAGES), ValueError, "must be finite, got NaN or infinity"),
        (IMAGES.astype(str), TypeError, r"must hold real numbers, got dtype <U.* with shape \(14, 6, 6, 1\)"),
        (IMAGES.astype(complex), TypeError, "must hold real numbers, got dtype complex128"),
        (None, TypeError, r"must hold real numbers, got dtype object with shape \(\)"),
        ([[1, 2], [3]], ValueError, r"must have rows of equal length, \(N, H, W, C\), got a ragged list"),
        (np.ma.masked_array(IMAGES, IMAGES > 1), TypeError, r"must not be masked, .*\.filled\(0\)"),
    ],
)
def test_images_that_do_not_fit_are_named(images, error, words, use):
    made = network()
    before = arrays_of(made)
    call = {
        "forward": lambda: made.forward(images),
        "predict": lambda: made.predict(images),
        "evaluate": lambda: made.evaluate(images, LABELS),
        "fit": lambda: made.fit(images, LABELS, progress=False),
    }[use]
    with pytest.raises(error, match=f"^images {words}"):
        call()
    assert made.training is None
    for name, array in arrays_of(made).items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("where", ["fit", "validation", "evaluate"])
@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (LABELS[:5], r"must be 14 whole numbers, one an image, got int64 of shape \(5,\)$"),
        (LABELS.astype(float), r"got float64 of shape \(14,\); use (validation )?labels.astype\(int\)"),
        (LABELS > 1, r"got bool of shape \(14,\); use (validation )?labels.astype\(int\)"),
        (np.eye(3)[LABELS], r"of shape \(14, 3\); from one-hot rows use (validation )?labels.argmax\(axis=1\)"),
        (np.eye(3, dtype=int)[LABELS], r"int64 of shape \(14, 3\); from one-hot rows use"),
        (LABELS[:, None], r"of shape \(14, 1\); use (validation )?labels\[:, 0\]"),
        (LABELS[None], r"of shape \(1, 14\)$"),
        ([[1], [1, 2]], "must have rows of equal length, one whole number an image, got a ragged list"),
        (list("abcabcabcabcab"), r"must be 14 whole numbers, one an image, got <U1"),
        (None, r"must be 14 whole numbers, one an image, got object of shape \(\)$"),
        (LABELS + 1, "must lie from 0 to 2, since the network has 3 outputs, got 1 to 3"),
        (LABELS - 1, "must lie from 0 to 2, since the network has 3 outputs, got -1 to 1"),
    ],
)
def test_labels_that_do_not_fit_are_named(labels, words, where):
    made = network()
    call = {
        "fit": lambda: made.fit(IMAGES, labels, progress=False),
        "validation": lambda: made.fit(IMAGES, LABELS, validation=(IMAGES, labels), progress=False),
        "evaluate": lambda: made.evaluate(IMAGES, labels),
    }[where]
    name = "validation labels" if where == "validation" else "labels"
    with pytest.raises(ValueError, match=f"^{name} .*{words}"):
        call()
    assert made.training is None


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"batch_size": 0}, ValueError, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.5}, TypeError, "batch_size must be a whole number, got 2.5"),
        ({"epochs": -1}, ValueError, "epochs must be at least 0, got -1"),
        ({"epochs": 1.0}, TypeError, "epochs must be a whole number, got 1.0"),
        ({"epochs": True}, TypeError, "epochs must be a whole number, got True"),
        ({"seed": -1}, ValueError, "seed must be at least 0, got -1"),
        ({"seed": None}, TypeError, "seed must be a whole number, got None"),
        ({"optimizer": "rmsprop"}, ValueError, "optimizer must be .*got 'rmsprop'"),
        ({"validation": IMAGES}, ValueError, r"validation must be a pair \(images, labels\), got ndarray"),
        ({"validation": (IMAGES,)}, ValueError, r"validation must be a pair \(images, labels\), got tuple"),
        ({"validation": (IMAGES[:, :5], LABELS)}, ValueError, r"^validation images must have shape \(N, 6, 6, 1\)"),
    ],
)
def test_arguments_of_a_training_are_checked_before_it_begins(arguments, error, words):
    made = network()
    fit(made, 1)
    training = made.training
    with pytest.raises(error, match=words):
        fit(made, **arguments)
    assert made.training is training
    assert_same_numbers_after_two_epochs(made)


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_has_at_least_one_image(batch_size):
    with pytest.raises(ValueError, match="batch_size must be at least 1"):
        network().predict(IMAGES, batch_size)


SHARED = layers.ReLU()


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Sequential([SHARED, SHARED]), ValueError, "layers must be different objects: one that appears twice"),
        (lambda: Sequential([layers.ReLU]), TypeError, r"layers\[0\] must be a layer.*; write ReLU\(...\)"),
        (lambda: Sequential([layers.ReLU(), "relu"]), TypeError, r"layers\[1\] must be a layer, .*got 'relu'$"),
        (lambda: Sequential(layers.ReLU()), TypeError, "layers must be a list of layers, at least one, got <"),
        (lambda: Sequential([]), TypeError, r"layers must be a list of layers, at least one, got \[\]"),
        (lambda: Sequential(chain(), 6), ValueError, r"input_shape must be \(H, W, C\), the shape of one image, got 6"),
        (lambda: Sequential(chain(), ()), ValueError, r"input_shape must be \(H, W, C\)"),
        (lambda: Sequential(chain(), (6, 6, 0)), ValueError, "input_shape must be at least 1, got 0"),
        (lambda: Sequential(chain(), (6, 6, None)), TypeError, "input_shape must be a whole number, got None"),
        (lambda: Sequential(chain(), (6, 6)), ValueError, r"Conv2D takes .*\(6, 6\).*gray image has shape \(H, W, 1\)"),
        (lambda: Sequential(chain(), INPUT, seed=-1), ValueError, "seed must be at least 0, got -1"),
        (
            lambda: Sequential(chain(), INPUT, dtype=int),
            ValueError,
            "dtype must be a floating type, got int64; np.float",
        ),
        (
            lambda: Sequential(chain(), INPUT, dtype=complex),
            ValueError,
            "dtype must be a floating type, got complex128",
        ),
        (lambda: Sequential(chain()).parameters(), RuntimeError, "no weights yet; give Sequential an input_shape or"),
        (lambda: network().gradients(), RuntimeError, "forward and backward need to run first"),
        (lambda: network().backward(np.ones((1, 3))), RuntimeError, "forward needs to run first"),
        (
            lambda: Sequential([layers.Conv2D(3)], INPUT).fit(IMAGES, LABELS),
            ValueError,
            r"end in one score for each class .*\(4, 4, 3\); end them with Dense\(classes\) or GlobalAveragePool2D\(\)",
        ),
    ],
)
def test_a_network_that_cannot_be_says_why(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_a_network_that_could_not_be_built_can_be_built_for_another_shape():
    made = Sequential([*chain(), layers.Dense(3)])
    with pytest.raises(ValueError, match="does not fit"):
        made.build((2, 2, 1))
    assert made.input_shape is None
    fit(made)
    assert_same_numbers(made, uninterrupted())


def test_an_epoch_has_one_order_of_all_images_and_no_reader_can_change_it():
    order = epoch_order(3, 1, 50)
    assert sorted(order) == list(range(50))
    assert not np.array_equal(order, epoch_order(3, 2, 50))
    with pytest.raises(ValueError, match="read-only"):
        order[0] = 7


# ---- a batch of one


FLAT = [layers.Flatten(), layers.Dense(4), layers.BatchNorm(), layers.Dense(3)]
ONE_PLACE = [layers.Conv2D(2, INPUT[:2]), layers.BatchNorm(), layers.Flatten(), layers.Dense(3)]


@pytest.mark.parametrize("made", [FLAT, ONE_PLACE], ids=["flat", "maps of one pixel"])
def test_batches_of_one_value_a_channel_are_refused_and_a_last_one_is_not(made):
    trained = Sequential(made, INPUT)
    for options, count in (({"batch_size": 1}, 8), ({"batch_size": 8}, 1)):
        words = f"of a single one the variance is 0; got {options['batch_size']} and {count} images"
        with pytest.raises(ValueError, match=words):
            trained.fit(IMAGES[:count], LABELS[:count], progress=False, **options)
    trained.fit(IMAGES[:9], LABELS[:9], batch_size=4, progress=False)
    assert np.isfinite(trained.predict(IMAGES)).all()


def test_batches_of_one_image_with_maps_are_no_batches_of_one_value():
    trained = Sequential([layers.Conv2D(2, 3), layers.BatchNorm(), layers.Flatten(), layers.Dense(3)], INPUT)
    trained.fit(IMAGES[:3], LABELS[:3], batch_size=1, progress=False)


def test_a_network_in_the_home_folder_lies_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    trained = network()
    trained.save("~/mine.npz")
    np.testing.assert_array_equal(Sequential.load("~/mine.npz").predict(IMAGES), trained.predict(IMAGES))
    assert (tmp_path / "home" / "mine.npz").is_file()
