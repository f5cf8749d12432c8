"""How much a layer's activations repeat one another: their spectrum, neighbours, and zeros. Taught in lesson 10.

Activations are a layer's, (N, H, W, C), or rows of numbers, (positions, C), such as patches.
"""

from typing import NamedTuple

import numpy as np

from cnnlessons import ops
from cnnlessons.capacity.checks import number


def variance_shares(activations):
    """Return which share of the variance each principal component of the channels carries, the largest first: (C,).

    The mean of each channel is taken off, as principal component analysis does. Taught in lesson 10.
    """
    rows, _ = ops.scaled(_rows(activations))
    variances = np.linalg.eigvalsh(_covariance(rows))[::-1].clip(min=0)
    return variances / variances.sum()


def effective_rank(activations):
    """Return how many dimensions the channels of a layer use, from 1, all are multiples of one, to C, all used alike.

    Taught in lesson 10. The singular values of the matrix (positions, C), without each channel's mean, divided by
    their sum are taken for probabilities; the effective rank is the exponential of their entropy. O. Roy and M.
    Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007, who do not take the mean
    off. Singular values, not their squares: the number is larger than that made of `variance_shares`.
    """
    values = np.sqrt(variance_shares(activations))  # singular values up to a factor
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def components_that_carry(activations, share=0.99):
    """Return how many principal components carry a share, above 0 to 1, of the variance. Taught in lesson 10."""
    share = number(share, "share", 0, 1, "0.99 asks for 99 %")
    carried = np.cumsum(variance_shares(activations))
    return int(np.count_nonzero(carried < share - _ROUNDING)) + 1


class NeighbourCorrelation(NamedTuple):
    """How alike activations are that lie side by side: 1 the same, 0 unrelated."""

    below: float  #: with the next row
    right: float  #: with the next column


def neighbour_correlation(activations):
    """Return how activations, (N, H, W, C), go with the ones below and on the right, as a `NeighbourCorrelation`.

    Covariances and variances of all channels are added up before they are divided, so a channel that hardly varies
    hardly counts. Taught in lesson 10.
    """
    maps = ops.finite(activations, "activations")
    if maps.ndim != 4 or min(maps.shape[1:3]) < 2:
        raise ValueError(f"activations must have shape (N, H, W, C), H and W at least 2, got {maps.shape}")
    maps, _ = ops.scaled(maps.astype(float))
    _covariance(_rows(maps))
    return NeighbourCorrelation(_correlation(maps[:, :-1], maps[:, 1:]), _correlation(maps[:, :, :-1], maps[:, :, 1:]))


def zero_shares(activations):
    """Return at which share of the positions each channel, after ReLU, is exactly zero: (C,). Taught in lesson 10."""
    return (_rows(activations) == 0).mean(axis=0)


_ROUNDING = 1e-12  # shares are added up


def _rows(activations):
    """Return activations as floats, a row for each position: (positions, C)."""
    activations = ops.finite(activations, "activations")
    if activations.ndim not in (2, 4):
        raise ValueError(f"activations must have shape (N, H, W, C) or (positions, C), got {activations.shape}")
    return activations.reshape(-1, activations.shape[-1]).astype(float)


def _covariance(rows):
    """Return the covariance matrix of the channels, times the positions: (C, C)."""
    centred = rows - rows.mean(axis=0)
    if np.abs(centred).max() <= 1e-12 * np.abs(rows).max():
        raise ValueError(
            f"activations must vary, but all {len(rows)} positions are the same; take more positions, or an image that "
            "is not flat"
        )
    return centred.T @ centred


def _correlation(one, other):
    one, other = (part - part.mean(axis=(0, 1, 2)) for part in (one, other))
    size = np.sqrt((one**2).sum() * (other**2).sum())
    return float((one * other).sum() / size) if size else 0.0
