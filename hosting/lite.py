"""Write ten lessons as a JupyterLite site: they run in the reader's browser, whose Python is Pyodide.

::

    npm install --prefix FOLDER pyodide@314.0.6
    python -m pip install ".[lite]"
    python hosting/lite.py FOLDER/node_modules/pyodide --out site/lite

Pyodide's packages that the course needs are downloaded into the first folder, unless they lie there. Each must have the
SHA-256 that npm's lock of Pyodide has for it, and the lock that which stands here.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path

from cnnlessons import notebooks

COURSE = notebooks.COURSE
PYODIDE = "314.0.6"  # the one that jupyterlite-pyodide-kernel 0.8.6 is made for
LOCK = "3fdaef09e9e365c85e002737720f8d0ab8f278c1c244a2dde6a37663cf488ad4"  # SHA-256 of its pyodide-lock.json
RELEASE = f"https://cdn.jsdelivr.net/pyodide/v{PYODIDE}/full/"
LESSONS = ("00", "01", "02", "03", "04", "05", "06", "08", "10", "12")
KERNEL = ("ipython", "jedi", "micropip", "packaging")  # what JupyterLite's kernel asks for when it starts
IMPORTED = ("joblib", "lz4", "matplotlib", "numpy", "pandas", "pillow", "platformdirs", "scikit-image")
IMPORTED += ("scikit-learn", "scipy", "threadpoolctl", "tqdm", "typing-extensions")
PURE = ("anywidget", "comm", "filelock", "ipywidgets", "mtcnn", "psygnal")  # not in Pyodide; from PyPI, as in our lock
DATA = ("weights", "evidence")


def sha256(path):
    """Checksum of a file, as locks write it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def canonical(name):
    """Name of a package as everyone compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def needed(packages, names):
    """Entries of the lock for these names and all that they depend on, by name."""
    found, wanted = {}, list(names)
    while wanted:
        if (name := canonical(wanted.pop())) not in found:
            found[name] = packages[name]
            wanted += packages[name]["depends"]
    return found


def fetch(pyodide, entries):
    """Download what is not there, and compare each file with the lock; another one is not kept."""
    for entry in entries.values():
        path = pyodide / entry["file_name"]
        if not path.exists():
            print("fetching", RELEASE + entry["file_name"], flush=True)
            with urllib.request.urlopen(RELEASE + entry["file_name"]) as answer:
                path.write_bytes(answer.read())
        if sha256(path) != entry["sha256"]:
            path.unlink()
            raise ValueError(f"{path.name} has another SHA-256 than Pyodide's lock says; it was deleted")


def pure_wheels(folder):
    """Download the wheels of `PURE` with the versions and checksums of requirements.lock.txt."""
    blocks = re.split(r"\n(?=\S)", (COURSE / "requirements.lock.txt").read_text(encoding="utf-8"))
    chosen = folder / "pure.txt"
    chosen.write_text("\n".join(block for block in blocks if block.split("==")[0] in PURE), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    subprocess.run([*pip, "--only-binary=:all:", "--platform=any", "-d", folder, "-r", chosen], check=True)
    return sorted(folder.glob("*.whl"))


def our_wheel(folder):
    """Write the package and its data as a wheel: `recorded` looks for data beside the package."""
    version = re.search(r'__version__ = "(.+)"', (COURSE / "cnnlessons/__init__.py").read_text(encoding="utf-8"))[1]
    path, about = folder / f"cnnlessons-{version}-py3-none-any.whl", f"cnnlessons-{version}.dist-info"
    names = [name for name in sorted((COURSE / "cnnlessons").rglob("*")) if "__pycache__" not in name.parts]
    names += [name for part in DATA for name in sorted((COURSE / "data" / part).rglob("*"))]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name in filter(Path.is_file, names):
            wheel.write(name, name.relative_to(COURSE).as_posix())
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: cnnlessons\nVersion: {version}\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return path


def entry(wheel, depends=()):
    """What a lock says of a wheel of ours, so that an `import` in a cell loads it."""
    name, version = wheel.name.split("-")[:2]
    known = {"name": name, "version": version, "file_name": wheel.name, "sha256": sha256(wheel), "imports": [name]}
    kind = {"install_dir": "site", "package_type": "package", "unvendored_tests": False}
    return known | kind | {"depends": list(depends)}


def write_pyodide(pyodide, folder):
    """Write Pyodide with the packages of the course, and a lock of these alone, into a folder."""
    lock = json.loads((pyodide / "pyodide-lock.json").read_text(encoding="utf-8"))
    entries = needed({canonical(name): each for name, each in lock["packages"].items()}, KERNEL + IMPORTED)
    fetch(pyodide, entries)
    folder.mkdir(parents=True)
    for path in [*pyodide.glob("pyodide*.*js"), *pyodide.glob("pyodide*.wasm"), pyodide / "python_stdlib.zip"]:
        shutil.copy(path, folder)
    for each in entries.values():
        shutil.copy(pyodide / each["file_name"], folder)
    with tempfile.TemporaryDirectory() as place:
        ours = our_wheel(Path(place))
        pure = {canonical(wheel.name.split("-")[0]): wheel for wheel in pure_wheels(Path(place)) if wheel != ours}
        for wheel in (ours, *pure.values()):
            shutil.copy(wheel, folder)
        entries |= {name: entry(wheel) for name, wheel in pure.items()}
        entries["cnnlessons"] = entry(ours, (*IMPORTED, *KERNEL, *pure))
    (folder / "pyodide-lock.json").write_text(json.dumps(lock | {"packages": entries}), encoding="utf-8")


def write_contents(folder):
    """Write the ten notebooks, without the teacher's notes, and the pictures that they show, into a folder."""
    shutil.copytree(COURSE / "notebooks/map", folder / "map")
    for number in LESSONS:
        path = notebooks.lesson(number)
        notebook = json.loads(path.read_text(encoding="utf-8"))
        kernel = {"name": "python", "display_name": "Python (Pyodide)", "language": "python"}
        notebook["metadata"]["kernelspec"] = kernel
        for cell in notebook["cells"]:
            cell["metadata"].pop("cnnlessons", None)
        (folder / path.name).write_text(json.dumps(notebook, ensure_ascii=False, indent=1), encoding="utf-8")


def build(pyodide, out):
    """Write the site, always anew: what is built on an older one may ask Pyodide's servers for its files."""
    if out.exists() and any(out.iterdir()):
        raise ValueError(f"--out: {out} is not empty; name a new folder")
    if sha256(pyodide / "pyodide-lock.json") != LOCK:
        raise ValueError(f"{pyodide} does not hold Pyodide {PYODIDE}: npm install pyodide@{PYODIDE}")
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        write_pyodide(pyodide, place / "static/pyodide")
        write_contents(place / "content")
        kernel = {"pyodideUrl": "./static/pyodide/pyodide.mjs", "disablePyPIFallback": True}
        settings = {
            "appName": "cnnlessons",
            "litePluginSettings": {"@jupyterlite/pyodide-kernel-extension:kernel": kernel},
        }
        lite = {"jupyter-lite-schema-version": 0, "jupyter-config-data": settings}
        (place / "jupyter-lite.json").write_text(json.dumps(lite), encoding="utf-8")
        command = [sys.executable, "-m", "jupyter", "lite", "build", "--apps", "lab", "--no-sourcemaps"]
        command += ["--lite-dir", place, "--contents", place / "content", "--output-dir", out.resolve()]
        subprocess.run(command, check=True, cwd=place)
    if '"./static/pyodide/pyodide.mjs"' not in (out / "jupyter-lite.json").read_text(encoding="utf-8"):
        raise ValueError(f"{out} would ask Pyodide's servers for its files")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pyodide", type=Path, help="npm's folder of Pyodide")
    parser.add_argument("--out", type=Path, required=True, help="the site's folder")
    given = parser.parse_args()
    try:
        build(given.pyodide, given.out)
    except (OSError, ValueError, subprocess.CalledProcessError) as problem:
        sys.exit(f"lite: {problem}")
