#!/usr/bin/env python3
"""Start a JupyterHub on this machine, let users run lessons in it at once, and print what that takes.

    /opt/tljh/user/bin/python hosting/measure.py --users 10 01 07

That Python must have JupyterHub and the course, and configurable-http-proxy must be installed (npm). The hub is only
for the measuring: it listens on 127.0.0.1, keeps its files in a temporary folder, and ends with the script. Each user
has a server and, for each lesson, a kernel of their own, and runs all cells from top to bottom; first one user alone,
then all.

Memory is PSS: a page that several processes share counts in each for its share, so that the users' numbers add up to
what the machine gives. It is read once a second. A kernel's largest RSS, which counts shared pages whole, is the
system's own record. Processor time is that of the kernel. Outputs are compared cell by cell, texts and pictures.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import hashlib
import json
import os
import secrets
import shutil
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat
import psutil
import requests
import websocket
from jupyter_server.services.kernels.connection.base import deserialize_binary_message

from cnnlessons import notebooks

COURSE = notebooks.COURSE
SETTINGS = """
c = get_config()
load_subconfig({snippet!r})
c.JupyterHub.bind_url = "http://127.0.0.1:{ports[0]}"
c.JupyterHub.hub_port = {ports[1]}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{ports[2]}"
c.ConfigurableHTTPProxy.command = [{proxy!r}]
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.spawner_class = "simple"
c.SimpleLocalProcessSpawner.home_dir_template = "{folder}/{{username}}"
c.Spawner.cmd = [{python!r}, "-m", "jupyterhub.singleuser", "--allow-root"]
c.Spawner.start_timeout = c.Spawner.http_timeout = 300
c.Spawner.mem_limit = {memory!r} or c.Spawner.mem_limit
c.JupyterHub.services = [{{"name": "measure", "api_token": {token!r}}}]
c.JupyterHub.load_roles = [
    {{"name": "measure", "services": ["measure"], "scopes": ["admin:users", "admin:servers", "access:servers"]}}
]
"""


class Hub:
    """A JupyterHub that runs while the `with` block does."""

    def __init__(self, memory):
        self.folder, self.memory, self.token = Path(tempfile.mkdtemp()), memory, secrets.token_hex(16)
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"token {self.token}"

    def __enter__(self):
        with contextlib.ExitStack() as stack:  # all are asked for before one is given back, so they differ
            sockets = [stack.enter_context(socket.socket()) for _ in range(3)]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            ports = [each.getsockname()[1] for each in sockets]
        self.url = f"http://127.0.0.1:{ports[0]}"
        settings = SETTINGS.format(
            ports=ports,
            folder=self.folder,
            memory=self.memory,
            token=self.token,
            python=sys.executable,
            proxy=shutil.which("configurable-http-proxy") or sys.exit("configurable-http-proxy is not on PATH"),
            snippet=str(COURSE / "hosting" / "jupyterhub_config.py"),
        )
        (self.folder / "settings.py").write_text(settings)
        with (self.folder / "log").open("w") as log:
            self.process = psutil.Popen(
                [sys.executable, "-m", "jupyterhub", "-f", "settings.py"],
                cwd=self.folder,
                env={name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
                stdout=log,
                stderr=log,
            )
        return self

    def __exit__(self, *_):
        """End the hub, which ends its servers and its proxy."""
        self.process.terminate()
        with contextlib.suppress(psutil.TimeoutExpired):
            self.process.wait(60)
        left = [p for p in psutil.process_iter(["cwd"]) if str(p.info["cwd"]).startswith(str(self.folder))]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def ask(self, method, address, **content):
        with contextlib.suppress(requests.ConnectionError):
            return self.session.request(method, self.url + address, json=content or None, timeout=300)
        if not self.process.is_running():
            sys.exit(f"The hub has ended. Its last lines:\n{(self.folder / 'log').read_text()[-2000:]}")
        nothing = requests.Response()
        nothing.status_code = 503
        return nothing

    def start(self, user):
        """Start a user's server, with a copy of the lessons in their home."""
        shutil.copytree(COURSE / "notebooks", self.folder / user / "notebooks")
        self.ask("post", f"/hub/api/users/{user}")
        self.ask("post", f"/hub/api/users/{user}/server")
        wait(lambda: self.ask("get", f"/hub/api/users/{user}").json()["servers"].get("", {}).get("ready"), user)

    def processes(self):
        """Yield each process of a user's, and the user."""
        for process in self.process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                if user := process.environ().get("JUPYTERHUB_USER"):
                    yield user, process


def wait(condition, what, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            sys.exit(f"{what} did not start within {seconds} seconds")
        time.sleep(0.5)


def pss(process):
    """Return a process's memory in bytes, of which shared pages count in part."""
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("Pss:")).split()[1])
    return 0


class Watch(threading.Thread):
    """Read every second how much memory each user has, server and kernels."""

    def __init__(self, hub, spare):
        super().__init__(daemon=True)
        self.hub, self.spare = hub, spare
        self.now, self.most, self.together = {}, collections.Counter(), 0
        self.start()

    def run(self):
        while self.hub.process.is_running():
            now = collections.Counter()
            for user, process in self.hub.processes():
                now[user] += pss(process)
            self.now, self.most = now, self.most | now  # of each user the larger one
            self.together = max(self.together, now.total())
            if psutil.virtual_memory().available < self.spare:
                print("The machine's memory is nearly used up: stopped.", flush=True)
                self.hub.process.terminate()
            time.sleep(1)

    def afresh(self):
        self.most, self.together = collections.Counter(), 0


def run(hub, user, lesson):
    """Run a lesson's cells in a new kernel of a user's, and return what it took and a digest of each cell's output."""
    cells = [cell for cell in nbformat.read(notebooks.lesson(lesson), as_version=4).cells if cell.cell_type == "code"]
    kernel = hub.ask("post", f"/user/{user}/api/kernels", path="notebooks").json()["id"]
    address = f"{hub.url.replace('http', 'ws')}/user/{user}/api/kernels/{kernel}/channels"
    channel = websocket.create_connection(address, header=[f"Authorization: token {hub.token}"], timeout=1800)
    execute(channel, "import ipykernel, os; print(os.getpid())")  # waits until the kernel is there
    process = psutil.Process(int(execute(channel, "print(os.getpid())")[0].text))
    began, digests, failed = time.monotonic(), [], 0
    for cell in cells:
        outputs = execute(channel, cell.source)
        failed += any(output.output_type == "error" for output in outputs)
        digests.append(None if "nbval-ignore-output" in cell.metadata.get("tags", []) else digest(outputs))
    wall, times = time.monotonic() - began, process.cpu_times()
    status = dict(line.split(":", 1) for line in Path(f"/proc/{process.pid}/status").read_text().splitlines())
    return {
        "wall": wall,
        "cpu": times.user + times.system + times.children_user + times.children_system,
        "rss": 1024 * int(status["VmHWM"].split()[0]),
        "failed": failed,
        "digests": digests,
        "kernel": kernel,
    }


def execute(channel, code):
    """Execute code in the kernel at the other end, and return its outputs."""
    header = {"msg_id": secrets.token_hex(8), "msg_type": "execute_request", "version": "5.3"}
    content = {"code": code, "silent": False, "allow_stdin": False, "stop_on_error": False}
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
    channel.send(json.dumps(message))
    outputs, waits_for = [], {"execute_reply", "idle"}
    while waits_for:
        message = channel.recv()
        message = json.loads(message) if isinstance(message, str) else deserialize_binary_message(message)
        if message["parent_header"].get("msg_id") != header["msg_id"]:
            continue
        kind = message["header"]["msg_type"]
        waits_for -= {kind, message["content"].get("execution_state")}
        if kind in ("stream", "display_data", "execute_result", "error"):
            outputs.append(nbformat.v4.output_from_msg(message))
    return outputs


def digest(outputs):
    """Return a number for what a reader sees; a text may arrive in several pieces, and panels have names by chance."""
    seen = "".join(output.text for output in outputs if output.output_type == "stream")
    for output in outputs:
        data = output.get("data", {})
        if output.output_type != "stream" and "application/vnd.jupyter.widget-view+json" not in data:
            seen += json.dumps(data, sort_keys=True) + output.get("ename", "")
    return hashlib.sha256(seen.encode()).hexdigest()


def measure(hub, watch, users, lesson):
    """Let users run a lesson at once, print a line for each, and return the digests of the outputs."""
    watch.afresh()
    with concurrent.futures.ThreadPoolExecutor(len(users)) as pool:
        results = dict(zip(users, pool.map(lambda user: run(hub, user, lesson), users), strict=True))
    time.sleep(3)  # the kernels are at rest
    most, at_rest = dict(watch.most), dict(watch.now)  # before the first kernel ends, and the others' shares grow
    for user, found in results.items():
        hub.ask("delete", f"/user/{user}/api/kernels/{found['kernel']}")
        print(
            f"| {lesson} | {len(users)} | {user} | {most[user] / 1e9:.2f} | {found['rss'] / 1e9:.2f} "
            f"| {at_rest[user] / 1e9:.2f} | {found['cpu']:.0f} | {found['wall']:.0f} | {found['failed']} |",
            flush=True,
        )
    middle = {key: statistics.median(found[key] for found in results.values()) for key in ("cpu", "wall")}
    print(
        f"| {lesson} | {len(users)} | together | {watch.together / 1e9:.2f} | | {sum(at_rest.values()) / 1e9:.2f} "
        f"| median {middle['cpu']:.0f} | median {middle['wall']:.0f} | {sum(r['failed'] for r in results.values())} |",
        flush=True,
    )
    return [found["digests"] for found in results.values()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="+", metavar="NN")
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--memory", help="limit that each server is told of, such as 1G; it is not enforced")
    parser.add_argument("--spare", type=float, default=1.5, help="GB of memory below which all is stopped (1.5)")
    options = parser.parse_args()
    users = [f"user{number:02}" for number in range(1, options.users + 1)]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that the hub is ended, too
    with Hub(options.memory) as hub:
        watch = Watch(hub, options.spare * 1e9)
        wait(lambda: hub.ask("get", "/hub/api/").ok, "the hub")
        for user in users:
            hub.start(user)
        time.sleep(3)
        print(f"A server without a kernel: {statistics.median(watch.now.values()) / 1e9:.2f} GB.")
        own = [hub.process, *(p for p in hub.process.children() if "JUPYTERHUB_USER" not in p.environ())]
        print(f"The hub and its proxy: {sum(map(pss, own)) / 1e9:.2f} GB.\n")
        print("| lesson | users | user | peak, GB | kernel's RSS | at rest | processor s | wall s | failed |")
        print("|---|---|---|---|---|---|---|---|---|")
        for lesson in options.lessons:
            digests = measure(hub, watch, users[:1], lesson)
            if len(users) > 1:
                digests += measure(hub, watch, users, lesson)
            differ = [number for number, column in enumerate(zip(*digests, strict=True)) if len(set(column)) > 1]
            print(f"Lesson {lesson}: {len(digests[0])} cells, of which {differ or 'none'} differ between users.\n")


if __name__ == "__main__":
    main()
