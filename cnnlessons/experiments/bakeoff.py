"""The experiment "bakeoff": first layers of different shape, at equal stride and at equal cost. Taught in lesson 11."""

import timeit

from cnnlessons import shapes
from cnnlessons.experiments import classification, tuning


def train_contestant(*, stem, size, filters, activation, stride, pool, width, depth, **run):
    """Train a classifier with one stem, count what it costs, and measure it: a run of the experiment "bakeoff".

    `stem` is a function of `stems`: "learned" for one convolution, "stacked", "factorised", "resnet_c", "gradual",
    "constant" or "patchify"; `size`, `filters`, `activation` and `stride` are its arguments, None where it takes none.
    `pool`, `width` and `depth` are those of `models.classifier`, the rest is that of `classification.InHalves`.
    """
    from cnnlessons import models

    run = classification.InHalves(**run)
    made = classification.stem(stem, size=size, filters=filters, activation=activation, stride=stride, seed=run.seed)
    model = models.classifier(made, *run.shape, width, run.seed, pool=pool, depth=depth)
    found, some = run.train(model), slice(run.batch_size)
    times = _times(model, run.data.train_images[some], run.data.train_labels[some])
    return found | _costs(model) | times | {"data": run.checksum}


def _costs(model):
    """Return what the model and, with "stem_" before them, its stem cost, and how much the stem sees."""
    from cnnlessons import models, stems

    convolutions = stems.convolutions(model)
    fields = [
        shapes.receptive_field([(layer.kernel_size[axis], layer.strides[axis]) for layer in convolutions])
        for axis in (0, 1)
    ]
    return (
        models.costs(model.layers)._asdict()
        | {f"stem_{name}": count for name, count in models.costs(convolutions)._asdict().items()}
        | {"receptive_field": max(field.size for field in fields)}
    )


def _times(model, images, labels):
    """Return the milliseconds of a batch, the least of several: anything else on the machine only adds to them."""
    steps = {
        "forward_ms": lambda: model.predict_on_batch(images),
        "training_ms": lambda: model.train_on_batch(images, labels),
    }
    seconds = {name: timeit.repeat(step, number=1, repeat=11)[1:] for name, step in steps.items()}  # the first prepares
    return {name: round(1000 * min(each), 3) for name, each in seconds.items()}


# What a contestant is called, the function of `stems`, kernel size, filters, activation between its convolutions,
# stride, whether a pooling follows, and the body's width and depth.
_NAMES = ("group", "setting", "stem", "size", "filters", "activation", "stride", "pool", "width", "depth")


def _one(group, size, filters, pool=False, width=32, depth=1, setting=None):
    name = setting or f"{size}×{size}, {filters} filters"
    return group, name, "learned", size, filters, None, 2, pool, width, depth


def _several(group, name, stem, size, filters, activation, pool=False):
    return group, f"{name}, {filters} filters", stem, size, filters, activation, 2, pool, 32, 1


def _patches(group, size, filters):
    name = f"{size}×{size} patches, {filters} filters"
    return group, name, "patchify", size, filters, None, None, False, 32, 1


# The body sees maps of half the image's height and width.
_STRIDE_2 = [
    *(_one("stride 2", size, filters) for size in (3, 5, 7) for filters in (8, 16, 32, 64)),
    _several("stride 2", "3×3 twice, linear", "stacked", 3, 32, "linear"),
    _several("stride 2", "3×3 twice, ReLU", "stacked", 3, 32, "relu"),
    _several("stride 2", "3×1 and 1×3, linear", "factorised", 3, 32, "linear"),
    _several("stride 2", "3×1 and 1×3, ReLU", "factorised", 3, 32, "relu"),
    _several("stride 2", "ResNet-C, linear", "resnet_c", None, 32, "linear"),
    _several("stride 2", "ResNet-C, ReLU", "resnet_c", None, 32, "relu"),
    _several("stride 2", "gradual 8-16-32, ReLU", "gradual", None, 32, "relu"),
    _patches("stride 2", 2, 32),
]

# A quarter of it: stride and pooling as in ResNet, or patches as in ConvNeXt.
_STRIDE_4 = [
    *(_one("stride 4", size, 32, True, setting=f"{size}×{size} and pooling, 32 filters") for size in (3, 5, 7)),
    _several("stride 4", "ResNet-C, ReLU and pooling", "resnet_c", None, 32, "relu", True),
    _several("stride 4", "gradual 8-16-32, ReLU and pooling", "gradual", None, 32, "relu", True),
    _patches("stride 4", 4, 32),
]


# As many filters as make the whole model's multiply-adds those of "5×5, 32 filters", to within 3 %.
def _equal_cost(three, seven, twice, factorised, resnet, gradual, patches):
    return [
        _one("equal cost", 3, three),
        _one("equal cost", 7, seven),
        _several("equal cost", "3×3 twice, ReLU", "stacked", 3, twice, "relu"),
        _several("equal cost", "3×1 and 1×3, ReLU", "factorised", 3, factorised, "relu"),
        _several("equal cost", "ResNet-C, ReLU", "resnet_c", None, resnet, "relu"),
        _several("equal cost", "gradual, ReLU", "gradual", None, gradual, "relu"),
        _patches("equal cost", 2, patches),
    ]


_EQUAL_COST = _equal_cost(37, 27, 22, 29, 25, 27, 39)
_EQUAL_COST_GREY = _equal_cost(34, 30, 21, 27, 23, 24, 34)  # on one channel, where kernels cost less

# Twice the multiply-adds of "5×5, 32 filters", to within 3 %, spent on width or on depth of the body.
_DEPTH = [
    _one("wide or deep", 5, 400, depth=0, setting="no block, 400 filters in the stem"),
    _one("wide or deep", 5, 32, width=58, setting="one convolution a block, width 58"),
    _one("wide or deep", 5, 32, width=33, depth=2, setting="two convolutions a block, width 33"),
    _one("wide or deep", 5, 32, width=22, depth=4, setting="four convolutions a block, width 22"),
]

# The multiply-adds of "5×5, 32 filters", to within 3 %: 1 % of them in the stem, 2 %, 4 %, 8 %, a third, a half.
_SHARE = [
    _one("share of the budget", 5, filters, width=width, setting=f"5×5, {filters} filters, width {width}")
    for filters, width in ((2, 64), (4, 61), (8, 56), (16, 46), (64, 16), (96, 9))
]

_FEW = [_one("few filters", size, filters) for size in (3, 5) for filters in (1, 2, 4)]
_THREE = [_several("three 3×3", "3×3 three times, ReLU", "constant", None, 32, "relu")]
_COLOUR = _STRIDE_2 + _STRIDE_4 + _EQUAL_COST + _DEPTH + _FEW + _THREE + _SHARE
_GREY = _STRIDE_2 + _EQUAL_COST_GREY + _FEW + _THREE

# Data set, images a class, test images a class, epochs.
_DATA = (
    ("photo_patches", 100, 200, 10, _COLOUR),
    ("cifar10", 500, 200, 4, _COLOUR),
    ("mnist", 50, 200, 8, _GREY),
    ("spectrograms", 100, 25, 8, _GREY),
)

SETTINGS = [
    dict(zip(_NAMES, contestant, strict=True))
    | dict(zip(("dataset", "per_class", "test_per_class", "epochs"), data, strict=True))
    | {"batch_size": 32, "learning_rate": 0.003, "test_noise": 0.05}
    for *data, contestants in _DATA
    for contestant in contestants
]


# --------------------------------------------------------------------------- on all of CIFAR-10, at rates of their own


def train_long(*, stem, size, filters, activation, length, stride=2, width=32, **run):
    """Train a classifier with one stem for longer, at a rate chosen for it: a run of the experiment "long".

    As in `train_contestant`; `length` is one of `stems.LENGTHS`, the rest that of `classification.InThirds`.
    """
    from cnnlessons import models

    run = classification.InThirds(**run)
    options = {"size": size, "filters": filters, "activation": activation, "length": length, "seed": run.seed}
    made = classification.stem(stem, **options, stride=None if stem == "patchify" else stride)
    model = models.classifier(made, *run.shape, width, run.seed, pool=False)
    return run.train(model) | _costs(model) | {"data": run.checksum}


_LONG_NAMES = ("setting", "stem", "size", "filters", "activation")
_ALL = {"dataset": "cifar10", "per_class": 5000, "test_per_class": 1000, "epochs": 6, "flips": True}
LONG = [
    dict(zip(_LONG_NAMES, contestant, strict=True)) | {"length": "glorot", "stride": 2} | _ALL | tuning.COMMON
    for contestant in (
        ("3×3", "learned", 3, 32, None),
        ("5×5", "learned", 5, 32, None),
        ("7×7", "learned", 7, 32, None),
        ("3×3 twice, ReLU", "stacked", 3, 32, "relu"),
        ("3×3 twice, linear", "stacked", 3, 32, "linear"),
        ("ResNet-C, ReLU", "resnet_c", None, 32, "relu"),
        ("2×2 patches", "patchify", 2, 32, None),
    )
]
