"""How fast the board is: `python -m retouch.leaderboard.tools.load_times [SUBMISSIONS]`, 1,000 and 100,000 records.

The records are real ones, copied under other names and tracks with perturbed numbers. A real Chromium opens the
address; the times run from opening it to the first row of the table, which the server draws, and to the controls, which
Streamlit draws; from opening deep addresses to what they show; and, on each page with filters, from a click on a family
to the changed page, beside the seconds of the processor that the server took for it.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from retouch.benchmark.records import harmonic
from retouch.leaderboard.read import load
from retouch.leaderboard.serve import launch

TRACKS = 8
BROWSER = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ROW = ".cohort tbody td.n"
LINKS = {  # deep addresses -> what is waited for
    "?task=category_redaction&family=gan": ROW,
    "method?name=retrained": ROW,
    "tradeoffs?task=category_redaction": "path.point",
    "wall?instance=category_redaction/digits-gan": ".wall, .empty",
}


def perturbed(record: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """The record with its numbers moved by a few percent, still one that is valid."""
    copy = dict(record)
    for name in ("goal", "quality"):
        if record.get(name):
            value = float(np.clip(record[name]["value"] + rng.normal(0, 0.03), 0, 1))
            copy[name] = {"value": value, "low": max(0.0, value - 0.02), "high": min(1.0, value + 0.02)}
    if copy.get("goal") and copy.get("quality"):
        copy["score"] = harmonic(copy["goal"]["value"], copy["quality"]["value"])
    scale = float(rng.normal(1, 0.03))
    copy["metrics"] = {name: {**m, "value": m["value"] * scale, **dict(zip(("low", "high"), sorted(
        (m["low"] * scale, m["high"] * scale)), strict=True))} for name, m in record["metrics"].items()}  # fmt: skip
    return copy


def copies(source: Path, target: Path, count: int) -> int:
    """Write `count` records below `target`, every submission of `source` again and again; returns how many."""
    rng, done, turn = np.random.default_rng(0), 0, 0
    originals = list(_originals(source))
    if not originals:
        raise SystemExit(f"{source} holds no valid record to copy; run some, or name another folder")
    while done < count:
        track, tag = f"bench-{turn % TRACKS}", f"-{turn // TRACKS:03d}"
        for record in originals[: count - done]:
            name = record["submission"] + ("" if record["submission"] in ("unchanged", "retrained") else tag)
            if name != record["submission"] + tag and turn >= TRACKS:
                continue  # each control once a track
            folder = target / name
            if not folder.exists():
                folder.mkdir(parents=True)
                manifest = source / record["submission"] / "submission.toml"
                if manifest.is_file():
                    shutil.copy(manifest, folder)
            made = perturbed({**record, "submission": name, "track": track}, rng)
            file = folder / "records" / track / record["instance"] / f"{record['point']}.{record['seed']}.json"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(made))
            done += 1
        turn += 1
    return done


def _originals(source: Path) -> Iterator[dict[str, Any]]:
    records = load.read_folder(source)
    for name in sorted(records.stamps):
        if name not in records.rejected:
            yield json.loads((records.root / name).read_text(encoding="utf-8"))


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, server: "subprocess.Popen[bytes]", seconds: float = 900) -> None:
    """Until the server answers; an error where it ended instead."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if server.poll() is not None:
            raise RuntimeError(f"the server ended with status {server.returncode}")
        try:
            with urllib.request.urlopen(f"http://localhost:{port}/_stcore/health", timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"the server did not answer within {seconds:.0f} s")


FILTERED = ("", "tradeoffs", "task", "chooser")  # pages with a choice of families


def browse(port: int, server: psutil.Process) -> dict[str, float]:
    """Seconds of a visitor, see the head of this module."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER)
        seconds: dict[str, list[float]] = {"first table": [], "controls": []}
        for _ in range(3):
            start = time.perf_counter()
            page, first = _open(browser, port)
            page.wait_for_selector("#rt-first", state="detached", timeout=60_000)
            seconds["first table"].append(first)
            seconds["controls"].append(time.perf_counter() - start)
            page.context.close()
        links = {}
        for address, row in LINKS.items():
            page, links[f"link to {address.partition('?')[0] or 'a task'}"] = _open(browser, port, address, row)
            page.context.close()
        for address in FILTERED:
            links |= _filter(browser, port, server, address)
        browser.close()
    print("   each visit:", {name: [round(v, 2) for v in values] for name, values in seconds.items()})
    return {
        "first table": seconds["first table"][0],
        "controls": seconds["controls"][0],
        "next tables": min(seconds["first table"]),
        "next controls": min(seconds["controls"]),
        **links,
    }


def _filter(browser: Any, port: int, server: psutil.Process, address: str) -> dict[str, float]:
    """Seconds from a click on a family to the changed page, and of the processor that the server took."""
    page, _ = _open(browser, port, address, '[data-testid="stButtonGroup"] button')
    page.wait_for_timeout(3000)
    before = busy(server)
    seconds = page.evaluate(CLICK)
    page.wait_for_timeout(1000)
    after = busy(server)
    page.context.close()
    name = f"filter on {address or 'overview'}"
    return {name: seconds, f"{name}, processor": after - before}


def busy(server: psutil.Process) -> float:
    """Seconds of the processor that a process has taken."""
    return sum(server.cpu_times()[:2])


CLICK = """() => new Promise((done, fail) => {
  const parts = "#root :is(.rt, .js-plotly-plot)";
  const shown = () => [...document.querySelectorAll(parts)].map((e) => e.textContent).join();
  const before = shown(), start = performance.now();
  const pill = [...document.querySelectorAll('[data-testid="stButtonGroup"] button')].find((b) =>
    ["GANs", "Diffusion"].includes(b.textContent.trim()) && b.getAttribute("aria-checked") !== "true");
  pill.click();
  const timer = setInterval(() => {
    if (shown() !== before) {
      clearInterval(timer); done((performance.now() - start) / 1000);
    } else if (performance.now() - start > 60000) { clearInterval(timer); fail("the page did not change"); }
  }, 5);
})"""


def measure(source: Path, count: int) -> dict[str, float]:
    """Build, serve and browse a board with `count` records."""
    with tempfile.TemporaryDirectory(prefix="retouch-bench-") as name:
        folder, cache = Path(name) / "submissions", Path(name) / "cache"
        written = copies(source, folder, count)
        port = free_port()
        environment = {**os.environ, "RETOUCH_CACHE": str(cache)}
        figures: dict[str, float] = {"records": written}
        for kind in ("index, first start", "index, next start"):
            start = time.perf_counter()
            server = subprocess.Popen(
                launch.command(folder, port, headless=True), env=environment, stdout=subprocess.DEVNULL
            )
            try:
                wait_for(port, server, seconds=3600)
                figures[kind] = time.perf_counter() - start
                figures[f"{kind}, processor"] = busy(psutil.Process(server.pid))
                if kind.endswith("next start"):
                    figures |= browse(port, psutil.Process(server.pid))
                    figures["memory MB"] = psutil.Process(server.pid).memory_info().rss / 1e6
            finally:
                server.terminate()
                server.wait()
        return figures


def floor() -> float:
    """Seconds until a page with a single cell shows: what Streamlit and this machine take for nothing at all."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="retouch-bench-") as name:
        app, port = Path(name) / "app.py", free_port()
        app.write_text(
            'import streamlit\nstreamlit.html("<table class=cohort><tbody><tr><td '
            'class=n>1</td></tr></tbody></table>")\n'
        )
        command = [sys.executable, "-m", "streamlit", "run", str(app), *launch.flags(port, True)]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            wait_for(port, server)
            with sync_playwright() as play:
                browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=BROWSER)
                return min(_open(browser, port)[1] for _ in range(3))
        finally:
            server.terminate()
            server.wait()


def _open(browser: Any, port: int, address: str = "", row: str = ROW) -> tuple[Any, float]:
    page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    start = time.perf_counter()
    page.goto(f"http://localhost:{port}/{address}", wait_until="commit")
    page.wait_for_selector(row, timeout=60_000)
    return page, time.perf_counter() - start


def main() -> None:
    """Print what was measured, beside what is aimed at."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("submissions", nargs="?", type=Path, default=Path("submissions"))
    parser.add_argument("--records", type=int, nargs="*", default=[1000, 100_000])
    args = parser.parse_args()
    load_now = psutil.getloadavg()[0] / (psutil.cpu_count() or 1)
    print(f"an empty Streamlit page: {floor():.2f} s; load of this machine: {load_now:.1f} a core")
    for count in args.records:
        figures = measure(args.submissions, count)
        aims = {"first table": 1.0 if count <= 1000 else 3.0, "memory MB": 1000.0}
        aims |= {name: 0.3 for name in figures if name.startswith("filter") and "processor" in name}
        print(f"{figures['records']:,.0f} records")
        for name, value in list(figures.items())[1:]:
            aim = f"   (at most {aims[name]:g})" if name in aims else ""
            print(f"   {name:32} {value:8.2f}{aim}")


if __name__ == "__main__":
    main()
