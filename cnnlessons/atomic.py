"""Files that are written whole or not at all."""

import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def writing(path):
    """Open a file beside `path` for bytes, and put it in the place of `path` if all went well.

    Who reads at the same moment gets the old file or the new one, never half of one. Each process writes its own. If
    that fails, what was there before stays as it was.
    """
    path = Path(os.path.realpath(os.path.expanduser(path)))  # a link keeps pointing to the file
    unfinished = path.with_name(f".{secrets.token_hex(8)}.unfinished")
    try:
        with unfinished.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # its content is on the disk before its name is
        if path.exists():
            shutil.copymode(path, unfinished)
        os.replace(unfinished, path)  # closed before: Windows moves closed files only
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise
