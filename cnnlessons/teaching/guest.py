"""What runs beside a submission, and nowhere else: finds the answer to one exercise, calls it, sends what it returned.

This file goes alone into the isolation of `isolation`, as text, with NumPy at most. It reads a task from its standard
input and writes a line for each call, which begins with the task's nonce. Whatever the submission does to it, all that
leaves are values; they are compared elsewhere, where the submission never was.
"""

import ast
import base64
import contextlib
import copy
import dis
import importlib.abc
import importlib.util
import io
import json
import linecache
import os
import re
import sys
import traceback
import types
import warnings

import numpy as np

LARGEST = 100_000  # numbers of an array, and
LONGEST = 300  # characters of a message, that are sent

# --------------------------------------------------------------------------- values as plain data, both ways


def encode(value, depth=0):
    """Numbers, arrays, lists and tuples as what JSON can hold; of anything else its type's name."""
    if value is None or value is ...:
        return {"value": None}
    if isinstance(value, bool | float) or (isinstance(value, int) and value.bit_length() < 64):
        return {"value": value}
    if isinstance(value, list | tuple) and len(value) <= 1000 and depth < 6:
        return {"list" if isinstance(value, list) else "tuple": [encode(each, depth + 1) for each in value]}
    if isinstance(value, np.ndarray | np.generic | complex) and not isinstance(value, np.ma.MaskedArray):
        array = np.array(value)  # a plain one, in the order of its rows
        if array.dtype.char in "gG":  # long doubles are laid out otherwise on other machines
            array = array.astype(float if array.dtype.char == "g" else complex)
        if array.dtype.kind in "biufc":
            few = array.size <= LARGEST
            data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode() if few else None
            return {"array": data, "dtype": array.dtype.str, "shape": array.shape}
    return {"type": type(value).__name__[:40]}


def decode(sent):
    """The value that was sent; an error for whatever `encode` does not make."""
    ((kind, data), *_) = sent.items()
    if kind == "value" and isinstance(data, bool | int | float | None):
        return data
    if kind in ("list", "tuple"):
        return {"list": list, "tuple": tuple}[kind](decode(each) for each in data)
    if kind == "array" and re.fullmatch(r"[<>|][biufc]\d{1,2}", sent["dtype"]):
        dtype, shape = np.dtype(sent["dtype"]), tuple(map(int, sent["shape"]))
        if data is None:
            return np.broadcast_to(dtype.type(0), shape)  # too large to be right: only its shape is looked at
        return np.frombuffer(base64.b64decode(data), dtype).reshape(shape)[()]
    if kind == "type":
        return type(re.sub(r"\W", "", data) or "object", (), {})()
    raise ValueError(f"{kind!r} stands for no value")


# --------------------------------------------------------------------------- the answer, wherever it stands


def statements(cells):
    """The statements of a notebook's cells, (number of the cell, statement), and the first error of syntax, or ""."""
    found, problem = [], ""
    for number, source in cells:
        file = f"cell {number}"
        linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
        try:
            body = ast.parse(source).body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            problem = problem or f"{type(error).__name__} in {file}: {error}"
            continue
        for node in body:
            parts = [node]
            if _is_import(node):  # one name each: a module that is not here takes none along
                parts = [type(node)(**vars(node) | {"names": [name]}) for name in node.names]
            found += [(number, part) for part in parts]
    return found, problem


def answer_to(name, stub, found):
    """The place of the last check of an exercise among the statements, and the expression that is checked."""
    for place in range(len(found) - 1, -1, -1):
        for node in ast.walk(found[place][1]):
            if not isinstance(node, ast.Call) or getattr(node.func, "attr", getattr(node.func, "id", "")) != "check":
                continue
            given = {word.arg: word.value for word in node.keywords}
            given |= dict(zip(("name", "answer"), node.args, strict=False))
            if isinstance(given.get("name"), ast.Constant) and given["name"].value == name and "answer" in given:
                return place, given["answer"]
    named = [place for place, (_, node) in enumerate(found) if getattr(node, "name", "") == stub]
    return (named[-1], ast.parse(stub, mode="eval").body) if named else None  # the check was lost, the answer is there


def needed(place, names, found):
    """The places of the statements that make some names: imports, constants, functions, and what those need."""
    tables = [names_of(node) for _, node in found]
    imports = [i for i, (_, node) in enumerate(found) if _is_import(node)]
    imported = {name for i in imports for name in tables[i][1]}
    wanted, known = list(names), set()
    chosen = {i for i in imports if found[i][1].names[0].name == "*"}
    while wanted:
        if (name := wanted.pop()) in known:
            continue
        known.add(name)
        makers = [i for i, (_, gives, changes) in enumerate(tables) if name in gives | (changes - imported)]
        in_time = [i for i in makers if i <= place]  # what stands after the check came too late, if anything else
        for i in in_time or makers:
            chosen.add(i)
            wanted += tables[i][0]
    return sorted(chosen)


def _is_import(node):
    return isinstance(node, ast.Import | ast.ImportFrom)


# What they are given they leave as it is.
_SHOWS = {"claim", "display", "exercises", "panels", "plots", "print", "same"}


def names_of(node):
    """The names that a statement takes from the notebook, gives to it, and changes the values of."""
    takes, gives, changes = set(), set(), set()
    with contextlib.suppress(SyntaxError, ValueError, RecursionError, MemoryError):  # such as a `return` of its own
        whole = compile(ast.fix_missing_locations(ast.Module([node], [])), "", "exec")
        codes = [whole]
        while codes:
            code = codes.pop()
            codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
            for step in dis.get_instructions(code):
                if step.opname in ("LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"):
                    takes.add(step.argval)
                elif step.opname == "STORE_GLOBAL" or (step.opname == "STORE_NAME" and code is whole):
                    gives.add(step.argval)
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            for part in ast.walk(node):  # name[0] = 1, name.append(1), fill_diagonal(name, 1)
                stored = isinstance(part, ast.Subscript | ast.Attribute) and isinstance(part.ctx, ast.Store)
                called = isinstance(part, ast.Expr) and isinstance(part.value, ast.Call)
                root = part.value.func if called else part if stored else None
                while isinstance(root, ast.Subscript | ast.Attribute):
                    root = root.value
                    if isinstance(root, ast.Name):
                        changes.add(root.id)
                if called and getattr(root, "id", "") not in _SHOWS:
                    changes |= {given.id for given in part.value.args if isinstance(given, ast.Name)}
    return takes, gives, changes


def made(name, stub, cells):
    """The answer of a submission, or a LookupError that says why there is none."""
    found, problem = statements(cells)
    if not (where := answer_to(name, stub, found)):
        raise LookupError("unreadable" if problem else "not found", problem)
    place, expression = where
    space = {"__name__": "__main__", "display": lambda *_, **__: None}
    for i in needed(place, names_of(ast.Expr(expression))[0], found):
        number, node = found[i]
        try:
            exec(compile(ast.Module([node], []), f"cell {number}", "exec"), space)
        except BaseException as error:  # perhaps of no importance
            problem = problem or f"{_text(error)} in cell {number}"
    try:
        return eval(compile(ast.Expression(expression), f"cell {found[place][0]}", "eval"), space)
    except BaseException as error:
        raise LookupError("cannot be made", problem or _text(error)) from error


# --------------------------------------------------------------------------- calling it


def _text(error):
    try:
        return f"{type(error).__name__}: {error}"[:LONGEST]
    except BaseException:  # its own __str__ raises
        return type(error).__name__[:LONGEST]


def outcome(function, probe):
    """What one call does, as plain data."""
    given = copy.deepcopy(probe)
    try:
        value = function(*given)
        changed = [not np.array_equal(*pair) for pair in zip(given, probe, strict=True)]
        return {"returned": encode(value), "changed": changed}
    except BaseException as error:
        frames = [one for one in traceback.extract_tb(error.__traceback__) if one.filename.startswith("cell ")]
        line = [frames[-1].lineno, str(frames[-1].line)[:LONGEST]] if frames else None
        return {"raised": type(error).__name__[:40], "text": _text(error).partition(": ")[2], "line": line}


class _Modules(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """The course's modules that an answer may use, from their text; and `exercises` that do nothing."""

    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, path=None, target=None):
        if name in self.sources:
            return importlib.util.spec_from_loader(name, self, is_package=name == "cnnlessons")
        if name.startswith("cnnlessons."):
            raise ModuleNotFoundError(f"{name} is not there while answers are graded", name=name)

    def exec_module(self, module):
        exec(compile(self.sources[module.__name__], module.__name__, "exec"), vars(module))


def _limit(seconds, memory):
    """Take from this process what no answer needs; where the system has no such limits, nothing."""
    with contextlib.suppress(ImportError):
        import resource

        limits = {"AS": memory, "CPU": seconds, "FSIZE": 4 * 10**6, "NOFILE": 64, "NPROC": 0, "CORE": 0}
        for name, most in limits.items():
            with contextlib.suppress(AttributeError, ValueError, OSError):
                resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (most, most))


class _Nowhere(io.TextIOBase):
    def write(self, text):
        return len(text)


def _channel(nonce):
    """A function that sends a line; whatever else is printed goes nowhere."""
    number = 1
    with contextlib.suppress(AttributeError, OSError):  # WebAssembly has no `dup`
        number = os.dup(1)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
    sys.stdout = sys.stderr = _Nowhere()

    def send(message):
        line = f"\n{nonce} {json.dumps(message)}\n".encode()
        while line:
            line = line[os.write(number, line) :]

    return send


def main():
    task = json.load(sys.stdin)
    send = _channel(task.pop("nonce"))
    sys.meta_path.insert(0, _Modules(task["modules"]))
    _limit(task["seconds"], task["memory"])
    try:
        answer = made(task["name"], task["stub"], task["cells"])
    except LookupError as reason:
        return send({"without": reason.args[0], "text": str(reason.args[1])[:LONGEST]})
    if task["probes"] is None:
        return send({"returned": encode(answer)})
    if not callable(answer):
        return send({"without": "not a function", "text": type(answer).__name__[:40]})
    send({"made": True})
    if sys.platform == "wasi":  # where what is sent is read only at the end
        from host import tools

        tools.made()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default", RuntimeWarning)
        for number, probe in enumerate(task["probes"]):
            send({"number": number, **outcome(answer, [decode(each) for each in probe])})
    send({"warned": [str(one.message)[:LONGEST] for one in caught if issubclass(one.category, RuntimeWarning)][:1]})


if __name__ == "__main__":
    main()
