"""What only teachers need and nobody else installs: how to get it."""

from importlib import metadata


def install(extra: str) -> str:
    """Return the command that installs what an extra of ``pyproject.toml`` asks for.

    It names the packages and not the extra, since the course is on no index: what somebody publishes there under its
    name would be installed in its place.
    """
    asked = [required.partition(";") for required in metadata.requires("cnnlessons")]
    packages = [name.strip() for name, _, condition in asked if condition.strip() == f'extra == "{extra}"']
    return f"python3 course.py run python -m pip install {' '.join(packages)}"
