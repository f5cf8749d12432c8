"""How work is shared out among the cores: in strips, each done by one thread from end to end.

A library that multiplies matrices can share out each product instead. Its threads then wait for each other at every
product, which is long where another program holds a core, and the copying in between is left to one of them.

Taught in lesson 06.
"""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ContextDecorator
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

_LIBRARIES = ThreadpoolController().select(user_api="blas").lib_controllers  # those that multiply NumPy's matrices
_WORTH_A_PART = 2**15  # numbers; with fewer, another thread costs more time than it saves


@cache
def can_start_threads():
    """Whether this Python can start threads: in a browser it cannot."""
    try:
        threading.Thread(target=int, daemon=True).start()
    except RuntimeError:
        return False
    return True


class _OneAProduct(ContextDecorator):
    """Put the library's own threads aside; the last one to leave brings them back, in whatever order they came."""

    def __init__(self):
        self._lock, self._inside = threading.Lock(), 0

    def __enter__(self):
        with self._lock:
            if not self._inside:
                self._before = [library.num_threads for library in _LIBRARIES]
                # As many as each product would have had may share out the work instead.
                self.aside = max(self._before, default=1) if can_start_threads() else 1
                for library in _LIBRARIES:
                    library.set_num_threads(1)
            self._inside += 1

    def __exit__(self, *_):
        with self._lock:
            self._inside -= 1
            if not self._inside:
                for library, number in zip(_LIBRARIES, self._before, strict=True):
                    library.set_num_threads(number)


one_a_product = _OneAProduct()


@one_a_product
def share_out(operation, work):
    """Return ``operation(*arguments)`` for all arguments in `work`, in that order, done by several threads."""
    work = list(work)
    results, waiting = [None] * len(work), iter(enumerate(work))

    def take():
        for index, arguments in waiting:
            results[index] = operation(*arguments)

    helpers = [_pool().submit(take) for _ in range(min(one_a_product.aside, len(work)) - 1)]
    take()
    for helper in helpers:
        if not helper.cancel():  # it has begun; for one that has not, the wait may be long on a busy machine
            helper.result()
    return results


@one_a_product
def in_parts(operation, *batches):
    """Share out an operation that takes each image of a batch for itself, by parts of the batch."""
    parts = min(one_a_product.aside, len(batches[0]), batches[0].size // _WORTH_A_PART)
    if parts < 2:
        return operation(*batches)
    return np.concatenate(share_out(operation, zip(*(np.array_split(batch, parts) for batch in batches), strict=True)))


@cache
def _pool():
    return ThreadPoolExecutor()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads stay with the parent

# Have what a step frees kept for the next step, which takes less time than to give it back and ask for it anew. Linux's
# C library keeps up to twice the size of the largest block freed so far, blocks above 32 MiB not counted (mallopt(3),
# M_TRIM_THRESHOLD). This one is never written to, so it costs nothing.
np.empty(31 * 2**20, np.uint8)
