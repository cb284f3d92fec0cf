"""Read by `make types` alone: the package's own classes fulfil the contract, and the contract's types are usable."""

from retouch.benchmark import spec
from retouch.benchmark.budget import Budget
from retouch.benchmark.generators.diffusion import Diffusion
from retouch.benchmark.generators.flow import Flow
from retouch.benchmark.generators.gan import Gan
from retouch.benchmark.judges import Judge
from retouch.benchmark.task import Guide, Task
from retouch.methods import boundaries, finetune_retain, guidance, rejection, self_conditioned_gan, taming_flows


def generators(flow: Flow, gan: Gan, diffusion: Diffusion) -> tuple[spec.Flow, spec.Gan, spec.Diffusion]:
    return flow, gan, diffusion


def whatever_samples(a: rejection.Filter, b: guidance.GuidanceSampler) -> tuple[spec.Sampler, spec.Sampler]:
    return a, b


def editors(editor: boundaries.Editor) -> spec.Editor:
    return editor


def what_a_method_is_given(task: Task, guide: Guide, budget: Budget) -> tuple[spec.Task, spec.Guide, spec.Budget]:
    return task, guide, budget


def judges(judge: Judge) -> spec.Judge:
    return judge


METHODS: tuple[spec.Method, ...] = (
    finetune_retain.edit, rejection.edit, self_conditioned_gan.edit, taming_flows.edit,
)  # fmt: skip
