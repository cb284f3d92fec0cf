"""One module a family: Flow, Gan, Diffusion."""

from retouch.benchmark.generators.base import Generator


def family(name: str) -> type[Generator]:
    """The class of a family; imports diffusers only for diffusion."""
    if name == "flow":
        from retouch.benchmark.generators.flow import Flow as found
    elif name == "gan":
        from retouch.benchmark.generators.gan import Gan as found
    elif name == "diffusion":
        from retouch.benchmark.generators.diffusion import Diffusion as found
    else:
        raise ValueError(f"no family {name!r}; there are flow, gan and diffusion")
    return found
