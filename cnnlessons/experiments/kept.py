"""A folder for kernels that one run learns for others. It may be deleted at any time."""

import os
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from cnnlessons import atomic

VARIABLE = "CNNLESSONS_CACHE"


def folder():
    """Return the folder that CNNLESSONS_CACHE names, or else the one that this system keeps for such files."""
    usual = user_cache_path("cnnlessons", appauthor=False, opinion=False)
    return Path(os.environ.get(VARIABLE) or usual).expanduser()


def file(key):
    """Return the path of the npz file of that key, whether it exists or not."""
    return folder() / f"{key}.npz"


def write(key, arrays):
    """Write an npz file, complete or not at all; if that fails, say so and go on."""
    place = file(key)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with atomic.writing(place) as draft:
            np.savez(draft, **arrays)
    except OSError as error:
        why = error.strerror or error
        print(f"The kernels could not be kept in {str(place.parent)!r} ({why}), so the next time takes as long.")
