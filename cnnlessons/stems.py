"""First layers for Keras: learned, fixed, mixed, and built of several.

Each function here returns a *stem*: a function from the images' Keras tensor (N, H, W, C) to feature maps
(N, H / stride, W / stride, filters), without activation, for `models.classifier`. Its layers are Keras's own and their
kernels stand in their configuration, so a model with a stem is saved, loaded, cloned and summarised like any other. All
their names begin with "stem".

Where a kernel comes from is said by the argument `bank`, one of

- "derivatives", "lines", "curves", "gabor", "dct" (see `kernels.bank`), or several joined with "+", "lines+curves":
  drawn out to as many filters as are asked for by `bank`;
- "random": normal numbers;
- "random colours": random patterns, each in a single colour: light, red against green or blue against yellow;
- "grey gabor", or another bank after "grey": in brightness alone;
- an array (KH, KW, C, filters), such as `principal_components` gives: it has its own size and filters, but where other
  maps stand beside those of the bank it must have as many as are asked for.

How long the filters of a trained kernel are when it starts is said by the argument `length`: "he" (√2 on average),
"glorot" (as Keras's `Conv2D` starts) or "small" (a tenth of He's).

Taught in lesson 09; `factorised`, `stacked`, `resnet_c`, `gradual` and `patchify` in lesson 11.
"""

import keras
import numpy as np
from keras import layers

from cnnlessons import initializers, kernels, ops, shapes

LENGTHS = ("he", "glorot", "small")
OPPONENT_COLOURS = np.array([[1, 1, 1], [1, -1, 0], [-1, -1, 2]])  # light, red against green, blue against yellow

# --------------------------------------------------------------------------- kernels of as many filters as one likes


def bank(name, filters=32, size=5, channels=3):
    """Return a kernel with as many different filters of one family as are asked for.

    The filters of `kernels.bank` come first in brightness, then in red against green, then in blue against yellow; then
    all of these with the opposite sign, because the ReLU that follows lets only one side of a response through; then
    the same again at the next smaller odd size, with zeros around. "dct" is sorted from low to high frequency, and the
    colours take turns. Taught in lesson 09.

    Parameters
    ----------
    name : str
        One of `kernels.banks()`, or several joined with "+"; after "grey " in the first colour alone.
    filters : int
        At most as many as there are.
    size : int
        Odd, at least 3.
    channels : int
        With 3 the colours are those above; otherwise the channels' mean, then their differences as cosines.

    Returns
    -------
    ndarray (size, size, channels, filters) of float32
        Each filter has Euclidean norm 1.
    """
    _require_known(name, "name")
    filters, size = shapes.whole_number(filters, "filters", 1), shapes.whole_number(size, "size", 3)
    colours = _colours(shapes.whole_number(channels, "channels", 1))
    colours = colours[:1] if name.startswith("grey ") else colours
    found = np.concatenate([_coloured(name, inner, size, colours) for inner in range(size, 2, -2)], axis=-1)
    if filters > found.shape[-1]:
        raise ValueError(
            f"filters must be at most {found.shape[-1]}, as many as there are in {name!r} at size {size} in "
            f"{channels} channels, got {filters}"
        )
    return found[..., :filters].astype(np.float32)


def _require_known(name, called, others=(), remedy=""):
    """Make sure that a name is that of a bank, or of several, after "grey " or not, or list the names."""
    banks = kernels.banks()
    if not isinstance(name, str) or not {*name.removeprefix("grey ").split("+")} <= {*banks}:
        raise ValueError(
            f'{called} must be one of {", ".join([*others, *banks])}, or banks joined with "+", as "lines+curves", or '
            f'after "grey ", as "grey gabor"{remedy}; got {name!r}'
        )


def _colours(channels):
    """Return orthogonal directions, (channels, channels), each of norm 1: a direction a row."""
    position = np.arange(channels)
    cosines = np.cos(np.pi / channels * np.outer(position, position + 0.5))
    directions = OPPONENT_COLOURS if channels == 3 else cosines
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def _coloured(name, size, outer_size, colours):
    """Return the filters of one size in all colours and both signs, (outer_size, outer_size, C, filters)."""
    name = name.removeprefix("grey ")
    drawn = np.concatenate([kernels.bank(part, size)[:, :, 0] for part in name.split("+")], axis=-1)
    if name == "dct":
        frequency = np.add.outer(np.arange(size), np.arange(size)).ravel()
        drawn = drawn[..., np.argsort(frequency, kind="stable")]
    coloured = np.einsum("hwf,kc->hwckf", drawn, colours)  # (size, size, C, colours, filters)
    if name == "dct":
        coloured = coloured.swapaxes(-1, -2)
    coloured = coloured.reshape(size, size, colours.shape[1], -1)
    margin = (outer_size - size) // 2
    both = np.concatenate([coloured, -coloured], axis=-1)
    return np.pad(both, [(margin, margin), (margin, margin), (0, 0), (0, 0)])


def principal_components(images, filters=32, size=5, patches=20_000, seed=0):
    """Return the directions in which patches of images vary most, as a kernel. Taught in lesson 09.

    Parameters
    ----------
    images : ndarray (N, H, W, C)
    filters : int
        At most ``size * size * C``.
    size : int
        Height and width of a patch, at most those of the images.
    patches, seed : int
        How many patches are drawn, anywhere in any image: at least 2, or nothing varies.

    Returns
    -------
    ndarray (size, size, C, filters) of float32
        Orthogonal, each of Euclidean norm 1, its largest weight positive; the one with the most variance first.
    """
    images = ops.finite(images, "images", "(N, H, W, C)")
    size, patches = shapes.whole_number(size, "size", 1), shapes.whole_number(patches, "patches", 2)
    if images.ndim != 4 or size > min(images.shape[1:3]):
        raise ValueError(f"images must be (N, H, W, C), no smaller than size {size}, got {images.shape}")
    length = size * size * images.shape[-1]
    if shapes.whole_number(filters, "filters", 1) > length:
        raise ValueError(f"filters must be at most size·size·C = {length}, got {filters}")
    windows = np.lib.stride_tricks.sliding_window_view(images, (size, size), axis=(1, 2))  # (N, H', W', C, size, size)
    rng = np.random.default_rng(seed)
    places = tuple(rng.integers(side, size=patches) for side in windows.shape[:3])
    drawn = windows[places].transpose(0, 2, 3, 1).reshape(patches, length)
    _, directions = np.linalg.eigh(np.cov(drawn, rowvar=False))  # the least variance first, a direction a column
    directions = directions[:, ::-1][:, :filters]
    directions *= np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(filters)])
    return directions.reshape(size, size, -1, filters).astype(np.float32)


def _kernel(source, filters, size, channels, seed, called="bank"):
    """Return the kernel that the argument `bank` of a stem, or what it is called there, stands for."""
    if not isinstance(source, str):
        return _given(source, channels, called)
    if source == "random":
        shape = _shape(size, channels, filters)
        return initializers.he_normal(shape, np.random.default_rng(seed)).astype(np.float32)
    if source == "random colours":
        return _random_colours(filters, size, channels, seed)
    _require_known(source, called, ("random", "random colours"), f", or an array (KH, KW, {channels}, filters)")
    return bank(source, filters, size, channels)


def _given(source, channels, called):
    """Return an array as a kernel, if it is one."""
    form = f"(KH, KW, {channels}, filters)"
    kernel = ops.whole_array(source, called, form)
    if kernel.ndim != 4 or kernel.shape[2] != channels:
        got = kernel.shape if kernel.ndim else repr(source)
        raise ValueError(f"{called} must be a name or an array {form}, got {got}")
    return ops.finite(ops.numbers(kernel, called, form).astype(np.float32), called)


def _shape(size, channels, filters):
    """Return the shape of a kernel to be drawn; `size` is one number or (row, column)."""
    return *shapes.pair(size, "size"), channels, shapes.whole_number(filters, "filters", 1)


def _part(source, count, filters, size, channels, seed):
    """Return the kernel of those of a stem's filters, `count` of them, that the argument `bank` stands for."""
    kernel = _kernel(source, count, size, channels, seed)
    if kernel.shape[-1] != count:
        raise ValueError(
            f"bank must have {count} filters, its part of the {filters}, got {kernel.shape[-1]}; give an array of so "
            "many, or ask for another number of filters"
        )
    return kernel


def _random_colours(filters, size, channels, seed):
    """Return random patterns of norm 1, one colour a filter, in turn: what a bank is without its design in space."""
    patterns = np.random.default_rng(seed).normal(size=_shape(size, 1, filters))
    kernel = patterns * _colours(channels)[np.arange(filters) % channels].T
    return (kernel / np.sqrt(np.square(kernel).sum((0, 1, 2)))).astype(np.float32)


def _start(source, length, filters, size, channels, seed):
    """Return a kernel to be trained, its filters as long as `length` says: the longer, the slower they turn."""
    drawn = isinstance(source, str) and source == "random"
    if drawn and length == "glorot":
        shape = _shape(size, channels, filters)
        return initializers.glorot_uniform(shape, np.random.default_rng(seed)).astype(np.float32)
    kernel = _kernel(source, filters, size, channels, seed, "start")
    if not kernel.any():
        raise ValueError("start must not be all zero: there is no length to change; give other weights")
    if not drawn:  # as long as He's random ones are on average
        kernel = kernel * np.sqrt(2 * kernel.shape[-1] / np.square(kernel).sum())
    return _shortened(kernel, length)


def _shortened(kernel, length):
    """Return a kernel of He's length with that of `length`."""
    shapes.chosen(length, "length", LENGTHS)
    fan_in, fan_out = initializers.fans(kernel.shape)
    return kernel * {"he": 1, "glorot": np.sqrt(fan_in / (fan_in + fan_out)), "small": 0.1}[length]


def _convolution(kernel, name, trainable, stride=1):
    return layers.Conv2D(
        kernel.shape[-1],
        kernel.shape[:2],
        strides=stride,
        padding="same",
        use_bias=False,  # batch normalisation follows and would take it off again
        kernel_initializer=keras.initializers.Constant(kernel),
        trainable=trainable,
        name=name,
    )


# --------------------------------------------------------------------------- one kernel


def learned(filters=32, size=5, start="random", stride=1, seed=0, length="he"):
    """Return a stem of one convolution that is trained. Taught in lesson 09.

    Parameters
    ----------
    filters, size, stride : int
    start : str or ndarray (KH, KW, C, filters)
        Where its kernel starts, see `bank` at the top of this module. Filters of a bank get the length that random ones
        have on average; an array has its own size and filters.
    seed : int
        Of a random start.
    length : {"he", "glorot", "small"}
        Of its filters at the start.
    """

    def stem(images):
        kernel = _start(start, length, filters, size, images.shape[-1], seed)
        return _convolution(kernel, "stem", True, stride)(images)

    return stem


def edge_biased(filters=32, size=5, share=0.5, bank="derivatives", stride=1, seed=0, length="he"):
    """Return a trained stem whose random start leans towards edge detectors, see `initializers.edge_biased`.

    `share` is the part of each filter's energy that the detector contributes, on average; the other arguments are those
    of `learned`. Taught in lesson 09.
    """

    def stem(images):
        shape = _shape(size, images.shape[-1], filters)
        kernel = initializers.edge_biased(shape, np.random.default_rng(seed), share, bank)
        return _convolution(_shortened(kernel.astype(np.float32), length), "stem", True, stride)(images)

    return stem


def fixed(bank, filters=32, size=5, stride=1, seed=0):
    """Return a stem of one convolution that is never trained. Taught in lesson 09.

    The arguments are those of `learned`; `bank` is said at the top of this module, an array has its own size and
    filters.
    """

    def stem(images):
        return _convolution(_kernel(bank, filters, size, images.shape[-1], seed), "stem", False, stride)(images)

    return stem


# --------------------------------------------------------------------------- fixed and learned, side by side


def split(bank, filters=32, size=5, share=0.5, stride=1, seed=0, length="he"):
    """Return a stem in which some filters are fixed and the others trained: two convolutions side by side.

    The fixed ones, a `share` of all, have the kernel `bank`, and their maps come first; an array must have as many. The
    other arguments are those of `learned`, `seed` and `length` for the trained ones. Taught in lesson 09.
    """
    filters = shapes.whole_number(filters, "filters", 2)
    count = round(filters * shapes.number(share, "share", "a number from 0 to 1", lambda share: 0 <= share <= 1))
    if not 0 < count < filters:
        raise ValueError(f"share must leave both fixed and trained filters of the {filters}, got {share}")

    def stem(images):
        channels = images.shape[-1]
        kept = _part(bank, count, filters, size, channels, seed)
        free = _start("random", length, filters - count, size, channels, seed)
        maps = [
            _convolution(kept, "stem_fixed", False, stride)(images),
            _convolution(free, "stem_learned", True, stride)(images),
        ]
        return layers.Concatenate(name="stem")(maps)

    return stem


def pass_through(bank, filters=32, size=5, seed=0):
    """Return a stem of fixed maps and the image's own channels, each as it is and with the opposite sign.

    Both signs, because the ReLU that follows cuts off what lies below the mean: what one of the two loses, the other
    keeps. `filters` counts all maps: first the fixed ones, of the kernel `bank`, an array of so many if it is one; the
    last ``2 * C`` are the channels. Taught in lesson 09.
    """
    filters = shapes.whole_number(filters, "filters", 1)

    def stem(images):
        channels = images.shape[-1]
        if filters <= 2 * channels:
            raise ValueError(f"filters must be more than the {2 * channels} that pass the channels on, got {filters}")
        kept = _part(bank, filters - 2 * channels, filters, size, channels, seed)
        maps = _convolution(kept, "stem_fixed", False)(images)
        opposite = layers.Rescaling(-1.0, name="stem_opposite")(images)
        return layers.Concatenate(name="stem")([maps, images, opposite])

    return stem


def basis(bank, filters=32, size=5, stride=1, seed=0, length="he"):
    """Return a stem whose trained filters are sums of fixed ones: every filter of a bank on every channel, then 1×1.

    With a bank that is a basis of all kernels of its size, such as "dct", it can compute what `learned` can; with a
    smaller one, only what the bank spans. J.-H. Jacobsen, J. van Gemert, Z. Lou and A. Smeulders, "Structured receptive
    fields in CNNs" (2016), do it with derivatives of the Gaussian. `bank` is one of `kernels.banks()`; `filters`,
    `seed` and `length` are those of the 1×1 convolution. Taught in lesson 09.
    """

    def stem(images):
        channels = images.shape[-1]
        parts = kernels.bank(bank, size)  # (size, size, 1, n)
        each = np.einsum("hwf,cd->hwcdf", parts[:, :, 0], np.eye(channels)).reshape(size, size, channels, -1)
        maps = _convolution(each.astype(np.float32), "stem_fixed", False, stride)(images)
        return _convolution(_start("random", length, filters, 1, each.shape[-1], seed), "stem", True)(maps)

    return stem


# --------------------------------------------------------------------------- several small kernels


def factorised(filters=32, size=5, activation=None, stride=1, seed=0, length="he"):
    """Return a stem of a column of weights, then a row: (size, 1) and (1, size), as Inception factorises.

    Each takes the stride along its own axis. `activation` stands between the two; without one they are together a
    linear filter with fewer weights. C. Szegedy et al., "Rethinking the Inception architecture for computer vision"
    (2016). Taught in lesson 11.
    """
    return _chain([(filters, (size, 1), (stride, 1)), (filters, (1, size), (1, stride))], activation, seed, length)


def stacked(filters=32, size=3, activation="relu", stride=1, seed=0, length="he"):
    """Return a stem of two convolutions of one size, such as two 3×3 that see as much as one 5×5.

    The first takes the stride. K. Simonyan and A. Zisserman, "Very deep convolutional networks for large-scale image
    recognition" (2015); without activation between them the two are one linear filter. Taught in lesson 11.
    """
    return _chain([(filters, (size, size), stride), (filters, (size, size), 1)], activation, seed, length)


def resnet_c(filters=32, activation="relu", stride=1, seed=0, length="he"):
    """Return a stem of three 3×3 convolutions, half the filters in the first two, as in ResNet-C.

    The first takes the stride. T. He et al., "Bag of tricks for image classification with convolutional neural
    networks" (2019). Taught in lesson 11.
    """
    half = _some(filters, 2)
    return _chain([(half, (3, 3), stride), (half, (3, 3), 1), (filters, (3, 3), 1)], activation, seed, length)


def gradual(filters=32, activation="relu", stride=1, seed=0, length="he"):
    """Return a stem of three 3×3 convolutions whose filters double each time, 8-16-32, as the receptive field grows.

    The first takes the stride. Taught in lesson 11.
    """
    quarter, half = _some(filters, 4), _some(filters, 2)
    return _chain([(quarter, (3, 3), stride), (half, (3, 3), 1), (filters, (3, 3), 1)], activation, seed, length)


def constant(filters=32, activation="relu", stride=1, seed=0, length="he"):
    """Return a stem of three 3×3 convolutions of as many filters each: what `gradual` grows towards, from the start.

    The first takes the stride. Taught in lesson 11.
    """
    return _chain([(filters, (3, 3), stride), (filters, (3, 3), 1), (filters, (3, 3), 1)], activation, seed, length)


def patchify(filters=32, size=4, seed=0, length="he"):
    """Return a stem that sees the image in patches that do not overlap, as a vision transformer does.

    Feature maps are (N, H / size, W / size, filters). Taught in lesson 11.
    """
    return _chain([(filters, (size, size), size)], None, seed, length)


def _some(filters, among):
    """Return how many one of so many filters are, at least one."""
    return max(1, shapes.whole_number(filters, "filters", 1) // among)


def _chain(convolutions, activation, seed, length):
    """Convolutions (filters, size, stride) one after another, between them batch normalisation and the activation."""

    def stem(images):
        maps, rng = images, np.random.default_rng(seed)
        for index, (filters, size, stride) in enumerate(convolutions, start=1):
            last = index == len(convolutions)
            kernel = initializers.he_normal(_shape(size, maps.shape[-1], filters), rng).astype(np.float32)
            kernel = _shortened(kernel, length)
            maps = _convolution(kernel, "stem" if last else f"stem_{index}", True, stride)(maps)
            if not last:  # a linear chain stays linear: once trained, this multiplies and adds constants
                maps = layers.BatchNormalization(momentum=0.9, name=f"stem_{index}_norm")(maps)
            if activation and not last:
                maps = layers.Activation(activation, name=f"stem_{index}_{activation}")(maps)
        return maps

    return stem


# --------------------------------------------------------------------------- what a model's stem holds


def convolutions(model):
    """Return the convolutions of a model's stem, fixed or not, in order. Taught in lesson 09."""
    return [layer for layer in model.layers if layer.name.startswith("stem") and isinstance(layer, layers.Conv2D)]
