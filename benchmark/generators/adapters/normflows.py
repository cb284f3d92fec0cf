"""Flows of normflows (Stimper et al., 2302.12014): `flow` makes a NormalizingFlow on rows with a DiagGaussian base."""

from torch import Tensor

from retouch.benchmark.generators.adapters.flow import FlowAdapter, LibraryFlow


class NormflowsFlow(LibraryFlow):
    """normflows' flow: its forward goes from codes to rows."""

    def transform(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Codes, standardised, and log-likelihoods."""
        base = self.flow.q0
        z, log_det = self.flow.inverse_and_log_det(y)
        return (z - base.loc) / base.log_scale.exp(), base.log_prob(z) + log_det

    def rows(self, z: Tensor) -> Tensor:
        """Rows of codes."""
        return self.flow(z * self.flow.q0.log_scale.exp() + self.flow.q0.loc)


class Adapter(FlowAdapter):
    """A flow of normflows."""

    network = NormflowsFlow
