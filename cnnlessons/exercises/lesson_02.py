"""Exercises of lesson 02: output size, "same" padding, a layer with channels and filters, receptive fields."""

import math

import numpy as np

from cnnlessons import ops
from cnnlessons.exercises.feedback import FunctionExercise

# --------------------------------------------------------------------------- 02.output_size


def output_size(size, kernel_size, stride, padding, dilation):
    reach = (kernel_size - 1) * dilation + 1  # pixels from the kernel's first weight to its last
    room = size + 2 * padding - reach  # pixels by which the kernel can move
    return room // stride + 1  # whole steps only, and the place before the first step


def _drawn_sizes(rng, probe):
    kernel_size, stride, padding, dilation, room = map(int, rng.integers((1, 1, 0, 1, 0), (6, 5, 4, 4, 13)))
    return (kernel_size - 1) * dilation + 1 + room, kernel_size, stride, padding, dilation


OUTPUT_SIZE = FunctionExercise(
    name="02.output_size",
    solution=output_size,
    probes=(
        (5, 3, 1, 0, 1),
        (8, 3, 2, 0, 1),
        (8, 3, 2, 1, 1),
        (7, 3, 1, 0, 2),
        (10, 4, 3, 2, 2),
        (6, 1, 4, 0, 3),
        (12, 3, 2, 0, 3),
        (224, 7, 2, 3, 1),
    ),
    draw=_drawn_sizes,
    wrong={
        "first place not counted": "room // stride + 1 → room // stride",
        "rounded up": "room // stride → math.ceil(room / stride)",
        "fraction": "room // stride → room / stride",
        "one added before the division": "room // stride + 1 → (room + 1) // stride",
        "padding counted once": "2 * padding → padding",
        "padding ignored": "size + 2 * padding → size",
        "stride ignored": "room // stride → room",
        "dilation ignored": "(kernel_size - 1) * dilation + 1 → kernel_size",
        "kernel size times dilation": "(kernel_size - 1) * dilation + 1 → kernel_size * dilation",
        "dilation as pixels left out": "* dilation → * (dilation + 1)",
        "dilation times stride": "room // stride → (size + 2 * padding - kernel_size) // (stride * dilation)",
        'size of "same"': "room // stride + 1 → math.ceil(size / stride)",
    },
    astray=("first place not counted", "padding counted once"),
    said="""
        first place not counted: You count the steps from place to place. There is one place more than there are steps,
            as a fence has one post more than it has gaps: add 1.
        rounded up: You round up: your last window begins inside the image and ends outside. Only whole steps count;
            what is left over at the end is not looked at. `//` rounds down.
        fraction: Nobody takes half a step: where the stride does not divide the room, your result is a fraction. `//`
            divides and rounds down.
        one added before the division: Your + 1 is divided by the stride, too. With stride 1 nobody sees it. It counts
            the place before the first step, so it comes after the division: `room // stride + 1`.
        padding counted once: You add the padding once. So many pixels come before the image and as many after it: `2 *
            padding`.
        padding ignored: Without padding all is right; your result does not depend on it. The kernel moves on the padded
            image, which is longer at both ends.
        stride ignored: You count every place, as with stride 1. The kernel moves by `stride` pixels at a time: how many
            such steps does the room hold?
        dilation ignored: With dilation 1 all is right; your result does not depend on it. Dilation pulls the weights
            apart: three weights with dilation 2 reach over five pixels, x.x.x.
        kernel size times dilation: You multiply the kernel's size by the dilation. Draw three weights with dilation 2:
            x.x.x are five pixels, not six. The gaps grow, and there is one gap fewer than there are weights.
        dilation as pixels left out: You take the dilation for the number of pixels left out between two weights. It is
            the step from one weight to the next: dilation 1 leaves out none.
        dilation times stride: You divide by stride times dilation. The dilation lies between the weights and takes away
            room; the step from window to window is the stride alone.
        size of "same": This is the size that padding "same" gives, whatever the kernel. Here the padding is a number
            that was chosen, and a larger kernel has fewer places.
        hint: Draw 8 pixels and a kernel of 3 below the first three of them. By how many pixels can it move to the
            right? In steps of 2, how many steps are that, and how many places?
        hint: Three questions, one line each: how far does the dilated kernel reach, how much room is left on the padded
            image, how many whole steps fit into the room?
        hint: The kernel has kernel_size - 1 gaps of `dilation` pixels, so it reaches over `(kernel_size - 1) * dilation
            + 1`. The room is `size + 2 * padding` minus that.
        verified: a stride that divides the room and one that does not, padding at both ends, dilation with its gaps, a
            kernel of one weight
    """,
)

# --------------------------------------------------------------------------- 02.same_padding


def same_padding(size, kernel_size, stride):
    outputs = -(-size // stride)  # the size divided by the stride, rounded up
    needed = (outputs - 1) * stride + kernel_size  # pixels from the first window's start to the last one's end
    total = max(needed - size, 0)  # a stride longer than the kernel may leave pixels over: nothing is cut off
    before = total // 2
    return before, total - before  # an odd pixel goes after


SAME_PADDING = FunctionExercise(
    name="02.same_padding",
    solution=same_padding,
    probes=((5, 3, 1), (28, 3, 2), (6, 4, 1), (7, 2, 3), (8, 1, 4), (224, 7, 2), (9, 5, 3), (9, 8, 3)),
    draw=lambda rng, probe: tuple(map(int, rng.integers((5, 1, 1), (31, 8, 5)))),
    wrong={
        "odd pixel before": "total // 2 → total - total // 2",
        "stride ignored": (
            "before, total - before → (kernel_size - 1) // 2, kernel_size // 2",
            "before, total - before → kernel_size // 2, (kernel_size - 1) // 2",
        ),
        "half the kernel at both ends": (
            "before, total - before → kernel_size // 2, kernel_size // 2",
            "before, total - before → (kernel_size - 1) // 2, (kernel_size - 1) // 2",
        ),
        "odd pixel left out": "before, total - before → before, before",
        "odd pixel at both ends": "before, total - before → total - before, total - before",
        "halves of pixels": "before, total - before → total / 2, total / 2",
        "all after": "total // 2 → 0",
        "negative padding": "max(needed - size, 0) → needed - size",
        "size over stride rounded down": "-(-size // stride) → size // stride",
        "one step too many": "(outputs - 1) → outputs",
        "both ends in one number": "before, total - before → total",
    },
    astray=("odd pixel before", "negative padding"),
    said="""
        odd pixel before: The sum is right, but the odd pixel stands before the image. TensorFlow and Keras put it
            after, at the bottom and right; a kernel that is moved by one pixel gives other numbers.
        stride ignored: This is kernel_size - 1 in two halves, as with stride 1 (where an odd pixel goes after). With a
            larger stride the last window may end sooner: find where the last of `ceil(size / stride)` windows ends.
        half the kernel at both ends: You add half the kernel, rounded down, at both ends, as is often done in PyTorch.
            For an odd kernel with stride 1 this is "same"; with a larger stride, or an even kernel, the windows lie
            elsewhere.
        odd pixel left out: You add as many pixels before as after. Where an odd number is needed, one is missing, and
            the last window does not fit: it has to come after.
        odd pixel at both ends: You add as many pixels before as after. Where an odd number is needed, that is one too
            many, and every window is moved by one pixel. The odd one comes after only.
        halves of pixels: There is no half pixel. `//` rounds down: so many come before, and the others after.
        all after: The number is right, but all the pixels stand after the image. Half of them come before, so that the
            windows lie in the middle.
        negative padding: A stride longer than the kernel can leave pixels over at the end. Your padding is then
            negative, as if the image were to be cut. Nothing needs to be added: `max(..., 0)`.
        size over stride rounded down: Where the stride does not divide the size, you are one window short: "same" has
            `ceil(size / stride)` outputs, rounded up, so that every pixel is looked at.
        one step too many: Your last window stands one stride too far. Between n windows there are n - 1 steps, and the
            kernel reaches on from the last place.
        both ends in one number: This is what both ends get together. Two numbers are asked: the half before, and what
            is left after.
        hint: 28 pixels, a kernel of 3, stride 2: 14 windows. At which pixel does the last one begin, at which does it
            end, and is that still in the image?
        hint: The last window begins `(outputs - 1) * stride` pixels after the first and ends kernel_size pixels later.
            What goes beyond the image has to be added.
        hint: `outputs` is size / stride, rounded up; `total` is `(outputs - 1) * stride + kernel_size - size`, or 0
            where that is negative. Then `total // 2` before, the rest after.
        verified: 28 pixels, a kernel of 3 and stride 2 get 0 before and 1 after; even kernels, a stride that does not
            divide the size, a stride longer than the kernel
    """,
)

# --------------------------------------------------------------------------- 02.conv2d


def conv2d(image, kernel, bias, stride):
    kernel_height, kernel_width, _, filters = kernel.shape
    rows = (image.shape[0] - kernel_height) // stride + 1
    columns = (image.shape[1] - kernel_width) // stride + 1
    out = np.zeros((rows, columns, filters))
    for row in range(rows):
        for column in range(columns):
            top, left = row * stride, column * stride  # one place further in the result is `stride` pixels further
            window = image[top : top + kernel_height, left : left + kernel_width]  # (KH, KW, C_in)
            products = window[..., None] * kernel  # (KH, KW, C_in, C_out): every filter sees the same window
            out[row, column] = products.sum((0, 1, 2)) + bias  # a sum over the channels, too; one bias a filter
    return out


def _layer(image, kernel, bias, stride):
    return ops.conv2d(image[None], kernel, bias, stride=stride)[0]


def _channels_apart(image, kernel, bias, stride):
    channels = [
        _layer(image[:, :, [channel]], kernel[:, :, [channel]], bias, stride) for channel in range(image.shape[2])
    ]
    return np.stack(channels, axis=2)  # (H', W', C_in, C_out)


def _filters_as_channels(image, kernel, bias, stride):
    if kernel.shape[2] != kernel.shape[3]:
        raise IndexError("kernel[i, j, filter, channel] leaves the kernel")
    return _layer(image, kernel.swapaxes(2, 3), bias, stride)


_rng = np.random.default_rng(2)


def _whole(*shape):
    return _rng.integers(-4, 5, shape)


CONV2D = FunctionExercise(
    name="02.conv2d",
    solution=conv2d,
    probes=(
        (_whole(3, 4, 2), _whole(2, 2, 2, 2), np.array([10, -20]), 1),
        (_whole(5, 4, 2), _whole(2, 2, 2, 3), np.array([5, 0, -7]), 2),
        (_whole(7, 5, 1), _whole(3, 2, 1, 2), np.array([0.5, 3]), 2),
        (_whole(2, 6, 3), _whole(1, 2, 3, 1), np.array([4]), 3),
        (_whole(4, 3, 3) / 2, _whole(1, 1, 3, 4), np.array([1, 2, 3, 4]), 1),
    ),
    wrong={
        "one channel only": "products.sum((0, 1, 2)) → products[:, :, 0].sum((0, 1))",
        "channels not summed": _channels_apart,
        "channels averaged": "products.sum((0, 1, 2)) → products.sum((0, 1, 2)) / image.shape[2]",
        "filters summed": "products.sum((0, 1, 2)) → products.sum()",
        "channels and filters swapped": _filters_as_channels,
        "bias forgotten": "products.sum((0, 1, 2)) + bias → products.sum((0, 1, 2))",
        "a bias for each channel": "+ bias → + bias * image.shape[2]",
        "a bias for each weight": "+ bias → + bias * window.size",
        "bias of filter 0 everywhere": "+ bias → + bias[0]",
        "stride in the size only": "row * stride, column * stride → row, column",
        "stride ignored": lambda image, kernel, bias, stride: conv2d(image, kernel, bias, 1),
        "stride along one axis": (
            "row * stride, column * stride → row * stride, column",
            "row * stride, column * stride → row, column * stride",
            lambda image, kernel, bias, stride: _layer(image, kernel, bias, (stride, 1)),
            lambda image, kernel, bias, stride: _layer(image, kernel, bias, (1, stride)),
        ),
        "rows and columns swapped": "return out → return out.swapaxes(0, 1)",
        "kernel flipped": "[..., None] * kernel → [..., None] * kernel[::-1, ::-1]",
    },
    astray=("stride in the size only", "bias forgotten"),
    said="""
        one channel only: Only channel 0 of the image counts in your result. A filter has weights for every channel, and
            all their products go into one sum.
        channels not summed: You keep a map for each channel and each filter. A filter makes one map, however many
            channels it sees: add up over the channels as over the rows and columns of the window.
        channels averaged: You average over the channels; their sum is asked. Whoever wants an average puts it into the
            weights.
        filters summed: All your maps are the same but for the bias: you add up the filters, too. `np.sum` without axes
            sums over everything; sum over rows, columns and channels, axes 0, 1 and 2, and keep the filters apart.
        channels and filters swapped: The last two axes of the kernel have changed places. `kernel[i, j, channel,
            filter]`: first the channel that it reads, then the map that it writes.
        bias forgotten: Each map lies beside the right one by one number everywhere: its bias is missing. Add
            `bias[filter]` to every place of the filter's map.
        a bias for each channel: You add the bias once for each channel: it stands inside the loop over the channels. A
            filter has one bias, added when its sum is complete.
        a bias for each weight: You add the bias to every product, so it is in the sum once for each weight. A filter
            has one bias, added when its sum is complete.
        bias of filter 0 everywhere: The first map is right, and all the others have its bias. Each filter has a bias of
            its own.
        stride in the size only: Your result has the right shape, but the windows still move by one pixel: you see the
            top-left part of the image only. The place (row, column) reads the window from (row * stride, column *
            stride) on.
        stride ignored: With stride 1 all is right; your result does not depend on the stride. It makes the result
            smaller, and the windows lie `stride` pixels apart.
        stride along one axis: Your windows move by `stride` pixels along one axis, and along the other by one. Down and
            to the right alike: `top, left = row * stride, column * stride`, and both lengths of the result go with the
            stride.
        rows and columns swapped: The values are right, but rows and columns of your result have changed places. The
            axes are row, column, filter: `out[row, column, filter]`.
        kernel flipped: Your kernel is turned by 180°, as for convolution in mathematics. A convolutional layer lays it
            on the image as it is.
        hint: Take one place and one filter. How many pixels lie under the filter, counting all the channels? How many
            numbers become of them?
        hint: Loops over row, column and filter; inside, the window `image[top : top + KH, left : left + KW]` has the
            shape of `kernel[..., filter]`: (KH, KW, C_in). And top is not row: what is it?
        hint: At each place `top, left = row * stride, column * stride`, and `out[row, column, filter] = np.sum(window *
            kernel[..., filter]) + bias[filter]`.
        verified: one, two and three channels, one to four filters, a bias for each filter, strides 1, 2 and 3, 1×1,
            1×2, 2×2 and 3×2 kernels, wide and tall images
    """,
)

# --------------------------------------------------------------------------- 02.receptive_field


def receptive_field(layers):
    field, jump = 1, 1  # before the first layer: each number is one pixel, and neighbours are one pixel apart
    for kernel_size, stride in layers:
        field += (kernel_size - 1) * jump  # each weight after the first reaches one jump further
        jump *= stride  # felt only by the layers that come after this one
    return field


RECEPTIVE_FIELD = FunctionExercise(
    name="02.receptive_field",
    solution=receptive_field,
    probes=(
        ([(3, 1)],),
        ([(3, 1), (3, 1)],),
        ([(3, 2), (3, 1)],),
        ([(5, 1), (2, 2), (1, 1)],),
        ([(5, 2), (2, 2), (3, 1)],),
        ([(2, 2), (5, 3), (3, 2), (4, 1)],),
        ([(7, 2), (3, 2), (3, 1), (3, 1)],),  # the first layers of ResNet-18
    ),
    draw=lambda rng, probe: (list(map(tuple, rng.integers((1, 1), (6, 4), (len(probe[0]) + 1, 2)).tolist())),),
    wrong={
        "sum of the kernel sizes": lambda layers: sum(kernel_size for kernel_size, _ in layers),
        "jump ignored": "(kernel_size - 1) * jump → kernel_size - 1",
        "product of the kernel sizes": lambda layers: math.prod(kernel_size for kernel_size, _ in layers),
        "own stride too early": "(kernel_size - 1) * jump → (kernel_size - 1) * jump * stride",
        "own stride only": "(kernel_size - 1) * jump → (kernel_size - 1) * stride",
        "strides added": "jump *= stride → jump += stride",
        "last stride only": "jump *= stride → jump = stride",
        "pixel itself not counted": "field, jump = 1, 1 → field, jump = 0, 1",
        "whole kernels": "(kernel_size - 1) * jump → kernel_size * jump",
        "layers from the end": "in layers → in layers[::-1]",
    },
    astray=("strides added", "whole kernels"),
    said="""
        sum of the kernel sizes: You add up the kernel sizes. Two layers of 3 see 5 pixels, not 6: their windows
            overlap, so that each layer adds kernel_size - 1.
        jump ignored: With stride 1 all is right; your result does not depend on the strides. After a layer with stride
            2, neighbouring numbers stand 2 pixels apart, and each further weight reaches 2 pixels further.
        product of the kernel sizes: You multiply the kernel sizes, as if windows stood side by side. They overlap: two
            layers of 3 with stride 1 see 5 pixels, not 9.
        own stride too early: You let a layer's own stride widen its own field. Its weights lie on neighbours of what it
            reads; its stride only sets its results apart, for the layers after it. Change the two lines' order.
        own stride only: You multiply each layer's kernel_size - 1 by its own stride. What sets a layer's inputs apart
            are the strides of all layers *before* it, multiplied; its own is felt by those after it.
        strides added: You add the strides up. A step of the second layer is `stride` steps of the first: after two
            layers of stride 2, neighbours stand 4 pixels apart, after three 8. Strides multiply.
        last stride only: You use the stride of the layer before, alone. All the earlier strides count: after two layers
            of stride 2, neighbours stand 4 pixels apart. Multiply: `jump *= stride`.
        pixel itself not counted: You are one pixel short everywhere: you start from 0. Before the first layer a number
            sees one pixel, itself.
        whole kernels: You widen the field by kernel_size jumps. The first weight lies on what is seen already, so that
            there are kernel_size - 1 steps: one layer of 3 sees 3 pixels.
        layers from the end: You go through the layers in the other direction. The list begins at the image. (From the
            last layer to the first it goes with `field = (field - 1) * stride + kernel_size`.)
        hint: Draw two layers of 3 with stride 1, one below the other, as dots in rows, and follow one dot of the last
            row up to the pixels. Then give the first layer stride 2.
        hint: Keep two numbers: the field so far, and the jump, how many pixels of the image it is from one number to
            the next. Both start at 1.
        hint: Each layer widens the field by kernel_size - 1 jumps, and then multiplies the jump by its stride.
        verified: one layer, strides before and after a kernel, even kernels, pools as layers, the first layers of
            ResNet-18
    """,
)
