"""Which pixels an answer came from: gradients with three rules for ReLU, Grad-CAM, and occlusion.

All ask for the logits, not for the probabilities: where softmax is sure, its gradient is nearly 0.
"""

import numpy as np

from cnnlessons import ops, shapes
from cnnlessons.introspection.networks import RULES, Unit, checked_images, checked_layer, checked_unit, opened
from cnnlessons.network import in_batches


def gradient(model, images, target, rule="gradient"):
    """Return how much a number of the network grows with each pixel: (N, H, W, C).

    M. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks" (2014): deconvnet. J. T.
    Springenberg et al., "Striving for simplicity" (2015): guided. Taught in lesson 12.

    Parameters
    ----------
    model : network.Sequential or keras.Model
    images : ndarray, shape (N, H, W, C)
    target : int, ndarray of int (N,), or Unit
        The class whose logit is meant, one for all images or one for each; or a unit. Without a place, the unit's is
        in each image that where it answers most.
    rule : {"gradient", "guided", "deconvnet"}
        What a ReLU lets back. The gradient: what comes from above, where the ReLU was open. Deconvnet: what is positive
        of it, open or not. Guided: what is positive, where the ReLU was open. The last two are no gradients.
    """
    net = opened(model)
    images = checked_images(net, images)
    layer = checked_unit(net, target).layer if isinstance(target, Unit) else net.names[-1]
    part = net.part(None, layer, shapes.chosen(rule, "rule", list(RULES)))

    def of_batch(images, rows):
        return part.gradient(images, _ones_at(part(images), target if isinstance(target, Unit) else rows))

    return in_batches(of_batch, images, _checked_classes(net, target, len(images)))


def _checked_classes(net, target, count):
    """Return one class an image, or as many zeros where a unit is meant."""
    if isinstance(target, Unit):
        return np.zeros(count, int)
    target = ops.whole_array(target, "target", "one class, or one for each image")
    classes = net.outputs[net.names[-1]][-1]
    if target.dtype.kind not in "iu" or target.shape not in ((), (count,)):
        raise ValueError(f"target must be one class or {count} of them, got {target.dtype} of shape {target.shape}")
    if target.min() < 0 or target.max() >= classes:
        raise ValueError(f"target must lie from 0 to {classes - 1}, got {target.min()} to {target.max()}")
    return np.broadcast_to(target, count)


def _ones_at(outputs, target):
    """Return 1 at each image's target and 0 elsewhere, in the shape of the outputs."""
    weights, rows = np.zeros_like(outputs), np.arange(len(outputs))
    if not isinstance(target, Unit):
        weights[rows, target] = 1
    elif outputs.ndim == 2:
        weights[:, target.channel] = 1
    else:
        weights[(rows, *places_of(outputs, target), target.channel)] = 1
    return weights


def places_of(outputs, unit):
    """Return rows and columns, each (N,), of a unit in the maps of its layer (N, h, w, C)."""
    count, height, width, _ = outputs.shape
    if unit.place is not None:
        return np.full(count, unit.place[0]), np.full(count, unit.place[1])
    return np.unravel_index(outputs[..., unit.channel].reshape(count, -1).argmax(axis=1), (height, width))


def grad_cam(model, images, classes, layer):
    """Return where the maps of a layer speak for a class: each map times its mean gradient, added up, cut at 0.

    R. Selvaraju et al., "Grad-CAM: visual explanations from deep networks" (2017). Taught in lesson 12.

    Parameters
    ----------
    model : network.Sequential or keras.Model
    images : ndarray, shape (N, H, W, C)
    classes : int or ndarray of int (N,)
    layer : str
        With feature maps; usually the last one's ReLU.

    Returns
    -------
    ndarray, shape (N, H, W)
        Each cell of the layer's map as a rectangle of pixels; all 0 where the maps speak against the class.
    """
    net = opened(model)
    images, classes = checked_images(net, images), _checked_classes(net, classes, len(images))
    if len(net.outputs[checked_layer(net, layer)]) != 3:
        raise ValueError(f"layer must have feature maps, {layer!r} puts out {net.outputs[layer]}; take one before it")
    below, above = net.part(None, layer), net.part(layer, net.names[-1])

    def of_batch(images, classes):
        maps = below(images)  # (N, h, w, C)
        grad = above.gradient(maps, _ones_at(above(maps), classes))
        return ops.relu((maps * grad.mean(axis=(1, 2), keepdims=True)).sum(axis=3))

    cells = in_batches(of_batch, images, classes)
    rows, columns = (np.arange(n) * of // n for n, of in zip(images.shape[1:3], cells.shape[1:], strict=True))
    return cells[:, rows[:, None], columns]


def occlusion(model, images, classes, size=4, stride=2, fill=None):
    """Return how far the logit of a class falls where a square is covered, on average over the squares on a pixel.

    M. Zeiler and R. Fergus, "Visualizing and understanding convolutional networks" (2014). Taught in lesson 12.

    Parameters
    ----------
    model : network.Sequential or keras.Model
    images : ndarray, shape (N, H, W, C)
    classes : int or ndarray of int (N,)
    size, stride : int
        Of the square, and from one square to the next, in pixels. The last ones end at the image's border.
    fill : float or (C,) floats, optional
        What covers. By default each image's own mean colour. The map depends on it: say it beside the picture.

    Returns
    -------
    ndarray, shape (N, H, W)
        Positive where covering takes the class's logit down.
    """
    net = opened(model)
    images, classes = checked_images(net, images), _checked_classes(net, classes, len(images))
    size, stride = shapes.whole_number(size, "size", 1), shapes.whole_number(stride, "stride", 1)
    if size > min(images.shape[1:3]):
        raise ValueError(f"size must fit into an image of {images.shape[1:3]}, got {size}")
    whole, rows = net.part(None, net.names[-1]), np.arange(len(images))
    cover = images.mean(axis=(1, 2), keepdims=True) if fill is None else np.asarray(fill, images.dtype)
    before = in_batches(whole, images)[rows, classes]
    fallen, times = np.zeros(images.shape[:3]), np.zeros(images.shape[1:3])
    for top, left in np.ndindex(*(-(-(n - size) // stride) + 1 for n in images.shape[1:3])):
        top, left = (min(at * stride, n - size) for at, n in zip((top, left), images.shape[1:3], strict=True))
        here, covered = np.s_[top : top + size, left : left + size], images.copy()
        covered[:, *here] = cover
        fallen[:, *here] += (before - in_batches(whole, covered)[rows, classes])[:, None, None]
        times[here] += 1
    return fallen / np.maximum(times, 1)
