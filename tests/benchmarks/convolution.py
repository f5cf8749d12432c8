"""How fast `ops.conv2d` is: against TensorFlow, against its own matrix products, and against plain loops.

Run it with ``python tests/benchmarks/convolution.py [--quick] [--busy]``.

Everything runs in one process on the same float32 arrays, and is compared before it is timed. The contestants take
turns, so that a machine that slows down for a while slows them all; a ratio is the median over the rounds. With
``--busy``, two trainings of Keras run beside it, and are halted for every other stretch of the rounds (not on Windows).
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from cnnlessons import ops

try:
    import tensorflow as tf
except ImportError:
    tf = None


class Case(NamedTuple):
    """A layer of the course, at the batch size it is trained with."""

    images: tuple  # (N, H, W, C_in)
    kernel: tuple  # (KH, KW, C_in, C_out)
    stride: int

    def __str__(self):
        images, kernel = ("×".join(map(str, shape)) for shape in (self.images, self.kernel))
        return f"{images:<13}{kernel:<12}{self.stride:>6}"


CASES = (
    Case((64, 8, 8, 1), (3, 3, 1, 8), 1),
    Case((32, 28, 28, 1), (3, 3, 1, 16), 1),
    Case((32, 14, 14, 16), (3, 3, 16, 32), 1),
    Case((32, 32, 32, 3), (3, 3, 3, 32), 1),
    Case((32, 32, 32, 3), (5, 5, 3, 32), 2),
    Case((32, 32, 32, 32), (3, 3, 32, 32), 1),
    Case((1, 256, 256, 3), (3, 3, 3, 16), 1),
)


def contestants(case):
    """Functions by name, NumPy's first, that each take one step forward and backward; all arrays are ready."""
    rng = np.random.default_rng(0)
    images, kernel, bias = (rng.standard_normal(shape, np.float32) for shape in (*case[:2], case.kernel[3:]))
    grad_output = rng.standard_normal(ops.conv2d(images, kernel, stride=case.stride).shape, np.float32)

    def numpy_step():
        out = ops.conv2d(images, kernel, bias, stride=case.stride)
        return out, *ops.conv2d_backward(grad_output, images, kernel, stride=case.stride)

    steps = {"NumPy": numpy_step}
    if tf is not None:
        steps |= tensorflow_steps(images, kernel, bias, grad_output, case.stride)
    return steps | {"products": matrix_products(kernel, grad_output)}


def tensorflow_steps(images, kernel, bias, grad_output, stride):
    """TensorFlow's step as one types it, and compiled into a graph; both on the processor, where NumPy runs."""
    with tf.device("CPU"):
        images, kernel, bias, grad_output = map(tf.constant, (images, kernel, bias, grad_output))

    def step():
        with tf.device("CPU"), tf.GradientTape() as tape:
            tape.watch([images, kernel, bias])
            out = tf.nn.bias_add(tf.nn.conv2d(images, kernel, stride, "VALID"), bias)
        return out, *tape.gradient(out, [images, kernel, bias], grad_output)

    graph = tf.function(step)
    return {
        "TensorFlow": lambda: [tensor.numpy() for tensor in step()],  # .numpy(): wait until it is there
        "compiled": lambda: [tensor.numpy() for tensor in graph()],
    }


def matrix_products(kernel, grad_output):
    """The step's three matrix products alone, on columns that are there already: what copying costs is left out."""
    weights = kernel.reshape(-1, kernel.shape[3])
    grad_places = grad_output.reshape(-1, kernel.shape[3])
    columns = np.ones((len(weights), len(grad_places)), np.float32)  # planar, a column a place
    return lambda: (columns.T @ weights, columns @ grad_places, weights @ grad_places.T)


def require_agreement(steps):
    """Refuse to time steps that give different results."""
    names = [name for name in steps if name != "products"]
    for name in names[1:]:
        for ours, theirs in zip(steps[names[0]](), steps[name](), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-4 * np.abs(theirs).max(), err_msg=name)


def measure(steps, rounds, seconds):
    """Let the steps take turns, for so many rounds and seconds at least: times in seconds, (rounds, steps)."""
    for step in steps:
        step()  # warm up
    times, end = [], time.perf_counter() + seconds
    while len(times) < rounds or time.perf_counter() < end:
        times.append([duration(step) for step in steps])
    return np.array(times)


def duration(step):
    start = time.perf_counter()
    step()
    return time.perf_counter() - start


# --------------------------------------------------------------------------- against the loops of lesson 01


def conv2d_by_loops(image, kernel):
    """The four loops of lesson 01 around two more, for channels and filters: (H, W, C_in) -> (H', W', C_out)."""
    height, width, channels = image.shape
    kernel_height, kernel_width, _, filters = kernel.shape
    out = np.zeros((height - kernel_height + 1, width - kernel_width + 1, filters), image.dtype)
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            for i in range(kernel_height):
                for j in range(kernel_width):
                    for channel in range(channels):
                        for filter in range(filters):
                            pixel = image[row + i, column + j, channel]
                            out[row, column, filter] += pixel * kernel[i, j, channel, filter]
    return out


def loops_ratio(image_shape, kernel_shape, rounds):
    """Median seconds of the loops, of `ops.conv2d`, and the median of their ratio."""
    rng = np.random.default_rng(0)
    image, kernel = (rng.standard_normal(shape, np.float32) for shape in (image_shape, kernel_shape))
    steps = [lambda: conv2d_by_loops(image, kernel), lambda: ops.conv2d(image[None], kernel)[0]]
    np.testing.assert_allclose(steps[0](), steps[1](), rtol=1e-3, atol=1e-4)
    times = measure(steps, rounds, seconds=0)
    return *np.median(times, axis=0), np.median(times[:, 0] / times[:, 1])


# --------------------------------------------------------------------------- on a busy machine

TRAINING = """
import keras, numpy
from keras import layers
body = [layers.Conv2D(width, 3, activation="relu") for width in (32, 32, 64)]
model = keras.Sequential([keras.Input((32, 32, 3)), *body, layers.GlobalAveragePooling2D(), layers.Dense(10)])
model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
images, labels = numpy.random.rand(4096, 32, 32, 3), numpy.random.randint(0, 10, 4096)
model.fit(images, labels, verbose=0)
print("at work", flush=True)
model.fit(images, labels, epochs=10**6, verbose=0)
"""


@contextmanager
def trainings(count):
    """Run trainings of Keras beside this process; what is returned halts them or lets them go on."""
    arguments = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    running = [subprocess.Popen([sys.executable, "-c", TRAINING], **arguments) for _ in range(count)]

    def at_work(on):
        for training in running:
            training.send_signal(signal.SIGCONT if on else signal.SIGSTOP)
        time.sleep(0.1)

    try:
        for training in running:
            if training.stdout.readline() != "at work\n":
                raise RuntimeError("the training with Keras ended; does TensorFlow work here?")
        yield at_work
    finally:
        for training in running:
            training.kill()
            training.wait()


def quiet_and_busy(steps, at_work, rounds, seconds):
    """Median seconds of each step, without and with the trainings at work: (2, steps)."""
    times = [[], []]
    for on in (False, True) * 4:
        at_work(on)
        times[on].append(measure(steps, rounds, seconds))
    return np.array([np.median(np.concatenate(each), axis=0) for each in times])


def compare_busy(cases, rounds, seconds):
    """Print a line a case; return each contestant's busy time over its quiet one, (cases, contestants)."""
    ratios = []
    with trainings(2) as at_work:
        for case in cases:
            steps = contestants(case)
            del steps["products"]
            quiet, busy = quiet_and_busy(steps.values(), at_work, rounds, seconds)
            if not ratios:
                print_header(list(steps), [f"{name} busy" for name in steps])
            ratios.append(busy / quiet)
            print_row(case, 1000 * quiet, ratios[-1])
    return np.array(ratios)


# --------------------------------------------------------------------------- the tables


def compare(cases, rounds, seconds):
    """Print a line a case; return NumPy's time over every other contestant's, (cases, contestants - 1)."""
    ratios = []
    for case in cases:
        steps = contestants(case)
        require_agreement(steps)
        times = measure(steps.values(), rounds, seconds)
        if not ratios:
            print_header(list(steps), [f"÷ {name}" for name in list(steps)[1:]])
        ratios.append(np.median(times[:, :1] / times[:, 1:], axis=0))
        print_row(case, 1000 * np.median(times, axis=0), ratios[-1])
    return np.array(ratios)


def print_header(names, ratios):
    print(f"{'images':<13}{'kernel':<12}{'stride':>6}", *(f"{name:>11}" for name in names), end="   ")
    print(*(f"{name:>15}" for name in ratios), flush=True)


def print_row(label, milliseconds, ratios):
    print(f"{label!s:<31}", *(f"{number:11.2f}" for number in milliseconds), end="   ")
    print(*(f"{ratio:15.2f}" for ratio in ratios), flush=True)


def print_summary(ratios, numbers):
    for label, each in (("geometric mean", np.exp(np.log(ratios).mean(axis=0))), ("worst", ratios.max(axis=0))):
        print(f"{label:<31}{' ' * 12 * numbers}  ", *(f"{ratio:15.2f}" for ratio in each))


def main(quick, busy):
    print("ops.conv2d forward and backward, with bias, float32: ms a step, and NumPy's over (÷) the others'.")
    print("TensorFlow: as one types it; compiled: by tf.function; products: the three matrix products alone.\n")
    ratios = compare(CASES, rounds=5 if quick else 15, seconds=0.2 if quick else 2)
    print_summary(ratios, ratios.shape[1] + 1)
    if tf is None:
        print("TensorFlow is not installed, so it is not in the table.")
    loops, conv2d, ratio = loops_ratio((32, 32, 3), (3, 3, 3, 32), rounds=1 if quick else 5)
    print("\nforward, one image 32×32×3, kernel 3×3×3×32")
    print(f"loops of lesson 01 {1000 * loops:.0f} ms, ops.conv2d {1000 * conv2d:.2f} ms: {ratio:.0f} times as fast")

    if busy:
        print("\nbeside two trainings of Keras: ms a step while they are halted, and how many times as long while not")
        ratios = compare_busy(CASES, rounds=5 if quick else 15, seconds=0.2 if quick else 2)
        print_summary(ratios, ratios.shape[1])


if __name__ == "__main__":
    main("--quick" in sys.argv, "--busy" in sys.argv)
