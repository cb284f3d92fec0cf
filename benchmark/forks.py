"""The fork server that workers come from: torch and diffusers are imported once, not in every run."""

import multiprocessing
from multiprocessing import forkserver

CONTEXT = multiprocessing.get_context("forkserver")
CONTEXT.set_forkserver_preload(["benchmark.worker"])


def start() -> None:
    """Start it now, so that its imports run beside the coordinator's own."""
    forkserver.ensure_running()
