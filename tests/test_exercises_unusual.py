"""Right is right, however it is written: for every exercise, answers that no teacher would think of first."""

import cmath
import math
from fractions import Fraction
from itertools import product

import numpy as np
import pandas as pd
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from scipy import fft, linalg, ndimage, optimize, signal, special, stats
from scipy.spatial import distance
from skimage.feature import match_template
from skimage.util import view_as_windows

from cnnlessons import exercises, gradcheck, initializers, ops, shapes
from cnnlessons.teaching import grading

# --------------------------------------------------------------------------- some that take more than a line


def by_matrix(image, kernel):
    rows, columns = np.subtract(image.shape, kernel.shape) + 1
    matrix = np.zeros((rows * columns, image.size))
    for place, (row, column) in enumerate(np.ndindex(rows, columns)):
        placed = np.zeros(image.shape)
        placed[row : row + kernel.shape[0], column : column + kernel.shape[1]] = kernel
        matrix[place] = placed.ravel()
    return (matrix @ image.ravel()).reshape(rows, columns)


def by_fourier(image, kernel):
    size = [fft.next_fast_len(length) for length in np.add(image.shape, kernel.shape) - 1]
    spectrum = np.fft.fft2(image, size) * np.fft.fft2(kernel[::-1, ::-1], size)
    whole = np.fft.ifft2(spectrum).real
    return whole[kernel.shape[0] - 1 : image.shape[0], kernel.shape[1] - 1 : image.shape[1]]


def full_by_rows(grad_output, kernel):
    out = np.zeros(np.add(grad_output.shape, kernel.shape) - 1)
    for (i, one), (j, other) in product(enumerate(grad_output), enumerate(kernel)):
        out[i + j] += np.convolve(one, other)
    return out


def full_by_slices(grad_output, kernel):
    out = np.zeros(np.add(grad_output.shape, kernel.shape) - 1)
    for (i, j), weight in np.ndenumerate(kernel):
        out[i : i + grad_output.shape[0], j : j + grad_output.shape[1]] += weight * grad_output
    return out


def correlation_coefficients(image, template):
    out = np.zeros(np.subtract(image.shape, template.shape) + 1)
    for place in np.ndindex(out.shape):
        patch = image[place[0] :, place[1] :][: template.shape[0], : template.shape[1]]
        if np.unique(patch).size > 1:
            out[place] = 1 - distance.correlation(patch.ravel(), template.ravel())
    return out


def fields_as_sets(layers):
    """The pixels under one output, from the last layer back to the image: the first and the last of them."""
    first = last = 0
    for kernel_size, stride in reversed(layers):
        first, last = first * stride, last * stride + kernel_size - 1
    return last - first + 1


def places_by_trying(size, kernel_size, stride, padding, dilation):
    starts = range(-padding, size + padding, stride)
    return sum(start + (kernel_size - 1) * dilation < size + padding for start in starts)


def padding_by_trying(size, kernel_size, stride):
    outputs = math.ceil(size / stride)
    total = next(total for total in range(size + kernel_size) if size + total >= (outputs - 1) * stride + kernel_size)
    return np.array([math.floor(total / 2), math.ceil(total / 2)])


def descend_in_closed_form(image, wanted, start, rate, steps):
    windows = sliding_window_view(image, start.shape).reshape(-1, start.size)
    step = np.eye(start.size) - rate / wanted.size * windows.T @ windows
    best = rate / wanted.size * windows.T @ wanted.ravel()
    powers = [np.linalg.matrix_power(step, power) for power in range(steps)]
    end = np.linalg.matrix_power(step, steps) @ start.ravel() + sum(powers) @ best
    return end.reshape(start.shape)


def descend_recursively(image, wanted, start, rate, steps):
    if not steps:
        return start
    grad = signal.correlate2d(image, (signal.correlate2d(image, start, "valid") - wanted) / wanted.size, "valid")
    return descend_recursively(image, wanted, start - rate * grad, rate, steps - 1)


def descend_by_layers(image, wanted, start, rate, steps):
    images, kernel = image[None, ..., None], start[..., None, None].astype(float)
    for _ in range(steps):
        error = ops.conv2d(images, kernel) - wanted[None, ..., None]
        _, grad, _ = ops.conv2d_backward(error, images, kernel)
        kernel = kernel - rate * grad / wanted.size
    return kernel[..., 0, 0]


def numerical(forward, at, grad_output):
    return gradcheck.numerical_gradient(forward, np.array(at, float), np.array(grad_output, float))


def bend(inputs, slope):
    return np.where(inputs > 0, inputs, slope * inputs)


def merged_by_least_squares(kernel, outgoing, first, second):
    one, other = (kernel[..., filter].reshape(-1, 1) for filter in (first, second))
    factor = np.linalg.lstsq(one, other, rcond=None)[0].item()
    new = np.where(np.arange(len(outgoing))[:, None] == first, outgoing + factor * outgoing[second], outgoing)
    return new[np.arange(len(new)) != second]


def merged_by_matrix(kernel, outgoing, first, second):
    factor = np.abs(kernel[..., second]).sum() / np.abs(kernel[..., first]).sum()
    mixing = np.eye(len(outgoing))
    mixing[first, second] = factor
    return np.delete(mixing, second, axis=0) @ outgoing


def merged_by_projection(kernel, outgoing, first, second):
    one, other = kernel[..., first].ravel(), kernel[..., second].ravel()
    rows = [*map(np.array, outgoing.astype(float))]
    rows[first] = rows[first] + (one @ other) / (one @ one) * rows[second]
    rows.pop(second)
    return np.vstack(rows)


def columns_by_strides(image, size, stride):
    down, right = image.strides
    rows, across = (np.array(image.shape) - size) // stride + 1
    windows = as_strided(image, (rows, across, size, size), (down * stride, right * stride, down, right))
    return windows.reshape(rows * across, size**2)


def columns_by_indices(image, size, stride):
    tops, lefts = (np.arange(0, length - size + 1, stride) for length in image.shape)
    rows = tops[:, None, None, None] + np.arange(size)[:, None]
    across = lefts[:, None, None] + np.arange(size)
    return image[rows, across].reshape(-1, size * size)


def added_by_bincount(grad_columns, height, width, size):
    pixels = sliding_window_view(np.arange(height * width).reshape(height, width), (size, size)).ravel()
    return np.bincount(pixels, grad_columns.ravel().astype(float), height * width).reshape(height, width)


def added_at(grad_columns, height, width, size):
    grad = np.zeros(height * width)
    pixels = sliding_window_view(np.arange(height * width).reshape(height, width), (size, size))
    np.add.at(grad, pixels.ravel(), grad_columns.ravel())
    return grad.reshape(height, width)


def added_by_weights(grad_columns, height, width, size):
    grad = np.zeros((height, width))
    down, right = height - size + 1, width - size + 1
    for weight, (i, j) in enumerate(np.ndindex(size, size)):
        grad[i : i + down, j : j + right] += grad_columns[:, weight].reshape(down, right)
    return grad


def middle_by_solving(pixels, weights):
    y0, y1 = np.correlate(pixels, weights, "valid")
    m1, m4 = (pixels[0] - pixels[2]) * weights[0], (pixels[1] - pixels[3]) * weights[2]
    return np.linalg.solve([[1, 1], [1, -1]], [y0 - m1, y1 + m4])


def middle_by_halves(pixels, weights):
    even, odd = (weights[0] + weights[2]) / 2, weights[1] / 2
    return [(pixels[1] + pixels[2]) * (even + odd), (pixels[2] - pixels[1]) * (even - odd)]


def middle_by_matrices(pixels, weights):
    left = np.array([[0, 1, 1, 0], [0, -1, 1, 0]]) @ pixels
    return left * (np.array([[1, 1, 1], [1, -1, 1]]) @ weights / 2)


def dense_by_index(weights, map_shape):
    height, width, channels = map_shape
    order = np.arange(channels * height * width).reshape(channels, height, width).transpose(1, 2, 0).ravel()
    return weights[:, order].T


def dense_by_loops(weights, map_shape):
    height, width, channels = map_shape
    out = np.empty((height * width * channels, len(weights)))
    for row, column, channel in np.ndindex(*map_shape):
        here, there = (row * width + column) * channels + channel, (channel * height + row) * width + column
        out[here] = weights[:, there]
    return out


def step_by_filters(kernel, grad_kernel, velocity, frozen, rate, momentum):
    new = kernel.copy()
    for filter in np.flatnonzero(~frozen):
        new[..., filter] -= rate * (momentum * velocity[..., filter] + grad_kernel[..., filter])
    return new


def edge_by_complex_numbers(kernel):
    rows, columns = np.indices(kernel.shape)
    middle_row, middle_column = (np.array(kernel.shape) - 1) / 2
    moment = np.sum(kernel * ((columns - middle_column) + 1j * (rows - middle_row)))
    return math.degrees(cmath.phase(1j * moment.conjugate())) % 180


def edge_by_plane(kernel):
    rows, columns = np.indices(kernel.shape) - (np.array(kernel.shape)[:, None, None] - 1) / 2
    right, down = np.vdot(kernel, columns), np.vdot(kernel, rows)
    return 90.0 if down == 0 else math.degrees(math.atan(right / down)) % 180


def flips_by_bits(differences):
    count, found = 0, abs(sum(differences))
    for bits in range(2 ** len(differences)):
        total = sum(-each if bits >> place & 1 else each for place, each in enumerate(differences))
        count += abs(total) > found - 1e-9
    return count / 2 ** len(differences)


def flips_by_convolving(differences):
    sums = {Fraction(0): 1}
    for each in map(Fraction, differences):
        new = {}
        for total, ways in sums.items():
            for flipped in (total + each, total - each):
                new[flipped] = new.get(flipped, 0) + ways
        sums = new
    found = abs(sum(map(Fraction, differences)))
    return float(Fraction(sum(ways for total, ways in sums.items() if abs(total) >= found), sum(sums.values())))


def folded_by_loops(bank, mixing):
    height, width, count = bank.shape
    out = np.zeros((height, width, len(mixing) // count, mixing.shape[1]))
    for channel in range(out.shape[2]):
        for number in range(count):
            out[:, :, channel] += bank[:, :, number, None] * mixing[channel * count + number]
    return out


def lost_by_eigenvalues(blocks, tolerance):
    eigenvalues = np.linalg.eigvalsh(np.conj(np.swapaxes(blocks, 1, 2)) @ blocks)  # squares of the singular values
    return int((eigenvalues <= max(tolerance, 1e-7) ** 2 * eigenvalues.max()).sum())


def lost_by_the_whole_matrix(blocks, tolerance):
    whole = linalg.block_diag(*blocks)
    return whole.shape[1] - np.linalg.matrix_rank(whole, rtol=tolerance)


def widest_by_formula(budget, depth, channels, positions):
    """The root of 9·positions·((depth - 1)·f² + channels·f) = budget, and a look at its neighbours."""
    share = budget / (9 * positions)
    guess = share / channels
    if depth > 1:
        guess = (math.sqrt(channels**2 + 4 * (depth - 1) * share) - channels) / (2 * (depth - 1))
    fits = [f for f in range(int(guess) + 2) if 9 * positions * f * (channels + (depth - 1) * f) <= budget]
    return fits[-1]


def widest_by_halving(budget, depth, channels, positions):
    low, high = 0, budget + 1
    while high - low > 1:
        middle = (low + high) // 2
        cost = 9 * positions * middle * (channels + (depth - 1) * middle)
        low, high = (middle, high) if cost <= budget else (low, middle)
    return low


def patches_into_place(places, size):
    rows, columns, numbers = places.shape
    image = np.zeros((rows * size, columns * size, numbers // size**2))
    for row, column in np.ndindex(rows, columns):
        patch = places[row, column].reshape(size, size, -1)
        image[row * size : (row + 1) * size, column * size : (column + 1) * size] = patch
    return image


def patches_by_steps(places, size):
    channels = places.shape[2] // size**2
    image = np.zeros((places.shape[0] * size, places.shape[1] * size, channels))
    for number, (i, j) in enumerate(np.ndindex(size, size)):
        image[i::size, j::size] = places[:, :, number * channels : (number + 1) * channels]
    return image


def layer_by_tensordot(image, kernel, bias, stride):
    windows = sliding_window_view(image, kernel.shape[:2], axis=(0, 1))[::stride, ::stride]  # (H', W', C, KH, KW)
    return np.tensordot(windows, kernel, ([2, 3, 4], [2, 0, 1])) + bias


def layer_by_einsum(image, kernel, bias, stride):
    windows = view_as_windows(image, (*kernel.shape[:2], image.shape[2]), (stride, stride, 1))[:, :, 0]
    return np.einsum("rcijk,ijkf->rcf", windows, kernel) + bias


def layer_by_scipy(image, kernel, bias, stride):
    maps = [
        sum(signal.correlate2d(image[..., c], kernel[..., c, f], "valid") for c in range(image.shape[2])) + bias[f]
        for f in range(kernel.shape[3])
    ]
    return np.dstack(maps)[::stride, ::stride]


ROWS, _ = np.indices((3, 3)) - 1

UNUSUAL = {
    "00.warm_up": [
        lambda image, row, column: sum(image[r, c] for r in range(row, row + 3) for c in range(column, column + 3)),
        lambda image, row, column: np.einsum("ij->", image[row:, column:][:3, :3]),
        lambda image, row, column: signal.correlate2d(image, np.ones((3, 3)), "valid")[row, column],
    ],
    "01.cross_correlate": [
        by_matrix,
        by_fourier,
        lambda image, kernel: np.einsum("rcij,ij->rc", sliding_window_view(image, kernel.shape), kernel),
        lambda image, kernel: signal.correlate(image.astype(float), kernel, "valid", "direct"),
    ],
    "01.convolve": [
        lambda image, kernel: signal.convolve2d(image, kernel, mode="valid"),
        lambda image, kernel: ops.cross_correlate(image, np.rot90(kernel, 2)),
        lambda image, kernel: by_fourier(image, np.flip(kernel)),
        lambda image, kernel: full_by_slices(image, kernel)[
            kernel.shape[0] - 1 : image.shape[0], kernel.shape[1] - 1 : image.shape[1]
        ],
    ],
    "01.blind_kernel": [
        lambda: np.array([[0, 0, 0], [0, -1, 0], [0, 1, 0]]),
        lambda: ROWS * np.array([3, 10, 3]),
        lambda: ndimage.sobel(np.pad([[1.0]], 1), axis=0)[::-1],
    ],
    "01.normalised_match": [
        lambda image, template: np.round(match_template(image.astype(float), template.astype(float)), 9),
        correlation_coefficients,
        lambda image, template: np.nan_to_num(
            np.apply_along_axis(
                lambda patch: stats.pearsonr(patch, template.ravel())[0] if np.ptp(patch) else 0.0,
                2,
                sliding_window_view(image, template.shape).reshape(*np.subtract(image.shape, template.shape) + 1, -1),
            )
        ),
    ],
    "02.output_size": [
        places_by_trying,
        lambda n, k, s, p, d: shapes.output_size(n, k, s, p, d),
        lambda n, k, s, p, d: len(range(-p, n + p - (k - 1) * d, s)),
        lambda n, k, s, p, d: math.ceil((n + 2 * p - (k - 1) * d) / s),
    ],
    "02.same_padding": [
        padding_by_trying,
        lambda n, k, s: shapes.padding_amounts(n, k, s, "same"),
        lambda n, k, s: [max(0, k - (n % s or s)) // 2, (max(0, k - (n % s or s)) + 1) // 2],
    ],
    "02.conv2d": [layer_by_tensordot, layer_by_einsum, layer_by_scipy],
    "02.receptive_field": [
        fields_as_sets,
        lambda layers: shapes.receptive_field(layers).size,
        lambda layers: 1 + sum((k - 1) * math.prod(s for _, s in layers[:n]) for n, (k, _) in enumerate(layers)),
    ],
    "03.grad_kernel": [
        lambda grad_output, image: signal.correlate2d(image, grad_output, "valid"),
        lambda grad_output, image: np.tensordot(
            sliding_window_view(image, np.subtract(image.shape, grad_output.shape) + 1), grad_output, ([0, 1], [0, 1])
        ),
        lambda grad_output, image: numerical(
            lambda kernel: ops.cross_correlate(image, kernel),
            np.zeros(np.subtract(image.shape, grad_output.shape) + 1),
            grad_output,
        ),
    ],
    "03.grad_image": [
        full_by_slices,
        lambda grad_output, kernel: signal.convolve2d(grad_output, kernel),
        lambda grad_output, kernel: numerical(
            lambda image: ops.cross_correlate(image, kernel),
            np.zeros(np.add(grad_output.shape, kernel.shape) - 1),
            grad_output,
        ),
    ],
    "03.crop": [
        lambda grad_padded, padding: grad_padded[padding : -padding or None, padding : -padding or None],
        lambda grad_padded, padding: np.array(
            [row[padding : len(row) - padding] for row in grad_padded][padding : len(grad_padded) - padding]
        ),
        lambda grad_padded, padding: np.rot90(np.rot90(grad_padded[padding:, padding:], 2)[padding:, padding:], 2),
    ],
    "03.descend": [descend_in_closed_form, descend_recursively, descend_by_layers],
    "04.softmax": [
        lambda scores: special.softmax(scores, axis=1),
        lambda scores: np.exp(scores - special.logsumexp(scores, axis=1, keepdims=True)),
        lambda scores: 1 / np.exp(np.clip(scores[:, None] - scores[:, :, None], -700, 700)).sum(axis=2),
        lambda scores: np.array([np.exp(row - max(row)) / sum(np.exp(row - max(row))) for row in scores]),
    ],
    "04.leaky_relu_backward": [
        lambda grad_output, inputs, slope: grad_output * (slope + (1 - slope) * np.heaviside(inputs, 0.5)),
        lambda grad_output, inputs, slope: grad_output * np.maximum(slope, np.sign(inputs)),
        lambda grad_output, inputs, slope: numerical(lambda x: bend(x, slope), inputs, grad_output),
        lambda grad_output, inputs, slope: np.choose(inputs > 0, [slope * grad_output, grad_output]),
    ],
    "04.batch_norm_predict": [
        lambda x, scale, shift, mean, variance, epsilon: (
            x * (scale / np.sqrt(variance + epsilon)) + (shift - mean * scale / np.sqrt(variance + epsilon))
        ),
        lambda x, scale, shift, mean, variance, epsilon: (
            (x - mean) @ np.diag(scale * (variance + epsilon) ** -0.5) + shift
        ),
        lambda x, scale, shift, mean, variance, epsilon: np.array(
            [(row - mean) * np.exp(-np.log(variance + epsilon) / 2) * scale + shift for row in x]
        ),
    ],
    "05.glorot_limit": [
        lambda kernel: math.sqrt(6 * kernel.shape[-1] * kernel.shape[-2] / kernel.size / sum(kernel.shape[-2:])),
        lambda kernel: math.sqrt(6 / sum(initializers.fans(kernel.shape))),
        lambda kernel: (3 / (kernel[..., 0].size / 2 + kernel[..., 0, :].size / 2)) ** 0.5,
    ],
    "05.dead_filters": [
        lambda maps: sum(not channel.any() for channel in np.moveaxis(maps, -1, 0)),
        lambda maps: maps.shape[-1] - np.unique(np.nonzero(maps)[3]).size,
        lambda maps: np.count_nonzero(np.linalg.norm(maps.reshape(-1, maps.shape[-1]), axis=0) == 0),
    ],
    "05.barrier": [
        lambda losses: max(
            loss - np.interp(place, [0, len(losses) - 1], losses[[0, -1]]) for place, loss in enumerate(losses)
        ),
        lambda losses: np.ptp(np.maximum(losses - np.linspace(*losses[[0, -1]], losses.size), 0)),
        lambda losses: np.max(losses - np.polyval(np.polyfit([0, len(losses) - 1], losses[[0, -1]], 1),
                                                  np.arange(len(losses)))),
    ],
    "05.merge": [merged_by_least_squares, merged_by_matrix, merged_by_projection],
    "06.columns": [
        columns_by_strides,
        columns_by_indices,
        lambda image, size, stride: np.array(
            [
                image[r : r + size, c : c + size].ravel()
                for r in range(0, image.shape[0] - size + 1, stride)
                for c in range(0, image.shape[1] - size + 1, stride)
            ]
        ),
        lambda image, size, stride: view_as_windows(np.ascontiguousarray(image), size, stride).reshape(-1, size**2),
    ],
    "06.add_columns": [added_by_bincount, added_at, added_by_weights],
    "06.full_convolution": [
        full_by_rows,
        full_by_slices,
        signal.convolve2d,
        lambda grad_output, kernel: signal.fftconvolve(grad_output, kernel),
    ],
    "06.middle_products": [middle_by_solving, middle_by_halves, middle_by_matrices],
    "07.dense_from_channels_first": [
        dense_by_index,
        dense_by_loops,
        lambda weights, map_shape: np.einsum(
            "ochw->hwco", weights.reshape(-1, map_shape[2], map_shape[0], map_shape[1])
        ).reshape(-1, len(weights)),
        lambda weights, map_shape: np.vstack(
            [weights[:, pixel :: map_shape[0] * map_shape[1]].T for pixel in range(map_shape[0] * map_shape[1])]
        ),
    ],
    "07.skip_backward": [
        lambda grad_output, x, weights: (grad_output * (x @ weights >= 0)) @ weights.T + grad_output,
        lambda grad_output, x, weights: numerical(lambda x: np.maximum(x @ weights, 0) + x, x, grad_output),
        lambda grad_output, x, weights: np.stack(
            [g + weights @ np.diag(np.heaviside(row @ weights, 0.5)) @ g for g, row in zip(grad_output, x, strict=True)]
        ),
    ],
    "07.frozen_step": [
        step_by_filters,
        lambda kernel, grad, velocity, frozen, rate, momentum: np.where(
            frozen, kernel, kernel - rate * (momentum * velocity + grad)
        ),
        lambda kernel, grad, velocity, frozen, rate, momentum: (
            kernel - rate * np.einsum("...f,f->...f", grad + velocity * momentum, 1.0 - frozen)
        ),
    ],
    "08.edge_orientation": [
        edge_by_complex_numbers,
        edge_by_plane,
        lambda kernel: np.degrees(
            np.arctan2(
                kernel.sum(axis=0) @ (np.arange(kernel.shape[1]) - (kernel.shape[1] - 1) / 2),
                kernel.sum(axis=1) @ (np.arange(kernel.shape[0]) - (kernel.shape[0] - 1) / 2),
            )
        ) % 180,
    ],
    "08.balanced": [
        lambda kernel, window: kernel - window / window.sum() * kernel.sum(),
        lambda kernel, window: kernel - np.linalg.solve([[window.sum()]], [kernel.sum()])[0] * window,
        lambda kernel, window: (
            kernel - optimize.brentq(lambda amount: (kernel - amount * window).sum(), -1e3, 1e3) * window
        ),
    ],
    "08.grey_share": [
        lambda kernel: (kernel @ np.ones((kernel.shape[2],) * 2) * kernel).sum()
        / kernel.shape[2] / np.linalg.norm(kernel) ** 2,
        lambda kernel: np.linalg.norm(kernel.mean(axis=2, keepdims=True) + 0 * kernel) ** 2 / np.sum(kernel**2),
        lambda kernel: 1 - kernel.var(axis=2).sum() / np.square(kernel).mean(axis=2).sum(),
    ],
    "09.sign_flips": [
        flips_by_bits,
        flips_by_convolving,
        lambda differences: np.mean(
            [abs(np.dot(signs, differences)) >= abs(sum(differences)) - 1e-9
             for signs in product((1, -1), repeat=len(differences))]
        ),
    ],
    "09.folded": [
        folded_by_loops,
        lambda bank, mixing: np.stack(
            [bank @ part for part in np.split(mixing, len(mixing) // bank.shape[2])], axis=2
        ),
        lambda bank, mixing: (
            np.kron(np.eye(len(mixing) // bank.shape[2]), bank.reshape(-1, bank.shape[2])) @ mixing
        ).reshape(-1, *bank.shape[:2], mixing.shape[1]).transpose(1, 2, 0, 3),
    ],
    "09.clearness": [
        lambda kernel, covariance, noise: np.array(
            [math.sqrt(w @ covariance @ w / (w @ w)) / noise for w in kernel.reshape(-1, kernel.shape[3]).T]
        ),
        lambda kernel, covariance, noise: (
            np.linalg.norm(np.linalg.cholesky(covariance).T @ kernel.reshape(len(covariance), -1), axis=0)
            / np.linalg.norm(noise * kernel.reshape(len(covariance), -1), axis=0)
        ),
        lambda kernel, covariance, noise: np.sqrt(
            np.diag(kernel.reshape(len(covariance), -1).T @ covariance @ kernel.reshape(len(covariance), -1))
            / np.diag(kernel.reshape(len(covariance), -1).T @ kernel.reshape(len(covariance), -1))
        ) / noise,
    ],
    "10.fewest_filters": [
        lambda channels, stride: 2 * channels * math.prod(stride),
        lambda channels, stride: np.ones((*stride, channels, 2)).size,
        lambda channels, stride: sum(channels for _ in np.ndindex(*stride) for opposite in (1, -1)),
    ],
    "10.nullity": [
        lost_by_eigenvalues,
        lost_by_the_whole_matrix,
        lambda blocks, tolerance: sum(
            blocks.shape[2] - np.linalg.matrix_rank(block, tol=tolerance * np.linalg.norm(blocks, 2, (1, 2)).max())
            for block in blocks
        ),
    ],
    "10.patch_matrix_elsewhere": [
        lambda kernel: np.rot90(kernel, 2, axes=(2, 3)).transpose(1, 2, 3, 0).reshape(-1, len(kernel)),
        lambda kernel: np.column_stack([[w for channel in f for w in channel.ravel()[::-1]] for f in kernel]),
        lambda kernel: np.einsum("fcij->cijf", np.flip(kernel, (-2, -1))).reshape(-1, kernel.shape[0]),
    ],
    "11.widest": [
        widest_by_formula,
        widest_by_halving,
        lambda budget, depth, channels, positions: int(
            np.searchsorted(
                9 * positions * np.arange(1, 9_999) * (channels + (depth - 1) * np.arange(1, 9_999)), budget, "right"
            )
        ),
    ],
    "11.pairs_needed": [
        lambda differences, reach: next(
            n for n in range(6, 10**6) if 2 * np.std(differences, ddof=1) / math.sqrt(n) <= reach
        ),
        lambda differences, reach: max(6, math.ceil(4 * np.var(differences, ddof=1) / reach**2)),
        lambda differences, reach: max(6, -int(-4 * np.cov(differences) // reach**2)),
    ],
    "11.depth_to_space": [
        patches_into_place,
        patches_by_steps,
        lambda places, size: np.concatenate(
            [np.concatenate([place.reshape(size, size, -1) for place in row], axis=1) for row in places]
        ),
    ],
    "12.guided_relu": [
        lambda grad_output, inputs: grad_output.clip(0) * (np.sign(inputs) == 1),
        lambda grad_output, inputs: np.maximum(grad_output, 0) * np.heaviside(inputs, 0),
        lambda grad_output, inputs: np.vectorize(lambda g, x: g if min(g, x) > 0 else 0.0)(grad_output, inputs),
    ],
    "12.rank_agreement": [
        lambda one, other: stats.spearmanr(np.abs(one), np.abs(other), axis=None).statistic,
        lambda one, other: np.corrcoef([stats.rankdata(np.abs(each)) for each in (one, other)])[1, 0],
        lambda one, other: pd.Series(abs(one).ravel()).corr(pd.Series(abs(other).ravel()), method="spearman"),
    ],
    "13.attack_step": [
        lambda changed, image, gradient, rate, epsilon: np.clip(
            changed + rate * np.sign(gradient), np.maximum(image - epsilon, 0), np.minimum(image + epsilon, 1)
        ),
        lambda changed, image, gradient, rate, epsilon: np.median(
            [
                np.median([changed + rate * np.sign(gradient), image - epsilon, image + epsilon], axis=0),
                np.zeros(image.shape),
                np.ones(image.shape),
            ],
            axis=0,
        ),
        lambda changed, image, gradient, rate, epsilon: np.vectorize(
            lambda c, i, g: max(0, i - epsilon, min(1, i + epsilon, c + math.copysign(rate, g) * (g != 0)))
        )(changed, image, gradient),
    ],
    "13.believed": [
        lambda zero_gradients, large, accuracies: (
            sorted(accuracies)[0] if zero_gradients <= 0.01 and large <= 0.2 else -1
        ),
        lambda zero_gradients, large, accuracies: min([*accuracies, *[-1] * (zero_gradients > 0.01 or large > 0.2)]),
        lambda zero_gradients, large, accuracies: float(
            np.where((zero_gradients > 0.01) | (large > 0.2), -1, np.min(accuracies))
        ),
    ],
    "14.follows": [
        lambda answers, marks, labels: pd.Series(answers == marks)[marks != labels].mean(),
        lambda answers, marks, labels: np.average(answers == marks, weights=(marks - labels) ** 2 > 0),
        lambda answers, marks, labels: sum(a == m != t for a, m, t in zip(answers, marks, labels, strict=True))
        / np.count_nonzero(marks - labels),
    ],
    "14.worth": [
        lambda sizes, accuracies, count, reached: np.exp(np.interp(reached, accuracies, np.log(sizes / count))),
        lambda sizes, accuracies, count, reached: 10 ** np.interp(reached, accuracies, np.log10(sizes)) / count,
        lambda sizes, accuracies, count, reached: math.prod(
            (sizes[1:] / sizes[:-1]) ** np.clip((reached - accuracies[:-1]) / np.diff(accuracies), 0, 1)
        ) * sizes[0] / count,
    ],
    "15.standard_error": [
        lambda differences, judged, learned: math.sqrt(
            np.var(differences, ddof=1) * (1 / len(differences) + judged / learned)
        ),
        lambda differences, judged, learned: np.hypot(
            stats.sem(differences), np.std(differences, ddof=1) * math.sqrt(judged / learned)
        ),
        lambda differences, judged, learned: pd.Series(differences).sem()
        * (1 + len(differences) * judged / learned) ** 0.5,
    ],
    "15.exam_images": [
        lambda accuracy, reach: math.ceil(4 * accuracy * (1 - accuracy) / reach**2),
        lambda accuracy, reach: -int(-4 * accuracy * (1 - accuracy) // reach**2),
        lambda accuracy, reach: next(
            n for n in range(1, 10**6) if 2 * math.sqrt(accuracy * (1 - accuracy) / n) <= reach
        ),
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "answer"), [(name, answer) for name, answers in UNUSUAL.items() for answer in answers]
)
def test_a_right_answer_passes_however_it_is_written(name, answer):
    result = exercises.check(name, answer() if name == "01.blind_kernel" else answer, seconds=60)
    assert result.status == "passed", result


def test_every_exercise_is_answered_in_three_unusual_ways():
    assert list(UNUSUAL) == exercises.names()
    assert all(len(answers) >= 3 for answers in UNUSUAL.values())


@pytest.mark.parametrize("seed", range(2))
def test_a_right_answer_passes_on_hidden_probes_too(seed):
    for name, answers in UNUSUAL.items():
        exercise = grading._with_hidden_probes(exercises._find(name), seed)
        for answer in answers:
            result = exercise.check(answer() if name == "01.blind_kernel" else answer, seconds=60)
            assert result.status == "passed", (seed, result)
