"""What the data sets share that do not come with the course: a copy of the reader's, or Keras's download."""

import hashlib
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

VARIABLE = "CNNLESSONS_DATA"


def sha256(path):
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def downloaded_before(file):
    """Return whether Keras is installed and has this file, downloaded for the course or for other work."""
    return bool(find_spec("keras") and any(path.is_file() for path in _places(file)))


def _places(file):
    """Return where Keras puts a file: in the course's folder of the package's `__init__`, and for other work."""
    home = Path(os.environ["KERAS_HOME"])
    return [folder / "datasets" / file for folder in (home, home.parent)]


def _take_over(file):
    """Copy what Keras downloaded for other work to where it looks now."""
    ours, others = _places(file)
    if others.is_file() and not ours.is_file():
        ours.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(others, ours)


def download(name, title, file, remedy):
    """Return the parts of a data set as Keras downloads and checks them, or finds them where it put them before.

    Parameters
    ----------
    name : str
        As Keras calls the data set.
    title : str
        As the reader does.
    file : str
        What the files of a damaged download are called.
    remedy : str
        How else to get the images.

    Returns
    -------
    parts : ((images, labels), (images, labels))
        Of the training and the test part.
    channels_first : bool
        Whether Keras is set to have the colours before the rows and columns.

    Raises
    ------
    FileNotFoundError
        If Keras is not here, or cannot get the images.
    """
    try:
        import keras  # takes seconds, and is not installed everywhere: only who has no copy needs it

        _take_over(file)
        parts = getattr(keras.datasets, name).load_data()
        return parts, keras.config.image_data_format() == "channels_first"
    except ImportError as error:
        raise FileNotFoundError(f"{title} is not on this machine, nor is Keras ({error}); {remedy}") from None
    except Exception as error:  # Keras raises a bare one if the network fails, and others if its files are damaged
        raise FileNotFoundError(
            f"{title} is not on this machine and Keras could not get it ({error}); {remedy}. If Keras has a damaged "
            f"copy, delete {' and '.join(map(str, _places(file)))}"
        ) from None
