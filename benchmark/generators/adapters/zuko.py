"""Flows of zuko (Rozet et al.): `flow` makes one of features = C H W with a standard normal base."""

from torch import Tensor

from retouch.benchmark.generators.adapters.flow import FlowAdapter, LibraryFlow


class ZukoFlow(LibraryFlow):
    """zuko's flow: its transform goes from rows to codes."""

    def transform(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Codes and log-likelihoods."""
        flow = self.flow()
        z, log_det = flow.transform.call_and_ladj(y)
        return z, flow.base.log_prob(z) + log_det

    def rows(self, z: Tensor) -> Tensor:
        """Rows of codes."""
        return self.flow().transform.inv(z)


class Adapter(FlowAdapter):
    """A flow of zuko."""

    network = ZukoFlow
