"""Images changed on purpose: right where the answer is known by hand, in both networks, within what is allowed."""

import numpy as np
import pytest

from cnnlessons import adversarial, capacity, datasets, gradcheck, ops
from cnnlessons.layers import AveragePool2D, BatchNorm, Conv2D, Dense, Flatten, Layer, MaxPool2D, ReLU
from cnnlessons.network import Sequential


def linear(weights):
    """A network of 2 × 2 pixels and two classes: the second's score is the pixels times `weights`, the first's is 0."""
    net = Sequential([Flatten(), Dense(2)], (2, 2, 1), dtype=float)
    net.layers[1].weights[:] = np.stack([np.zeros(4), np.ravel(weights)], axis=1)
    return net


WEIGHTS = np.array([1.0, -2.0, 1.0, -1.0])
IMAGE = np.array([0.5, 0.3, 0.6, 0.4]).reshape(1, 2, 2, 1)  # score 0.1
ONE = np.array([1])


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


@pytest.fixture(scope="module")
def trained(digits):
    """A small reader of digits, trained for a few epochs."""
    return reader(0, digits)


def reader(seed, digits):
    layers = [Conv2D(8, 3, padding="same"), BatchNorm(), ReLU(), MaxPool2D(2), Flatten(), Dense(10)]
    net = Sequential(layers, (8, 8, 1), seed)
    net.fit(digits.train_images, digits.train_labels, 4, progress=False)
    return net


# ---- one step on paper


def test_the_score_of_a_linear_network_falls_by_epsilon_times_the_sum_of_its_weights():
    net = linear(WEIGHTS)
    for loss in adversarial.LOSSES:
        changed = adversarial.fgsm(net, IMAGE, ONE, 0.1, loss=loss)
        assert np.allclose(changed.ravel(), [0.4, 0.4, 0.5, 0.5])
        assert np.isclose(net.predict(IMAGE)[0, 1] - net.predict(changed)[0, 1], 0.1 * np.abs(WEIGHTS).sum())


def test_on_a_linear_network_many_steps_do_no_more_than_one():
    net, one = linear(WEIGHTS), adversarial.fgsm(linear(WEIGHTS), IMAGE, ONE, 0.1)
    assert np.allclose(adversarial.pgd(net, IMAGE, ONE, 0.1, restarts=3), one)


def test_with_l2_the_change_points_against_the_weights():
    change = adversarial.pgd(linear(WEIGHTS), IMAGE, ONE, 0.1, norm="l2") - IMAGE
    assert np.allclose(change.ravel(), -0.1 * WEIGHTS / np.linalg.norm(WEIGHTS))


def test_the_smallest_epsilon_of_a_linear_network_is_its_score_over_the_sum_of_its_weights():
    images = np.concatenate([IMAGE, IMAGE, IMAGE])
    found = adversarial.smallest_epsilon(linear(WEIGHTS), images, np.array([1, 0, 1]), halvings=12)
    assert np.allclose(found, [0.1 / 5, 0, 0.1 / 5], atol=2 * 0.5 / 2**12)
    assert adversarial.smallest_epsilon(linear(WEIGHTS), IMAGE, ONE, largest=0.01) == np.inf


def test_the_margin_s_gradient_is_the_difference_of_two_rows_of_weights():
    net = linear(WEIGHTS)
    assert np.allclose(adversarial.input_gradient(net, IMAGE, ONE, "margin").ravel(), -WEIGHTS)
    aimed = adversarial.input_gradient(net, IMAGE, ONE, "margin", targets=np.array([0]))
    assert np.allclose(aimed.ravel(), -WEIGHTS)


# ---- the gradient


@pytest.mark.parametrize("targets", [None, np.array([3, 1])])
@pytest.mark.parametrize("loss", adversarial.LOSSES)
def test_the_input_gradient_is_that_of_central_differences(loss, targets):
    layers = [Conv2D(3, 3, padding="same"), ReLU(), AveragePool2D(2), Flatten(), Dense(4)]
    net = Sequential(layers, (6, 6, 2), dtype=float)
    images, labels = np.random.default_rng(0).random((2, 6, 6, 2)), np.array([2, 0])

    def wanted(images):
        logits = net.predict(images)
        if loss == "margin":
            return adversarial.margins(net, images, labels, targets).sum()
        aim, sign = (labels, 2) if targets is None else (targets, -2)
        return sign * ops.softmax_cross_entropy(logits, aim)  # a mean over two images

    found = adversarial.input_gradient(net, images, labels, loss, targets)
    assert gradcheck.relative_error(found, gradcheck.numerical_gradient(wanted, images)) < 1e-6


def test_keras_and_numpy_agree(trained, digits):
    pytest.importorskip("keras")
    from cnnlessons import keras_bridge

    model, images, labels = keras_bridge.to_keras(trained), digits.test_images[:40], digits.test_labels[:40]
    for loss in adversarial.LOSSES:
        one, other = (adversarial.input_gradient(net, images, labels, loss) for net in (trained, model))
        assert np.abs(one - other).max() < 1e-5 * np.abs(one).max()
    one, other = (
        adversarial.accuracy(net, adversarial.pgd(net, images, labels, 0.1), labels) for net in (trained, model)
    )
    assert abs(one - other) <= 0.1  # the sign of a number near 0 is another here and there
    assert adversarial.accuracy(model, images, labels) == trained.evaluate(images, labels).accuracy


# ---- what every attack keeps


@pytest.mark.parametrize("norm", adversarial.NORMS)
@pytest.mark.parametrize("start", ["image", "random"])
def test_attacks_stay_inside_and_leave_the_network_as_it_was(trained, digits, norm, start):
    images, labels = digits.test_images[:50], digits.test_labels[:50]
    before = [array.copy() for array in (*trained.parameters().values(), *trained.state().values(), images)]
    for epsilon in (0.0, 0.3, np.linspace(0, 1, 50)):
        changed = adversarial.pgd(trained, images, labels, epsilon, steps=5, restarts=2, norm=norm, start=start)
        change = (changed - images).reshape(50, -1)
        size = np.abs(change).max(1) if norm == "linf" else np.linalg.norm(change, axis=1)
        assert (size <= np.asarray(epsilon) + 1e-6).all()
        assert changed.min() >= 0
        assert changed.max() <= 1
        assert changed.dtype == images.dtype
    after = [*trained.parameters().values(), *trained.state().values(), images]
    assert all(np.array_equal(one, other) for one, other in zip(before, after, strict=True))


def test_an_attack_does_far_more_than_noise_of_its_size_and_more_steps_and_restarts_do_more(trained, digits):
    images, labels = digits.test_images, digits.test_labels

    def left(changed):
        return adversarial.accuracy(trained, changed, labels)

    one = left(adversarial.fgsm(trained, images, labels, 0.15))
    many, again = (left(adversarial.pgd(trained, images, labels, 0.15, restarts=count)) for count in (1, 3))
    assert left(adversarial.noise(images, 0.15)) > one + 0.3
    assert again <= many < one < 0.5
    rows = adversarial.curve(trained, images, labels, [0, 0.15])
    assert rows.columns.tolist() == ["epsilon", "noise", "fgsm", "pgd"]
    assert rows.loc[0].nunique() == 2
    assert rows.pgd[1] == many


def test_the_best_restart_is_kept_image_by_image(trained, digits):
    images, labels = digits.test_images[:100], digits.test_labels[:100]
    found = [adversarial.pgd(trained, images, labels, 0.1, steps=3, restarts=count) for count in (1, 2, 4)]
    gained = np.array([adversarial.margins(trained, each, labels) for each in found])
    assert (np.diff(gained, axis=0) >= -1e-5).all()
    assert (gained[2] > gained[0]).any()


def test_a_target_is_reached(trained, digits):
    images, labels = digits.test_images[digits.test_labels != 8], digits.test_labels[digits.test_labels != 8]
    eights = np.full(len(labels), 8)
    changed = adversarial.pgd(trained, images, labels, 0.5, targets=eights, loss="margin")
    read = trained.predict(changed).argmax(1)
    assert np.mean(read == 8) > 0.9
    assert np.array_equal(adversarial.margins(trained, changed, labels, eights) > 0, read == 8)


@pytest.mark.parametrize("norm", adversarial.NORMS)
def test_noise_has_the_size_that_it_is_asked_for(norm):
    images = np.full((3, 4, 4, 2), 0.5)
    change = (adversarial.noise(images, np.array([0.1, 0.2, 0.3]), norm=norm) - images).reshape(3, -1)
    size = np.abs(change) if norm == "linf" else np.linalg.norm(change, axis=1, keepdims=True)
    assert np.allclose(size, np.array([0.1, 0.2, 0.3])[:, None])
    assert np.array_equal(*(adversarial.noise(images, 0.1, norm=norm, seed=seed) for seed in (4, 4)))
    assert not np.array_equal(*(adversarial.noise(images, 0.1, norm=norm, seed=seed) for seed in (4, 5)))


# ---- what a stem cannot see


def test_an_attack_within_what_the_stem_cannot_see_changes_no_logit():
    stem = Conv2D(4, 5, 2, padding="same")
    net = Sequential([stem, ReLU(), Flatten(), Dense(3)], (12, 12, 3), dtype=float)
    images, labels = np.random.default_rng(0).random((3, 12, 12, 3)), np.array([0, 1, 2])

    def unseen(change):
        return capacity.null_space_part(change, stem.kernel, 2, "same")

    gradient = adversarial.input_gradient(net, images, labels, "margin")
    assert np.square(unseen(gradient)).sum() < 1e-20 * np.square(gradient).sum()
    options = {"norm": "l2", "low": -np.inf, "high": np.inf, "start": "random", "steps": 3}
    changed = adversarial.pgd(net, images, labels, 2.0, within=unseen, **options)
    assert np.linalg.norm(changed - images) > 1
    assert np.abs(net.predict(changed) - net.predict(images)).max() < 1e-10


# ---- defences that are none


class Sharper(Layer):
    """Multiplies the logits, which changes no answer."""

    def forward(self, images, training=False):
        return 100 * images

    def backward(self, grad_output):
        return 100 * grad_output


class Rounded(Layer):
    """Rounds to five levels; its slope is 0, unless one asks what the attacker would use."""

    straight = False

    def forward(self, images, training=False):
        return np.rint(4 * images) / 4

    def backward(self, grad_output):
        return grad_output if self.straight else 0 * grad_output


def with_layers(net, before=(), after=()):
    copy = net.copy()
    copy.layers = [*before, *copy.layers, *after]
    return copy


def test_the_checks_find_masked_gradients(trained, digits):
    images, labels, other = digits.test_images[:120], digits.test_labels[:120], reader(1, digits)
    rounding = Rounded()
    defended = {
        "none": trained,
        "sharper": with_layers(trained, after=[Sharper()]),
        "rounded": with_layers(trained, before=[rounding]),
    }
    found = {name: adversarial.checks(net, images, labels, 0.2, other) for name, net in defended.items()}
    assert found["none"].alarms == ()
    assert found["sharper"].many_steps > 0.5 + found["sharper"].margin
    assert {"zero gradients", "another loss does better"} <= set(found["sharper"].alarms)
    assert found["rounded"].zero_gradients == 1
    assert {"zero gradients", "a large epsilon does not win", "another network's images do better"} <= set(
        found["rounded"].alarms
    )
    rounding.straight = True
    assert (
        adversarial.accuracy(defended["rounded"], adversarial.pgd(defended["rounded"], images, labels, 0.2), labels)
        < 0.2
    )
    assert np.isnan(adversarial.checks(trained, images[:9], labels[:9], 0.2, steps=2).transfer)


def test_what_is_withstood_is_what_every_attack_leaves(trained, digits):
    images, labels = digits.test_images[:80], digits.test_labels[:80]
    safe = adversarial.withstood(trained, images, labels, 0.1, steps=10)
    left = [
        adversarial.margins(trained, adversarial.pgd(trained, images, labels, 0.1, steps=10, loss=loss, **way), labels)
        <= 0
        for loss in adversarial.LOSSES
        for way in ({}, {"start": "random", "seed": 1})
    ]
    assert np.array_equal(safe, np.all(left, axis=0))
    assert safe.sum() < min(each.sum() for each in left[:2])
    assert not adversarial.withstood(trained, images, labels, 0.5).any()


# ---- training on harder images


def test_harder_images_stay_inside_and_differ_from_batch_to_batch(trained, digits):
    images, labels = digits.train_images[:64], digits.train_labels[:64]
    for steps in (1, 3):
        change = adversarial.harder(trained, 0.15, steps)
        first, second = (change(images, labels) for _ in range(2))
        assert np.abs(first - images).max() <= 0.15 + 1e-6
        assert 0 <= first.min() <= first.max() <= 1
        assert np.array_equal(first, second) == (steps == 1)
        assert adversarial.margins(trained, first, labels).mean() > adversarial.margins(trained, images, labels).mean()
    assert np.array_equal(
        adversarial.harder(trained, 0.15, 1)(images, labels), adversarial.fgsm(trained, images, labels, 0.15)
    )


# ---- the range of the images

BEYOND = {"beyond": (np.linspace(-2, 3, 4).reshape(1, 2, 2, 1), {}), "too narrow": (IMAGE, {"low": 0.35})}
CALLS = {
    "pgd": lambda net, images, **ends: adversarial.pgd(net, images, ONE, 0.01, **ends),
    "fgsm": lambda net, images, **ends: adversarial.fgsm(net, images, ONE, 0.01, **ends),
    "noise": lambda net, images, **ends: adversarial.noise(images, 0.01, **ends),
    "smallest_epsilon": lambda net, images, **ends: adversarial.smallest_epsilon(net, images, ONE, **ends),
    "harder": lambda net, images, **ends: adversarial.harder(net, 0.01, **ends)(images, ONE),
    "curve": lambda net, images, **ends: adversarial.curve(net, images, ONE, [0], **ends),
    "withstood": lambda net, images, **ends: adversarial.withstood(net, images, ONE, 0.01, **ends),
    "checks": lambda net, images, **ends: adversarial.checks(net, images, ONE, 0.01, **ends),
}


@pytest.mark.parametrize("case", BEYOND)
@pytest.mark.parametrize("name", CALLS)
def test_images_beyond_the_range_are_refused_and_not_cut_off(name, case):
    images, ends = BEYOND[case]
    said = "images must lie from low to high, .* got .* to .*; give the low and high that belong to these images"
    with pytest.raises(ValueError, match=said):
        CALLS[name](linear(WEIGHTS), images, **ends)
    with pytest.raises(ValueError, match=said):  # also where the network misreads them all, so that none is attacked
        CALLS[name](linear(-100 * WEIGHTS), images, **ends)


@pytest.mark.parametrize("name", CALLS)
def test_the_ends_of_the_range_are_numbers_of_which_low_is_the_lower(name):
    for ends, said in (({"low": 1.0, "high": 0.0}, "high must be a number above low, 1, got 0.0"),
                       ({"low": np.nan}, "low must be a number below high, got nan"),
                       ({"high": "1"}, "high must be a number above low, 0, got '1'")):  # fmt: skip
        with pytest.raises(ValueError, match=said):
            CALLS[name](linear(WEIGHTS), IMAGE, **ends)


def test_what_is_left_of_rounding_is_within_the_range():
    images = np.array([0.1, 0.2, 0.3, 1.0], np.float32).reshape(1, 2, 2, 1) * np.float32(1 + 2e-7)
    assert adversarial.noise(images, 0.1).max() <= 1
    standardised, mean, scale = (IMAGE.astype(np.float32) - np.float32(0.4)) / np.float32(0.3), 0.4, 0.3
    assert adversarial.noise(standardised, 0.1, low=(0 - mean) / scale, high=(1 - mean) / scale).dtype == np.float32


def test_standardised_images_are_examined_as_the_same_ones_from_0_to_1_are(trained, digits):
    images, labels, mean, scale = digits.test_images[:60].astype(float), digits.test_labels[:60], 0.25, 0.5
    ends = {"low": (0 - mean) / scale, "high": (1 - mean) / scale}
    raw = Sequential([Flatten(), Dense(10)], (8, 8, 1), dtype=float)
    raw.fit(digits.train_images, digits.train_labels, 2, progress=False)
    net = raw.copy()
    net.layers[1].weights[:] *= scale
    net.layers[1].bias[:] += mean / scale * net.layers[1].weights.sum(axis=0)
    changed = (images - mean) / scale
    assert np.allclose(net.predict(changed), raw.predict(images))
    assert np.array_equal(
        adversarial.withstood(net, changed, labels, 0.1 / scale, steps=5, **ends),
        adversarial.withstood(raw, images, labels, 0.1, steps=5),
    )
    rows = [adversarial.curve(raw, images, labels, [0, 0.1], steps=5),
            adversarial.curve(net, changed, labels, [0, 0.1 / scale], steps=5, **ends)]  # fmt: skip
    assert np.allclose(rows[0].iloc[:, 1:], rows[1].iloc[:, 1:])
    found = [adversarial.checks(raw, images, labels, 0.1, steps=5),
             adversarial.checks(net, changed, labels, 0.1 / scale, steps=5, **ends)]  # fmt: skip
    assert np.allclose(*found, equal_nan=True)
    found = [adversarial.smallest_epsilon(raw, images, labels, steps=3, halvings=4),
             adversarial.smallest_epsilon(net, changed, labels, steps=3, halvings=4, **ends)]  # fmt: skip
    assert np.allclose(found[0] / scale, found[1])


def test_half_of_a_range_without_ends_is_nothing_to_try():
    wide = {"low": -np.inf, "high": np.inf}
    with pytest.raises(ValueError, match=r"low and high must be finite, .* got -inf, inf; give the images' own range"):
        adversarial.checks(linear(WEIGHTS), IMAGE, ONE, 0.1, **wide)
    with pytest.raises(ValueError, match=r"low and high must be finite, .*; give largest"):
        adversarial.smallest_epsilon(linear(WEIGHTS), IMAGE, ONE, **wide)
    assert adversarial.smallest_epsilon(linear(WEIGHTS), IMAGE, ONE, largest=0.5, **wide) < 0.03


# ---- what counts as a weak attack


def test_an_attack_need_not_leave_less_than_who_answers_all_images_alike():
    of_two = adversarial.Checks(0, 0.9, 0.5, 0.5, 0.45, np.nan, chance=0.5)
    assert of_two.alarms == ()
    assert of_two._replace(large=0.55).alarms == ("a large epsilon does not win",)
    assert of_two._replace(large=0.25, chance=0.1).alarms == ("a large epsilon does not win",)
    images, labels = np.concatenate([IMAGE] * 4), np.array([1, 0, 1, 1])
    assert adversarial.checks(linear(WEIGHTS), images, labels, 0.1, steps=2).chance == 0.75


# ---- what is taken as elsewhere


def test_lists_of_labels_and_a_size_for_each_image_will_do(trained, digits):
    images, labels = digits.test_images[:20], digits.test_labels[:20]
    safe = adversarial.withstood(trained, images, labels, 0.1, steps=3)
    assert safe.any()
    assert np.array_equal(safe, adversarial.withstood(trained, images, labels.tolist(), np.full(20, 0.1), steps=3))
    few, said = images[:4], labels[:4].tolist()
    assert adversarial.smallest_epsilon(trained, few, said, steps=2, halvings=1).shape == (4,)
    assert adversarial.checks(trained, few, said, 0.1, steps=2).chance >= 0.25
    assert len(adversarial.curve(trained, few, said, iter([0, 0.1]), steps=2)) == 2


def test_a_network_without_weights_draws_them_as_it_does_to_predict():
    built, later = Sequential([Flatten(), Dense(2)], (2, 2, 1)), Sequential([Flatten(), Dense(2)])
    one, other = (adversarial.pgd(net, IMAGE, ONE, 0.1) for net in (built, later))
    assert np.array_equal(one, other)


def test_a_keras_model_without_weights_draws_them_too():
    keras = pytest.importorskip("keras")
    model = keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(2)])
    assert adversarial.accuracy(model, IMAGE.astype(np.float32), ONE) in (0, 1)
    assert adversarial.pgd(model, IMAGE.astype(np.float32), ONE, 0.1, steps=2).shape == IMAGE.shape


# ---- errors


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"images": IMAGE[0]}, r"images must have 4 axes, \(N, H, W, C\), got 3 with shape \(2, 2, 1\); for one image"),
        ({"images": np.ones((1, 2, 2, 1), np.uint8)}, "images must be numbers with a point, got uint8"),
        ({"labels": np.array([2])}, "labels must lie from 0 to 1, since the network has 2 outputs, got 2 to 2"),
        ({"labels": np.array([1.0])}, "labels must be 1 whole numbers, one an image, got float64"),
        (
            {"targets": np.array([0, 1])},
            r"targets must be 1 whole numbers, one an image, got int64 of shape",
        ),
        ({"epsilon": -0.1}, "epsilon must be a number from 0 up, or one for each of 1 images, got -0.1"),
        ({"epsilon": [0.1, 0.2]}, r"epsilon must be a number from 0 up, .* got an array of shape \(2,\)"),
        ({"epsilon": [np.inf]}, "epsilon must be a number from 0 up, .* got inf for image 0"),
        ({"epsilon": "0.1"}, r"epsilon must be a number from 0 up, .* got '0.1'; convert it first, .*float\(epsilon\)"),
        ({"epsilon": True}, "epsilon must be a number from 0 up, .* got True"),
        ({"rate": np.nan}, "rate must be a number from 0 up"),
        ({"norm": "length"}, "norm must be one of linf, l2, got 'length'"),
        ({"loss": "hinge"}, "loss must be one of cross_entropy, margin"),
        ({"start": "noise"}, "start must be one of image, random"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"restarts": 0}, "restarts must be at least 1"),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_remedy(change, said):
    given = {"images": IMAGE, "labels": ONE, "epsilon": 0.1} | change
    images, labels, epsilon = (given.pop(name) for name in ("images", "labels", "epsilon"))
    with pytest.raises(ValueError, match=said):
        adversarial.pgd(linear(WEIGHTS), images, labels, epsilon, **given)


def test_something_that_is_no_network_is_refused():
    with pytest.raises(TypeError, match="model must be a Sequential or a Keras model, got a list"):
        adversarial.input_gradient([], IMAGE, ONE)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda net: adversarial.fgsm(net, IMAGE, ONE, 0.1, steps=3), "steps must not be given, got 3: .* use pgd"),
        (lambda net: adversarial.fgsm(net, IMAGE, ONE, 0.1, rate=3), "rate must not be given, got 3: .* use pgd"),
        (lambda net: adversarial.smallest_epsilon(net, IMAGE, ONE, epsilon=0.1), "epsilon must not be .* give largest"),
        (lambda net: adversarial.smallest_epsilon(net, IMAGE, ONE, largest=-1),
         "largest must be a number from 0 up, got -1$"),
        (lambda net: adversarial.curve(net, IMAGE, ONE, 0.1),
         r"epsilons must be a list of numbers from 0 up, got 0.1; for a single one write \[0.1\]"),
        (lambda net: adversarial.curve(net, IMAGE, ONE, [0, "0.1"]),
         r"epsilons\[1\] must be a number from 0 up, got '0.1'"),
        (lambda net: adversarial.pgd(Sequential([Conv2D(2, 3, padding="same")]), IMAGE, ONE, 0.1),
         r"model must end in one score for each class, got outputs of shape \(2, 2, 2\); end it with Dense"),
    ],
)  # fmt: skip
def test_what_a_function_cannot_take_is_named_as_it_was_given(call, said):
    with pytest.raises((ValueError, TypeError), match=said):
        call(linear(WEIGHTS))
