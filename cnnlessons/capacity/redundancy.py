"""Filters that do the same job, and what is left when they are merged.

A filter with its bias is one vector of weights, the bias being the weight of an input that is always 1. ReLU, max
pooling and average pooling let a positive factor through: ``relu(s * x) == s * relu(x)`` for ``s > 0``. So two
filters whose vectors point in the same direction make the same feature map up to a factor, and the next layer can
take one of them for both.

Taught in lesson 05.
"""

import numpy as np

from cnnlessons import ops, shapes


def similarities(kernel, bias=None):
    """Return the cosine between each filter and each other: 1 where one is a positive multiple of the other.

    Taught in lesson 05. `kernel` and `bias` are those of `duplicates`; the result (C_out, C_out) has ones on its
    diagonal. A filter of zeros points nowhere and is similar to none, itself included: 0.

    Examples
    --------
    >>> similarities(np.array([[1, 2, -1], [0, 0, 0]])).tolist()
    [[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    """
    filters, _ = ops.scaled(_filters(kernel, bias), axis=1)
    lengths = np.linalg.norm(filters, axis=1, keepdims=True)
    directions = np.divide(filters, lengths, out=np.zeros_like(filters), where=lengths > 0)
    return np.clip(directions @ directions.T, -1, 1)  # (C_out, C_out)


def duplicates(kernel, bias=None, least=0.95):
    """Return the groups of filters that do the same job up to a positive factor: indices, groups of one left out.

    The longest filter leads the first group and takes in whatever is similar enough to it; the longest of those that
    are left leads the next. So every filter of a group is similar to its leader. Taught in lesson 05.

    Parameters
    ----------
    kernel : ndarray, shape (..., C_in, C_out)
        That of a convolution or the weights of a dense layer.
    bias : ndarray, shape (C_out,), optional
    least : float, above 0 to 1
        Cosine with the leader, which comes first in its group. 1 finds exact copies, up to rounding.

    Examples
    --------
    >>> kernel = np.array([[1, 0, 3, -1], [2, 1, 6, -2]])  # the third column is three times the first
    >>> duplicates(kernel)
    [[2, 0]]
    """
    shapes.number(least, "least", "a cosine above 0 and at most 1", lambda least: 0 < least <= 1, "try 0.95")
    similar = similarities(kernel, bias) >= least - _ROUNDING
    filters, powers = ops.scaled(_filters(kernel, bias), axis=1)
    lengths = np.ldexp(np.linalg.norm(filters, axis=1), powers.min() - powers[:, 0])  # the longest filter's: about 1
    left = list(np.argsort(-lengths, kind="stable"))
    groups = []
    while left:
        leader = left.pop(0)
        group = [leader, *(index for index in left if similar[leader, index])]
        left = [index for index in left if index not in group]
        groups.append([int(index) for index in group])
    return [group for group in groups if len(group) > 1]


def merge(kernel, bias, outgoing, groups):
    """Let the first filter of each group do the job of all, and remove the others.

    A filter that is `s` times its leader fed the next layer `s` times the leader's map, so its outgoing weights, `s`
    times, are added to the leader's. If the copies are exact, the next layer's outputs stay the same.

    Taught in lesson 05. Right where only ReLU and pooling lie between the two layers. Of filters that are merely
    similar, the part along the leader is kept: ``s`` is the cosine times the ratio of lengths.

    Parameters
    ----------
    kernel : ndarray, shape (..., C_in, C_out)
    bias : ndarray, shape (C_out,), or None
    outgoing : ndarray, shape (..., C_out, K)
        The next layer's weights, with this layer's channels on the axis before the last: the kernel of a convolution
        as it is, the weights of a dense layer behind Flatten as ``weights.reshape(-1, C_out, K)``.
    groups : list of list of int
        Such as `duplicates` returns.

    Returns
    -------
    kernel, bias, outgoing : ndarray
        Without the filters that were merged, the others in their order; no bias stays None.
    """
    filters = _filters(kernel, bias)
    _check_outgoing(outgoing, len(filters))
    groups, scaled = _checked_groups(groups, len(filters)), ops.scaled(filters, axis=1)
    outgoing = np.array(outgoing, np.result_type(outgoing, np.float32))
    for leader, *others in groups:
        for other in others:
            outgoing[..., leader, :] += _share(*scaled, other, leader) * outgoing[..., other, :]
    gone = [other for _, *others in groups for other in others]
    kept = np.setdiff1d(np.arange(len(filters)), gone)
    bias = None if bias is None else np.asarray(bias)[kept]
    return np.asarray(kernel)[..., kept], bias, outgoing[..., kept, :]


_ROUNDING = 1e-9  # a copy in float32 is exact to 1e-7 in its weights, so to 1e-14 in its cosine


def _filters(kernel, bias):
    """Return each filter with its bias as a row of floats, (C_out, weights) or (C_out, weights + 1)."""
    kernel = ops.finite(kernel, "kernel")
    if kernel.ndim < 2:
        raise ValueError(f"kernel must have shape (KH, KW, C_in, C_out) or (D_in, D_out), got {kernel.shape}")
    rows = kernel.reshape(-1, kernel.shape[-1])
    if bias is not None:
        bias = ops.finite(bias, "bias")
        if bias.shape != kernel.shape[-1:]:
            raise ValueError(f"bias must have one number for each of {kernel.shape[-1]} filters, got {bias.shape}")
        rows = np.vstack([rows, bias])
    return rows.T.astype(float)


def _share(filters, powers, other, leader):
    """Return how many times the leader is in another filter; each was scaled by a power of two."""
    share = filters[other] @ filters[leader] / ((filters[leader] @ filters[leader]) or 1.0)
    if share <= 0:
        raise ValueError(
            f"groups must hold filters that point the same way, but {other} points away from {leader}; a negative "
            "factor does not pass a ReLU"
        )
    return np.ldexp(share, powers[leader, 0] - powers[other, 0])


def _check_outgoing(outgoing, filters):
    outgoing = ops.finite(outgoing, "outgoing")
    if outgoing.ndim < 2 or outgoing.shape[-2] != filters:
        raise ValueError(
            f"outgoing must have shape (..., {filters}, K), this layer's filters before the last axis, got "
            f"{outgoing.shape}; behind Flatten write weights.reshape(-1, {filters}, K)"
        )


def _checked_groups(groups, filters):
    """Return groups as lists of ints, if each names a filter or more, and none that another names."""
    found = [np.asarray(group) for group in shapes.listed(groups)]
    members = [index for group in found for index in group.ravel().tolist()]
    lists = all(group.ndim == 1 and group.size and group.dtype.kind in "iu" for group in found)
    if not lists or len(set(members)) < len(members) or not set(members) <= set(range(filters)):
        raise ValueError(
            f"groups must name each filter from 0 to {filters - 1} at most once, in lists of one or more, got {groups}"
            "; take what capacity.duplicates returns"
        )
    return [group.tolist() for group in found]
