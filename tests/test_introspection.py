"""Looking inside: every method gives the answer that is known where one is, and the same in NumPy and in Keras."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from scipy import stats

from cnnlessons import introspection, keras_bridge, layers, models, ops, recorded
from cnnlessons.introspection import Unit
from cnnlessons.network import Sequential

SOBEL = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
STEP = np.repeat([0.0, 0, 0, 0, 1, 1, 1, 1], 8).reshape(8, 8).T[None, :, :, None]  # (1, 8, 8, 1), dark at the left


def sobel_network():
    """One Sobel filter, ReLU, the average of its map; class 0 is that average, class 1 minus that average."""
    net = Sequential(
        [layers.Conv2D(1, 3), layers.ReLU(), layers.GlobalAveragePool2D(), layers.Dense(2)], (8, 8, 1), dtype=np.float64
    )
    net.layers[0].kernel[..., 0, 0], net.layers[3].weights[...] = SOBEL, [[1, -1]]
    return net


def small_network(seed=0, dtype=np.float32, first=3):
    """Two convolutions with batch normalisation in front of a dense layer, with moments that are not 0 and 1."""
    kinds = [
        layers.Conv2D(6, first, padding="same"), layers.BatchNorm(), layers.ReLU(), layers.MaxPool2D(2),
        layers.Conv2D(5, 3, 2), layers.ReLU(), layers.GlobalAveragePool2D(), layers.Dense(4),
    ]  # fmt: skip
    net = Sequential(kinds, (12, 14, 3), seed, dtype)
    for _ in range(3):
        net.forward(some_images(16, seed), training=True)
    return net


def some_images(count=5, seed=1):
    return np.random.default_rng(seed).normal(size=(count, 12, 14, 3)).astype(np.float32)


# --------------------------------------------------------------------------- known answers: one Sobel filter, one edge


def test_the_gradient_of_an_edge_is_the_filter_where_it_answers():
    found = 36 * introspection.gradient(sobel_network(), STEP, 0)[0, :, :, 0]
    np.testing.assert_allclose(found[3], [0, 0, -4, -4, 4, 4, 0, 0])
    np.testing.assert_allclose(found[0], [0, 0, -1, -1, 1, 1, 0, 0])
    np.testing.assert_allclose(36 * introspection.gradient(sobel_network(), STEP, [1])[0, 3, :, 0], -found[3])


def test_guided_keeps_what_speaks_for_a_class_and_nothing_of_what_speaks_against():
    net = sobel_network()
    for_it, against = (introspection.gradient(net, STEP, target, "guided") for target in (0, 1))
    np.testing.assert_array_equal(for_it, introspection.gradient(net, STEP, 0))
    assert not against.any()


def test_deconvnet_does_not_ask_where_the_filter_answered():
    found = introspection.gradient(sobel_network(), STEP, 0, "deconvnet")
    np.testing.assert_allclose(36 * found[0, 3, :, 0], [-4, -4, 0, 0, 0, 0, 4, 4])  # the image's borders, not its edge
    np.testing.assert_array_equal(found, introspection.gradient(sobel_network(), 1 - STEP, 0, "deconvnet"))


def test_grad_cam_marks_the_cells_where_the_filter_answers():
    net = sobel_network()
    found = introspection.grad_cam(net, STEP, 0, "relu_1")[0]
    seen = introspection.activations(net, STEP, ["relu_1"])["relu_1"][0, :, :, 0]
    np.testing.assert_allclose(found, seen[np.arange(8) * 6 // 8][:, np.arange(8) * 6 // 8] / 36)
    assert found.max() == pytest.approx(4 / 36)
    assert not introspection.grad_cam(net, STEP, 1, "relu_1").any()  # what speaks against is cut off


def test_occlusion_says_how_far_the_score_falls():
    net = sobel_network()
    everything = introspection.occlusion(net, STEP, 0, size=8, fill=0)
    np.testing.assert_allclose(everything, 12 * 4 / 36)  # twelve places answer with 4
    left = introspection.occlusion(net, STEP, 0, size=2, stride=2, fill=0)
    np.testing.assert_allclose(left[0, :, :4], 0)  # it is 0 already
    hole = introspection.occlusion(net, STEP, 0, size=2, stride=2, fill=0)[0, 2:4, 4:6]
    np.testing.assert_allclose(hole, 0)  # the edge has only moved
    np.testing.assert_allclose(introspection.occlusion(net, STEP, 1, size=8, fill=0), -12 * 4 / 36)


@pytest.mark.parametrize(("size", "stride"), [(3, 2), (5, 4), (4, 1), (12, 3)])
def test_occlusion_is_the_mean_fall_over_the_squares_on_a_pixel(size, stride):
    net, image = small_network(), some_images(1)
    starts = [sorted({*range(0, side - size + 1, stride), side - size}) for side in (12, 14)]
    fallen, times = np.zeros((2, 12, 14))
    for top in starts[0]:
        for left in starts[1]:
            here, covered = np.s_[top : top + size, left : left + size], image.copy()
            covered[0][here] = image.mean(axis=(0, 1, 2))
            fallen[here] += net.predict(image)[0, 2] - net.predict(covered)[0, 2]
            times[here] += 1
    assert times.all()
    np.testing.assert_allclose(introspection.occlusion(net, image, 2, size, stride)[0], fallen / times, atol=1e-6)


def test_a_unit_at_a_place_grows_with_its_kernel_there():
    found = introspection.gradient(sobel_network(), STEP, Unit("conv2d_0", 0, (2, 1)))[0, :, :, 0]
    np.testing.assert_array_equal(found[2:5, 1:4], SOBEL)
    assert np.count_nonzero(found) == 6
    at_its_best = introspection.gradient(sobel_network(), STEP, Unit("conv2d_0", 0))[0, :, :, 0]
    np.testing.assert_array_equal(at_its_best[0:3, 2:5], SOBEL)  # the first of the places that answer with 4


def test_ablation_costs_what_the_filter_brought():
    net = sobel_network()
    both = np.concatenate([STEP, np.zeros_like(STEP)])
    logits = net.predict(both)
    without = np.full((2, 2), [logits[:, 0].mean(), logits[:, 1].mean()])
    expected = ops.softmax_cross_entropy(without, np.array([0, 1])) - ops.softmax_cross_entropy(
        logits, np.array([0, 1])
    )
    np.testing.assert_allclose(introspection.ablation(net, "relu_1", both, np.array([0, 1])), [expected])
    nothing = introspection.ablation(net, "relu_1", both, np.array([0, 1]), value=0.0)
    assert nothing[0] == pytest.approx(np.log(2) - ops.softmax_cross_entropy(logits, np.array([0, 1])))


def test_a_filter_that_says_nothing_costs_nothing():
    net = small_network()
    net.layers[7].weights[2] = 0
    cost = introspection.ablation(net, "relu_5", some_images(), np.array([0, 1, 2, 3, 0]))
    assert cost[2] == pytest.approx(0, abs=1e-7)
    assert abs(cost[0]) > 1e-4


# --------------------------------------------------------------------------- layers by name, and their windows


def test_activations_are_what_the_layers_make_one_after_the_other():
    net, images = small_network(), some_images()
    found, maps = introspection.activations(net, images, batch_size=2), images
    assert list(found)[:4] == ["conv2d_0", "batchnorm_1", "relu_2", "maxpool2d_3"]
    for layer, output in zip(net.layers, found.values(), strict=True):
        maps = layer.forward(maps)
        np.testing.assert_allclose(output, maps, atol=1e-5)
    np.testing.assert_allclose(found["dense_7"], net.predict(images), atol=1e-6)


def positive(model):
    """Make all weights positive, so that a gradient is zero only where nothing is seen."""
    for layer in model.layers:
        for name, array in layer.parameters().items():
            array[...] = 1.0 if name != "shift" else 0.0


@pytest.mark.parametrize("layer", ["conv2d_0", "relu_2", "conv2d_4", "relu_5", "globalaveragepool2d_6", "dense_7"])
def test_a_window_is_where_the_gradient_is_not_zero(layer):
    net = small_network(dtype=np.float64)
    net.layers[3] = layers.AveragePool2D(2)  # a largest number has one pixel only
    net.build((12, 14, 3))
    positive(net)
    images = np.ones((1, 12, 14, 3))
    *places, _ = net.output_shapes[int(layer[-1])]
    for place in [(0, 0), (places[0] - 1, places[1] - 1), (places[0] // 2, 1)] if places else [(0, 0)]:
        grad = introspection.gradient(net, images, Unit(layer, 0, place if places else None))[0]
        rows, columns = np.nonzero(grad.any(axis=2))
        support = rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1
        assert introspection.window(net, layer, place) == support


def test_windows_grow_from_layer_to_layer_in_a_recorded_network():
    net = recorded.trained_network("photo_patches")
    sizes = [introspection.window(net, name, (4, 4))[2] for name in ("relu_2", "maxpool2d_3", "relu_6", "relu_10")]
    assert sizes == sorted(sizes)
    assert introspection.window(net, "dense_12") == (0, 0, 32, 32)


def test_a_window_of_a_branch_is_that_of_both_ways():
    model = models.residual_network((16, 16, 3), 4, width=4, blocks=1)
    way = introspection.window(model, "block1_2_norm", (4, 4))
    assert introspection.window(model, "block1_add", (4, 4)) == way
    assert introspection.window(model, "stem_conv", (4, 4)) == (8, 8, 3, 3)
    assert way == (4, 4, 11, 11)


# --------------------------------------------------------------------------- either network


@pytest.fixture(scope="module")
def pair():
    """A NumPy network, and the Keras model made of it."""
    net = small_network()
    return net, keras_bridge.to_keras(net)


NAMES = ("conv2d_0", "batchnorm_1", "relu_2", "conv2d_4", "relu_5", "dense_7")
UNITS = (0, np.array([3, 2, 1, 0, 3]), Unit("relu_5", 2), Unit("conv2d_4", 1, (1, 2)), Unit("batchnorm_1", 4))


@pytest.mark.parametrize("rule", introspection.RULES)
@pytest.mark.parametrize("target", UNITS, ids=str)
def test_numpy_and_keras_give_one_gradient(pair, rule, target):
    ours, theirs = (introspection.gradient(model, some_images(), target, rule) for model in pair)
    assert abs(ours).max() > 1e-3
    np.testing.assert_allclose(theirs, ours, atol=1e-5)


def test_numpy_and_keras_agree_on_all_else(pair):
    images, labels = some_images(), np.array([0, 1, 2, 3, 0])
    asked = (
        lambda model: introspection.grad_cam(model, images, labels, "relu_2"),
        lambda model: introspection.occlusion(model, images, labels),
        lambda model: introspection.ablation(model, "relu_2", images, labels),
        lambda model: introspection.top_patches(model, Unit("conv2d_4", 0), images, 3).values,
        lambda model: introspection.maximise(model, Unit("conv2d_4", 0), images[:2], steps=5).images,
        *(lambda model, name=name: introspection.activations(model, images, [name])[name] for name in NAMES),
    )
    for ask in asked:
        ours, theirs = map(ask, pair)
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
    for name in NAMES:
        assert introspection.window(pair[0], name, (1, 1)) == introspection.window(pair[1], name, (1, 1))


def test_a_relu_inside_a_keras_layer_follows_the_rule_too():
    start = keras.Input((12, 14, 3))
    inside = keras.layers.Conv2D(4, 3, activation="relu", name="first")(start)
    inside = keras.layers.Conv2D(4, 3, activation="relu", name="second")(inside)
    model = keras.Model(start, keras.layers.Dense(2)(keras.layers.Flatten()(inside)))
    net = keras_bridge.from_keras(model)
    for rule in introspection.RULES:
        ours, theirs = (introspection.gradient(each, some_images(), 1, rule) for each in (net, model))
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
    with pytest.raises(ValueError, match="must not lie behind a ReLU"):
        introspection.maximise(model, Unit("second", 0), some_images(1))


def test_looking_changes_nothing():
    net = small_network()
    model = keras_bridge.to_keras(net)
    before = [array.copy() for array in (*net.parameters().values(), *net.state().values())]
    for each in (net, model):
        introspection.gradient(each, some_images(), 0, "guided")
        introspection.occlusion(each, some_images(), 0)
        introspection.randomised(each, some_images(16))
        introspection.maximise(each, Unit("conv2d_0", 0), some_images(1), steps=2)
    for array, same in zip((*net.parameters().values(), *net.state().values()), before, strict=True):
        np.testing.assert_array_equal(array, same)
    weights = {weight.path: weight.numpy() for weight in model.weights}
    for name, array in {**net.parameters(), **net.state()}.items():
        np.testing.assert_array_equal(weights[keras_bridge.variable(model, name).path], array)


def test_a_numpy_network_is_looked_into_without_tensorflow():
    code = (
        "import sys, numpy as np; from cnnlessons import introspection, recorded; "
        "net = recorded.trained_network('digits'); "
        "introspection.gradient(net, np.ones((1, 8, 8, 1)), 3); introspection.randomised(net, np.ones((2, 8, 8, 1))); "
        "print('keras' in sys.modules or 'tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


# --------------------------------------------------------------------------- what a network cannot see


def test_a_network_that_is_blind_to_colour_has_the_same_gradient_with_and_without_it():
    net = small_network(first=5)
    kernel = net.layers[0].kernel
    kernel[...] = kernel.mean(axis=2, keepdims=True)  # the same for red, green and blue
    without = some_images()
    with_it = without.copy()
    with_it[:, 4:8, 4:8] += 2 * np.array([1, 0, -1], np.float32)  # adds up to 0
    np.testing.assert_allclose(net.predict(with_it), net.predict(without), atol=1e-5)
    for rule in introspection.RULES:
        maps = [introspection.gradient(net, images, 0, rule) for images in (without, with_it)]
        np.testing.assert_allclose(*maps, atol=1e-6)
    for method in (
        lambda images: introspection.grad_cam(net, images, 0, "relu_5"),
        lambda images: introspection.occlusion(net, images, 0, fill=0.0),
    ):
        np.testing.assert_allclose(method(with_it), method(without), atol=1e-5)
    times_input = [introspection.gradient(net, images, 0) * images for images in (without, with_it)]
    changed = abs(abs(times_input[1]).sum(3) - abs(times_input[0]).sum(3)).max()
    assert changed > 0.2 * abs(times_input[0]).sum(3).max()
    np.testing.assert_allclose(times_input[1].sum(3), times_input[0].sum(3), atol=1e-5)  # with their signs it is gone


# --------------------------------------------------------------------------- what excites a unit


@pytest.mark.parametrize("task", ["photo_patches", "digits"])
def test_what_excites_a_first_filter_most_is_its_kernel(task):
    net = recorded.trained_network(task)
    kernel, shape = net.layers[0].kernel, (1, *net.input_shape)
    start = np.random.default_rng(0).normal(size=shape)
    middle = tuple(side // 2 for side in shape[1:3])
    for channel in range(0, kernel.shape[3], 5):
        found = introspection.maximise(net, Unit("conv2d_0", channel), start)
        top, left, height, width = introspection.window(net, "conv2d_0", middle)
        patch = found.images[0, top : top + height, left : left + width]
        assert np.corrcoef(patch.ravel(), kernel[..., channel].ravel())[0, 1] > 0.95
        assert np.sqrt((found.images**2).mean()) == pytest.approx(1)
        assert found.moved.all()


def test_what_is_maximised_excites_more_than_any_image():
    net, images = small_network(), some_images(40)
    images = images / np.sqrt((images**2).mean(axis=(1, 2, 3), keepdims=True))
    for unit in (Unit("conv2d_0", 3), Unit("conv2d_4", 2), Unit("dense_7", 1)):
        best = introspection.top_patches(net, unit, images, 1).values[0]
        found = introspection.maximise(net, unit, images[:3])
        assert found.values.max() > best


def test_blur_and_jitter_make_coarser_pictures_and_are_repeatable():
    net, start = recorded.trained_network("photo_patches"), np.random.default_rng(0).normal(size=(2, 32, 32, 3))
    unit, options = Unit("conv2d_8", 3), {"steps": 20}
    plain = introspection.maximise(net, unit, start, **options).images
    coarse = introspection.maximise(net, unit, start, blur=1.0, jitter=2, **options).images
    again = introspection.maximise(net, unit, start, blur=1.0, jitter=2, **options).images
    np.testing.assert_array_equal(coarse, again)

    def grain(images):
        return (np.diff(images, axis=1) ** 2).mean()

    assert grain(coarse) < grain(plain) / 2


@pytest.mark.parametrize("layer", ["relu_2", "maxpool2d_3", "relu_5", "globalaveragepool2d_6"])
def test_a_unit_behind_a_relu_is_refused_and_the_layer_before_it_named(layer):
    with pytest.raises(ValueError, match=r"must not lie behind a ReLU.*take the layer before 'relu_\d'"):
        introspection.maximise(small_network(), Unit(layer, 0), some_images(1))


def test_top_patches_are_where_the_unit_answers_most():
    net = sobel_network()
    images = np.concatenate([0.5 * STEP, STEP[:, :, ::-1], STEP])
    found = introspection.top_patches(net, Unit("relu_1", 0), images, 2)
    assert found.indices.tolist() == [2, 0]
    assert found.values.tolist() == [4, 2]
    assert found.places.tolist() == [[0, 2], [0, 2]]
    assert found.windows == [(0, 2, 3, 3)] * 2
    np.testing.assert_array_equal(found.cut(images)[0, :, :, 0], [[0, 0, 1]] * 3)
    at = introspection.top_patches(net, Unit("relu_1", 0, (5, 3)), images, 1)
    assert at.windows == [(5, 3, 3, 3)]
    assert introspection.top_patches(net, Unit("dense_3", 1), images, 9).indices.tolist() == [1, 0, 2]


def test_patches_at_the_border_are_cut_as_large_as_the_others():
    net, images = small_network(), some_images(30)
    found = introspection.top_patches(net, Unit("relu_5", 1), images, 30)
    assert found.cut(images).shape[0] == 30
    assert found.cut(images).shape[1:3] == (max(w[2] for w in found.windows), max(w[3] for w in found.windows))


# --------------------------------------------------------------------------- controls


@pytest.mark.parametrize("keras_model", [False, True])
def test_a_network_that_forgets_has_other_weights_and_its_own_averages(pair, keras_model):
    images, model = some_images(64), pair[keras_model]
    other = introspection.randomised(model, images, seed=3)
    one = introspection.activations(other, images)
    assert abs(one["batchnorm_1"].mean(axis=(0, 1, 2))).max() < 1e-4
    np.testing.assert_allclose(one["batchnorm_1"].std(axis=(0, 1, 2)), 1, atol=0.02)
    before = introspection.activations(model, images)
    assert abs(np.corrcoef(one["dense_7"].ravel(), before["dense_7"].ravel())[0, 1]) < 0.9
    again = introspection.activations(introspection.randomised(model, images, seed=3), images)
    np.testing.assert_allclose(again["dense_7"], one["dense_7"], atol=1e-6)


def test_only_the_layers_that_are_named_forget(pair):
    for model in pair:
        other = introspection.randomised(model, some_images(), ["dense_7"])
        ours, theirs = (introspection.activations(each, some_images()) for each in (model, other))
        assert abs(ours["dense_7"] - theirs["dense_7"]).max() > 0.01
        np.testing.assert_array_equal(ours["conv2d_0"], theirs["conv2d_0"])


def test_agreement_is_the_mean_rank_correlation():
    maps, others = np.random.default_rng(0).normal(size=(2, 4, 6, 5, 3))
    expected = [
        stats.spearmanr(abs(one).sum(2).ravel(), abs(other).sum(2).ravel()).statistic
        for one, other in zip(maps, others, strict=True)
    ]
    assert introspection.agreement(maps, others) == pytest.approx(np.mean(expected))
    assert introspection.agreement(maps, -3 * maps) == pytest.approx(1)
    assert np.isnan(introspection.agreement(np.zeros((1, 4, 4)), np.ones((1, 4, 4))))
    flat = np.concatenate([maps[:1], 0 * maps[:1]])
    assert introspection.agreement(flat, others[:2]) == pytest.approx(expected[0])


def test_a_probe_reads_what_is_linear_and_learns_by_heart_what_has_many_dimensions():
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=200)
    few = np.eye(3)[labels] + 0.1 * rng.normal(size=(200, 3))
    found = introspection.probe(few[:100], labels[:100], few[100:], labels[100:])
    assert found.accuracy == 1
    assert found.shuffled < 0.6
    many = rng.normal(size=(200, 300))
    found = introspection.probe(many[:100], labels[:100], many[100:], labels[100:])
    assert found.accuracy < 0.6
    assert found.shuffled == 1


# --------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda net, x: introspection.activations(net, x, ["conv2d_9"]), "layer must be one of conv2d_0,"),
        (lambda net, x: introspection.activations(net, x[0]), r"images must have shape \(N, 12, 14, 3\)"),
        (lambda net, x: introspection.gradient(net, x, 4), "target must lie from 0 to 3, got 4 to 4"),
        (lambda net, x: introspection.gradient(net, x, [0, 1]), "target must be one class or 5 of them"),
        (lambda net, x: introspection.gradient(net, x, 0, "lrp"), "rule must be one of gradient, guided, deconvnet"),
        (lambda net, x: introspection.gradient(net, x, Unit("conv2d_0", 6)), "channel must be from 0 to 5 in conv2d_0"),
        (lambda net, x: introspection.gradient(net, x, Unit("conv2d_0", 0, (12, 0))), "place must lie in a map of"),
        (lambda net, x: introspection.grad_cam(net, x, 0, "dense_7"), "layer must have feature maps"),
        (lambda net, x: introspection.occlusion(net, x, 0, size=13), "size must fit into an image"),
        (lambda net, x: introspection.agreement(x, x[:2]), "must be of the same images"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(pair, ask, words):
    for model in pair:
        with pytest.raises(ValueError, match=words):
            ask(model, some_images())


def test_a_single_layer_may_be_named_without_a_list(pair):
    for model in pair:
        assert list(introspection.activations(model, some_images(), "conv2d_0")) == ["conv2d_0"]
        one, other = (introspection.randomised(model, some_images(), of, 1) for of in ("conv2d_0", ["conv2d_0"]))
        found = [introspection.activations(each, some_images(), "conv2d_0")["conv2d_0"] for each in (one, other, model)]
        np.testing.assert_array_equal(found[0], found[1])
        assert not np.allclose(found[0], found[2])
        with pytest.raises(ValueError, match=r"layer must be one of conv2d_0, .* got 'conv2d'"):
            introspection.randomised(model, some_images(), "conv2d")
        with pytest.raises(ValueError, match=r"layer must be one of conv2d_0, .* got 3"):
            introspection.activations(model, some_images(), 3)


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"must be a network.Sequential or a keras.Model, got int"):
        introspection.activations(3, some_images())
    with pytest.raises(ValueError, match="model must be built"):
        introspection.activations(Sequential([layers.Flatten()]), some_images())


def test_a_layer_in_a_branch_has_no_rest_of_the_network():
    model = models.residual_network((16, 16, 3), 4, width=4, blocks=1)
    with pytest.raises(ValueError, match="must not lie in a branch"):
        introspection.grad_cam(model, np.zeros((1, 16, 16, 3), np.float32), 0, "block1_1_relu")
    assert introspection.grad_cam(model, np.ones((1, 16, 16, 3), np.float32), 0, "block1_relu").shape == (1, 16, 16)
