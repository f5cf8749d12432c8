"""What a map or a unit is compared with: the same network without what it learned, and what a filter's loss costs."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from cnnlessons import initializers, ops, shapes
from cnnlessons.introspection.networks import checked_images, checked_layer, opened
from cnnlessons.network import in_batches


def randomised(model, images, layers="all", seed=0):
    """Return a copy of a network in which weights are drawn anew.

    Kernels are drawn as Glorot and Bengio do, biases and shifts are 0, scales 1. The model itself stays as it is. J.
    Adebayo et al., "Sanity checks for saliency maps" (2018). Taught in lesson 12.

    Parameters
    ----------
    model : network.Sequential or keras.Model
    images : ndarray, shape (N, H, W, C)
        On which the averages of every batch normalisation are measured again. Those of the trained network would be
        wrong for other weights, and make maps of any size.
    layers : "all", str or sequence of str
        Which layers forget.
    """
    net = opened(model)
    layers = net.names if isinstance(layers, str) and layers == "all" else shapes.listed(layers)
    names = [checked_layer(net, name) for name in layers]
    rng = np.random.default_rng(shapes.whole_number(seed, "seed", 0))
    draw = lambda shape: initializers.draw("glorot_uniform", tuple(shape), rng)  # noqa: E731
    return net.randomised(checked_images(net, images), names, draw)


def agreement(maps, others):
    """Return how alike the maps of the same images are: the rank correlation of their sizes, on average over images.

    How large is large depends on the images: see what two trained networks agree on. Taught in lesson 12.

    Maps are (N, H, W) or (N, H, W, C); channels are added up, each without its sign. The result is 1 if the same pixels
    come first, 0 if there is no connection. An image for which a map is flat everywhere does not count; NaN if there is
    no other.
    """
    sizes = [np.abs(np.asarray(each, float)) for each in (maps, others)]
    sizes = [each.sum(axis=3) if each.ndim == 4 else each for each in sizes]
    if sizes[0].shape != sizes[1].shape or sizes[0].ndim != 3:
        raise ValueError(
            f"maps and others must be of the same images, got shapes {np.shape(maps)} and {np.shape(others)}"
        )
    ranks = [stats.rankdata(each.reshape(len(each), -1), axis=1) for each in sizes]
    ranks = [each - each.mean(axis=1, keepdims=True) for each in ranks]
    lengths = np.sqrt((ranks[0] ** 2).sum(1) * (ranks[1] ** 2).sum(1))
    counted = lengths > 0
    return float(np.mean((ranks[0] * ranks[1]).sum(1)[counted] / lengths[counted])) if counted.any() else float("nan")


def ablation(model, layer, images, labels, value="mean"):
    """Return how much the loss grows when one filter after the other says the same of every image: (filters,).

    The loss is the mean softmax cross-entropy, in nats. 0 means that nobody needed a filter, as long as the others are
    there.
    A. Morcos et al., "On the importance of single directions for generalization" (2018). Taught in lesson 12.

    Parameters
    ----------
    model : network.Sequential or keras.Model
    layer : str
    images : ndarray, shape (N, H, W, C)
    labels : ndarray of int, shape (N,)
    value : "mean" or float
        What each filter says: the mean of its map over all images and places, or a number. 0 is not "nothing" to the
        layers behind, unless it is the mean.
    """
    net = opened(model)
    images, above = checked_images(net, images), net.part(checked_layer(net, layer), net.names[-1])
    maps = in_batches(net.part(None, layer), images)
    before, added = ops.softmax_cross_entropy(in_batches(above, maps), labels), []
    for channel in range(maps.shape[-1]):
        without = maps.copy()
        without[..., channel] = maps[..., channel].mean() if value == "mean" else value
        added.append(ops.softmax_cross_entropy(in_batches(above, without), labels) - before)
    return np.array(added)


class Probe(NamedTuple):
    """What a linear reader makes of a layer's numbers."""

    accuracy: float  #: on the test part, 0 to 1
    shuffled: float  #: share of *shuffled* labels of the training part that it can learn by heart, 0 to 1


def probe(train, labels, test, test_labels, seed=0):
    """Read labels from activations by a ridge regression, and see how much of that is the number of dimensions.

    G. Alain and Y. Bengio, "Understanding intermediate layers using linear classifier probes" (2016); the control after
    J. Hewitt and P. Liang (2019). What can be read need not be used. Taught in lesson 12.

    `train` and `test` are activations (N, …), such as `activations` returns, with a label each; `seed` is that of the
    shuffled labels. The result is a `Probe`.
    """
    from sklearn.linear_model import RidgeClassifier  # takes a second to import, and nothing else here needs it

    train, test = (np.asarray(each, float).reshape(len(each), -1) for each in (train, test))
    spread = train.std(axis=0) + 1e-9
    train, test = (train - train.mean(axis=0)) / spread, (test - train.mean(axis=0)) / spread
    mixed = np.random.default_rng(shapes.whole_number(seed, "seed", 0)).permutation(labels)
    accuracy = RidgeClassifier().fit(train, labels).score(test, test_labels)
    return Probe(accuracy, RidgeClassifier().fit(train, mixed).score(train, mixed))
