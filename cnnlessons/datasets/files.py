"""The files of a folder or of a zip file, one like the other. Nothing is ever unpacked to disk.

A zip file comes from anywhere: a member may be called "../../.bashrc", claim to be a link, or swell to gigabytes. So
members are only read into memory, one at a time, and what has no business there is left out with the reason.
"""

import os
import re
import stat
import struct
import unicodedata
import zipfile
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from cnnlessons.datasets.records import Skipped

MOST_BYTES = 2**28  # of one file: a 24-megapixel photograph, not compressed at all, has 72 MB


class File(NamedTuple):
    """A file and how to read it; its names are Unicode NFC, so that every system gives the same."""

    parts: tuple[str, ...]
    read: Callable[[], bytes]

    @property
    def name(self):
        """Its name with "/" between the folders."""
        return "/".join(self.parts)


class Listing(NamedTuple):
    """What a folder or zip file holds: files and folders in the same order on every system, and what is left out."""

    files: list[File]
    folders: set[tuple[str, ...]]
    skipped: list[Skipped]


def existing(path, argument):
    """Return `path` as a Path to something that exists, or say what is wrong with it."""
    if not isinstance(path, (str, os.PathLike)) or not str(path):
        raise TypeError(f'{argument} must be the path of a folder or a zip file, such as "my_images", got {path!r}')
    path = Path(os.path.expanduser(path))
    try:
        path.stat()
    except PermissionError:
        raise PermissionError(f"{argument}: {str(path)!r} may not be read; ask for the right, or copy it") from None
    except (OSError, ValueError):
        raise FileNotFoundError(
            f"{argument} must be a folder or a file that exists, got {str(path)!r}; "
            f"relative paths start at {str(Path.cwd())!r}"
        ) from None
    return path


@contextmanager
def opened(path, argument="path", zip_names=None):
    """Give the `Listing` of a folder or zip file, whose files can be read until the block ends.

    Hidden files and what systems add (``.DS_Store``, ``__MACOSX``, ``Thumbs.db``, ``desktop.ini``) are passed over. So
    are folders whose names begin as only those of systems do (``@eaDir``, ``#recycle``), but these are told.
    `zip_names` is the encoding of names in a zip file that does not tell it.
    """
    path = existing(path, argument)
    if path.is_dir():
        yield _in_order(_walk(path, argument))
        return
    with _zip(path, argument, zip_names) as archive:
        yield _in_order(_members(archive, path, zip_names))


def _in_order(entries):
    """Sort the walk's files, folders and skipped ones, apart, by name."""
    files = [entry for entry in entries if isinstance(entry, File)]
    files.sort(key=lambda file: [(part.casefold(), part) for part in file.parts])
    skipped = [entry for entry in entries if isinstance(entry, Skipped)]
    folders = {entry for entry in entries if not isinstance(entry, (File, Skipped))}
    for file in files:
        folders |= {file.parts[:depth] for depth in range(1, len(file.parts))}
    return Listing(files, folders, skipped)


def _clean(name):
    """Return a name that can be printed and is spelt alike everywhere: macOS may write é as e and an accent."""
    return unicodedata.normalize("NFC", name).encode("utf-8", "backslashreplace").decode("utf-8")


def _of_the_system(name):
    return name.startswith(".") or name.casefold() in ("__macosx", "thumbs.db", "desktop.ini")


def _made_by_a_system(parts):
    """Return the first of these nested folders whose name no person would give, as `Skipped`, or None."""
    for depth, name in enumerate(parts):
        if re.match(r"[@#$~%]\w|__", name):
            reason = f"is a folder whose name begins as those of systems do, {name[0]!r}; rename it if it is yours"
            return Skipped("/".join(parts[: depth + 1]), reason)
    return None


# --------------------------------------------------------------------------- folders


def _walk(root, argument):
    def refuse(error):
        raise type(error)(f"{argument}: the folder {error.filename!r} cannot be read ({error.strerror})") from None

    entries = []
    for here, folders, files in os.walk(root, onerror=refuse):
        parents = tuple(_clean(part) for part in Path(here).relative_to(root).parts)
        if parents:
            entries.append(parents)
        folders[:] = sorted(name for name in folders if not _of_the_system(name))
        made = [_made_by_a_system((*parents, _clean(name))) for name in folders]
        folders[:] = [name for name, by_a_system in zip(folders, made, strict=True) if not by_a_system]
        entries += made
        entries += [_file(Path(here, name), (*parents, _clean(name))) for name in sorted(files)]
        entries += [
            Skipped("/".join([*parents, _clean(name)]), "is a link to a folder, and links to folders are not followed")
            for name in folders
            if Path(here, name).is_symlink()
        ]
    return [entry for entry in entries if entry is not None]


def _file(path, parts):
    if _of_the_system(path.name):
        return None
    try:
        status = path.stat()
    except OSError as error:
        return Skipped("/".join(parts), f"cannot be read ({error.strerror})")
    if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
        return Skipped("/".join(parts), "is not an ordinary file")
    if status.st_size > MOST_BYTES:
        return Skipped("/".join(parts), _too_large(status.st_size))
    return File(parts, path.read_bytes)


def _too_large(size):
    return f"has {size:,} bytes, more than the {MOST_BYTES:,} of a file that is read"


# --------------------------------------------------------------------------- zip files


def _zip(path, argument, zip_names):
    try:
        if not path.is_file():
            raise zipfile.BadZipFile("not an ordinary file")
        return zipfile.ZipFile(path, metadata_encoding=zip_names)
    except PermissionError:
        raise PermissionError(f"{argument}: {str(path)!r} may not be read; ask for the right, or copy it") from None
    except (LookupError, UnicodeDecodeError) as error:
        raise ValueError(
            f'zip_names must be the encoding of the names in {str(path)!r}, such as "cp932" ({error})'
        ) from None
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, NotImplementedError, struct.error) as error:
        raise ValueError(
            f"{argument} must be a folder or a zip file; {str(path)!r} is neither, or is damaged ({error}); "
            "if it is a zip file, copy or download it again"
        ) from None


def _members(archive, path, zip_names):
    entries, seen = [], set()
    encoding = None if zip_names else _encoding([_raw(info) for info in archive.infolist()], path)
    for info in archive.infolist():
        raw = _raw(info)
        name = raw.decode(encoding) if encoding and raw else info.filename
        name = name.replace("\\", "/")  # some programs on Windows write these
        parts = tuple(_clean(part) for part in name.split("/") if part not in ("", "."))
        reason = _refused(info, name)
        if reason is None and any(_of_the_system(part) for part in parts):
            continue
        made = _made_by_a_system(parts if name.endswith("/") else parts[:-1])
        if reason is None and made:
            entries += [made] * (made not in seen)
            seen.add(made)
            continue
        if reason is None and parts in seen and not name.endswith("/"):
            reason = "is in the zip file twice, and this is the second"
        if reason is not None:
            entries.append(Skipped(_clean(name), reason))
        elif name.endswith("/"):
            entries.append(parts)
        else:
            seen.add(parts)
            entries.append(File(parts, partial(archive.read, info)))
    return entries


# Code pages of DOS whose names are not guessed, but asked for.
_PAGES = {
    "cp932": "Japanese",
    "cp936": "Chinese",
    "cp950": "traditional Chinese",
    "cp949": "Korean",
    "cp866": "Russian",
}


def _raw(info):
    """Return the bytes of a name whose encoding the zip file does not tell; none if it is ASCII or told."""
    name = info.orig_filename.partition("\0")[0]
    if info.flag_bits & 0x800 or name.isascii():
        return b""
    try:
        return name.encode("cp437")  # as zipfile has read it
    except UnicodeEncodeError:
        return b""


def _encoding(raw_names, path):
    """Return the encoding of names that do not tell it: UTF-8, as the Finder writes, or Windows in western Europe."""
    raw_names, readings = [raw for raw in raw_names if raw], {}
    for encoding in ("utf-8", "cp437", "cp850", *_PAGES):
        with suppress(UnicodeDecodeError):
            readings[encoding] = [raw.decode(encoding) for raw in raw_names]
    for encoding in ("utf-8", "cp437", "cp850"):
        if encoding in readings and (encoding == "utf-8" or all(map(_is_western, readings[encoding]))):
            return encoding
    said = [f"{readings[page][0]!r} if zip_names={page!r} ({_PAGES[page]})" for page in _PAGES if page in readings]
    raise ValueError(
        f"the names in {str(path)!r} do not tell their encoding; {readings['cp437'][0]!r} would be "
        f"{', '.join(said) or 'in none that is known here'}: give zip_names, or make the zip file anew in UTF-8"
    )


def _is_western(name):
    """Whether a name looks like one with some accents, and not like bytes that are read wrongly."""
    for part in re.split(r"[/\\]", name):
        stem = part.rpartition(".")[0] or part
        accented = [letter for letter in stem if not letter.isascii()]
        turned = any(a.islower() and b.isupper() and not (a + b).isascii() for a, b in pairwise(stem))
        latin = all(unicodedata.name(letter, "").startswith("LATIN") for letter in accented)
        if turned or not latin or 3 * len(accented) > 2 * max(sum(map(str.isalpha, stem)), 2):
            return False
    return True


def _refused(info, name):
    """Return why a member is not read, or None."""
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/"):
        return "has a name that leads out of the zip file"
    if stat.S_ISLNK(info.external_attr >> 16):  # the upper half holds the file mode of Unix
        return "is a link"
    if info.flag_bits & 1:
        return "is encrypted"
    if info.file_size > MOST_BYTES:  # zipfile reads no more than this, whatever the member then holds
        return _too_large(info.file_size)
    return None
