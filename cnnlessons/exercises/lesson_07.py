"""Exercises of lesson 07: a dense layer from another layout, the gradient around a skip, a partly frozen step."""

import numpy as np

from cnnlessons.exercises.feedback import FunctionExercise

# --------------------------------------------------------------------------- 07.dense_from_channels_first


def dense_from_channels_first(weights, map_shape):
    height, width, channels = map_shape
    outputs = len(weights)
    laid_out = weights.reshape(outputs, channels, height, width)  # what the other library flattened
    return laid_out.transpose(2, 3, 1, 0).reshape(-1, outputs)  # (H·W·C, outputs)


_rng = np.random.default_rng(0)

DENSE_FROM_CHANNELS_FIRST = FunctionExercise(
    name="07.dense_from_channels_first",
    solution=dense_from_channels_first,
    probes=(
        (np.arange(24).reshape(2, 12), (2, 3, 2)),
        (_rng.integers(-9, 10, (5, 36)), (3, 2, 6)),
        (_rng.integers(-9, 10, (3, 16)), (1, 1, 16)),
        (_rng.integers(-9, 10, (4, 18)), (3, 3, 2)),
    ),
    wrong={
        "transposed only": "laid_out.transpose(2, 3, 1, 0) → weights.T",
        "reshaped only": "laid_out.transpose(2, 3, 1, 0) → weights",
        "the other way round": (
            "laid_out.transpose(2, 3, 1, 0) → weights.reshape(outputs, *map_shape).transpose(3, 1, 2, 0)"
        ),
        "rows and columns swapped": "(2, 3, 1, 0) → (3, 2, 1, 0)",
        "outputs first kept": lambda weights, map_shape: dense_from_channels_first(weights, map_shape).T,
    },
    astray=("transposed only", "rows and columns swapped"),
    said="""
        transposed only: You turn (outputs, inputs) into (inputs, outputs), but the inputs still stand in the other
            library's order, channel by channel. Here Flatten goes pixel by pixel, all channels of a pixel together.
        reshaped only: You reshape. The number of entries is right, so NumPy does not complain, but a reshape moves no
            axis: every number keeps its place in memory. Axes change places with `transpose`.
        the other way round: You go the other way: from (height, width, channels) to channels first. The other library
            flattened (channels, height, width): reshape to that, then move the channels to the end.
        rows and columns swapped: Rows and columns have changed places. After the reshape the axes are (outputs,
            channels, height, width), numbers 0 to 3, and (height, width, channels, outputs) is wanted.
        outputs first kept: The order of the inputs is right, but the result is (outputs, inputs). Keras wants (inputs,
            outputs).
        hint: Give the flat inputs their three axes back: the other library had (channels, height, width).
        hint: `weights.reshape(outputs, channels, height, width)` has axes 0 to 3. Which order of these four is (height,
            width, channels, outputs)?
        hint: `.transpose(2, 3, 1, 0)`, then the first three axes become one: `.reshape(-1, outputs)`.
        verified: maps that are not square, one pixel only, several channels
    """,
)

# --------------------------------------------------------------------------- 07.skip_backward


def skip_backward(grad_output, x, weights):
    before = x @ weights
    grad_before = np.where(before > 0, grad_output, 0)
    return grad_before @ weights.T + grad_output  # through the layer, and around it


_X = np.array([[1.0, -2.0, 0.5], [0.0, 3.0, -1.0]])
_W = np.array([[1.0, 0.5, -1.0], [2.0, -1.0, 0.0], [0.0, 1.0, 3.0]])
_G = np.array([[1.0, -1.0, 2.0], [0.5, 3.0, -2.0]])

SKIP_BACKWARD = FunctionExercise(
    name="07.skip_backward",
    solution=skip_backward,
    probes=(
        (_G, _X, _W),
        (_G[:1], _X[:1], -_W),
        (np.ones((2, 3)), -_X, _W.T + 0.25),
        (  # no `x @ weights` is 0: there both slopes would be right
            _G,
            np.ones((2, 3)),
            np.zeros((3, 3)),
        ),
    ),
    draw=lambda rng, probe: tuple(rng.standard_normal(value.shape) for value in probe),  # no product is 0
    wrong={
        "skip forgotten": "weights.T + grad_output → weights.T",
        "layer forgotten": lambda grad_output, x, weights: grad_output.astype(float),
        "ReLU forgotten": "np.where(before > 0, grad_output, 0) → grad_output",
        "ReLU on the sum": "grad_before = np.where(before → grad_output = grad_before = np.where(x + before",
        "ReLU of x": "before > 0 → x > 0",
        "weights not transposed": "weights.T → weights",
        "ReLU on the way around, too": "weights.T + grad_output → weights.T + grad_before",
    },
    astray=("skip forgotten", "ReLU forgotten", "ReLU on the way around, too"),
    said="""
        skip forgotten: That is the gradient through the layer alone. `x` reaches the output on a second path, around
            the layer, and what comes back along it, grad_output itself, is added.
        layer forgotten: That is the gradient around the layer alone. What goes through the layer comes back, too.
        ReLU forgotten: You let the gradient through the ReLU everywhere. It passes only where `x @ weights` was
            positive.
        ReLU on the sum: You take the ReLU after the sum. Here it stands inside: relu(x @ weights) + x, so that the path
            around the layer stays open.
        ReLU of x: Your ReLU opens where `x` is positive. It sees `x @ weights`, not `x`.
        weights not transposed: Going back through `x @ weights` takes the transposed weights: each input gets from each
            output what it sent there.
        ReLU on the way around, too: You also close the path around the layer where the ReLU is shut. That path has no
            ReLU: all of grad_output comes back along it.
        hint: Two paths lead from x to the output. Write down the gradient that comes back along each, then add.
        hint: Around the layer it is grad_output. Through the layer: first the ReLU (where was `x @ weights` positive?),
            then the product.
        hint: `np.where(x @ weights > 0, grad_output, 0) @ weights.T + grad_output`
        verified: both paths, a ReLU that is shut, open and partly open, a layer of zeros
    """,
)

# --------------------------------------------------------------------------- 07.frozen_step


def frozen_step(kernel, grad_kernel, velocity, frozen, rate, momentum):
    new_velocity = momentum * velocity + grad_kernel
    return kernel - rate * new_velocity * ~frozen  # frozen: (filters,), the last axis


_KERNEL = np.arange(12.0).reshape(2, 1, 2, 3)
_GRAD = np.array([[[[1.0, -2, 3], [0, 1, -1]]], [[[2, 2, 0], [-1, 0.5, 4]]]])
_FROZEN = np.array([True, False, False])


FROZEN_STEP = FunctionExercise(
    name="07.frozen_step",
    solution=frozen_step,
    probes=(
        (_KERNEL, _GRAD, np.ones(_KERNEL.shape), _FROZEN, 0.1, 0.9),
        (_KERNEL, _GRAD, _GRAD[::-1] / 2, np.array([False, True, True]), 0.5, 0.5),
        (_KERNEL, _GRAD, np.zeros(_KERNEL.shape), np.array([False, False, False]), 0.1, 0.9),
        (_KERNEL, -_GRAD, np.ones(_KERNEL.shape), np.array([True, True, True]), 1.0, 0.9),
    ),
    wrong={
        "velocity still moves them": "new_velocity * ~frozen → (momentum * velocity + grad_kernel * ~frozen)",
        "gradient still moves them": "new_velocity * ~frozen → (momentum * velocity * ~frozen + grad_kernel)",
        "frozen set to zero": "kernel - rate * new_velocity * ~frozen → (kernel - rate * new_velocity) * ~frozen",
        "mask upside down": "~frozen → frozen",
        "mask ignored": "new_velocity * ~frozen → new_velocity",
        "rate on the gradient only": "rate * new_velocity → (momentum * velocity + rate * grad_kernel)",
        "gradient times 1 - momentum": "+ grad_kernel → + (1 - momentum) * grad_kernel",
        "no momentum": "momentum * velocity + grad_kernel → grad_kernel",
        "uphill": "kernel - rate → kernel + rate",
    },
    astray=("mask upside down", "mask ignored"),
    said="""
        velocity still moves them: Frozen filters still move: their gradient is masked, but the velocity from earlier
            steps carries them on. (Keras's optimisers never see a frozen layer's weights at all.) Mask the step, not
            the gradient.
        gradient still moves them: Frozen filters still move: the old velocity is masked, the new gradient is not. Mask
            their sum, the step.
        frozen set to zero: You multiply the kernel by the mask, so frozen filters become zero. They shall stay what
            they are: mask the step that is subtracted.
        mask upside down: You move the frozen filters and freeze the others. `frozen` is True where nothing may move:
            `~frozen` is its opposite.
        mask ignored: Every filter moves: `frozen` is not used yet.
        rate on the gradient only: You multiply the gradient by the rate, and not the velocity. (In Keras the velocity
            holds the rate already.) Here the step is rate · (momentum · velocity + gradient).
        gradient times 1 - momentum: You multiply the gradient by 1 − momentum, as Adam does for a mean of gradients.
            Here they are added up: rate · (momentum · velocity + gradient).
        no momentum: The velocity is missing: the step is rate · (momentum · velocity + gradient).
        uphill: You climb: the gradient points uphill, so the step is subtracted.
        hint: First write the step as if nothing were frozen: rate · (momentum · velocity + grad_kernel). Then: what may
            not be subtracted?
        hint: `frozen` has one entry a filter, and filters are the kernel's last axis, so `step * ~frozen` works as it
            is.
        hint: `return kernel - rate * (momentum * velocity + grad_kernel) * ~frozen`
        verified: no filter frozen, some, all; a velocity left over from earlier steps; other filters free to move
    """,
)
