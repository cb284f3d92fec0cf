"""The five papers: what each publishes, on what data, and where the same question is asked here.

Numbers of a paper stand only where they were read in its own table or on its authors' page; of the others the claim
stands in words, and is tested as one (`leaderboard.rank.claims`).
"""

from dataclasses import dataclass

from retouch.benchmark.tasks.identity_removal import SETS

UNREAD = "No table of it could be read for this page, so that no number of it is quoted."
COMMON = {"goal": "goal", "quality": "quality", "share": "share of pre-training", "sampling_relative": "sampling"}
TITLES = ("forget ↑", "unseen ↑", "training ↓", "others ↓", "look-alikes ↓")
IDENTITY = {f"m:quantile_drop_{name}": title for name, title in zip(SETS, TITLES, strict=True)}


@dataclass(frozen=True)
class Paper:
    """A paper's section: what it says, and which instances, submissions and columns of ours stand beside it.

    Attributes:
        method: the claims' name of it; ours: its own submissions, whose tuning is told; data: the paper's, with sizes;
        numbers: what was read of its results; own_data: ours. columns: of the tables, with their headings.
    """

    method: str
    title: str
    reference: str
    claim: str
    data: str
    numbers: str
    own_data: str
    ours: tuple[str, ...]
    instances: tuple[str, ...]
    beside: tuple[str, ...]
    columns: dict[str, str]


def _on(task: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{task}/{name}" for name in names)


CONTROLS = ("unchanged", "retrained", "rejection")
PAPERS = (
    Paper(
        "taming_flows", "Taming Normalizing Flows", "Malnick, Avidan and Fried, WACV 2024, arXiv 2211.16488",
        "Likelihoods of a person's images fall, unseen ones too, and others' stay, for less than 1% of the training.",
        "Glow on CelebA, 128 × 128; 20 identities, 1 to 15 images of each; an additive flow on CIFAR-10.",
        "Quantile drops, below, from the authors' page. A taming step takes 4.73 s where a training step takes 1.93 s "
        "(released code). An attribute's share: 0.472 became 0.025.",
        "Flows of rendered faces, 16 × 16 and 24 × 24, and of digits, 8 × 8. Twenty people, on photographs: "
        "`python -m retouch.leaderboard.tools.forget_many faces` from records, `retouch.benchmark.tools.people` by "
        "likelihoods alone; requests one after another: `...sequential`; share against steps: `...course`.",
        ("taming_flows",), _on("category_redaction", "digits-flow") + _on("attribute_rebalancing", "faces-flow",
                                                                            "rendered-flow"),
        (*CONTROLS, "finetune_retain", "balanced_finetune", "forget_ascent", "selective_amnesia"),
        {"m:invalidity": "invalidity", "m:fairness_discrepancy": "fairness discrepancy", **COMMON},
    ),
    Paper(
        "data_redaction", "Data Redaction from Pre-trained GANs",
        "Kong and Chaudhuri, SaTML 2023, arXiv 2206.14389",
        "Redacts better than deletion baselines, at a fraction of the cost of retraining; some labels are harder.",
        "Real images, each label in turn; no code is released, and its settings were not checked.", UNREAD,
        "Digits, 8 × 8, three labels; people of rendered faces. Each label's difficulty: "
        "`python -m retouch.leaderboard.tools.label_difficulty tiny`; ten labels are on the track `small`.",
        ("data_redaction_data", "data_redaction_validity", "data_redaction_pixels", "data_redaction_classifier"),
        _on("category_redaction", "digits-gan", "digits-gan-1", "digits-gan-5", "rendered-gan-glasses-and-smile")
        + _on("identity_removal", "faces-gan", "rendered-gan"),
        (*CONTROLS, "finetune_retain", "feature_unlearning", "adapt_then_unlearn"),
        {"m:invalidity": "invalidity", "m:identity_share": "identity share", **COMMON},
    ),
    Paper(
        "self_conditioned_gan", "Self-Conditioned GANs for Image Editing",
        "Liu, Gal, Bermano, Chen and Cohen-Or, SIGGRAPH 2022, arXiv 2202.04040",
        "More of the identity is kept at equal change of the attribute, over a wider range, than by moving along the "
        "boundary in the base's latent space.",
        "StyleGAN2; identity in bins of attribute change, 1,000 to 2,000 latents (released code).",
        "Its results are curves; no number was read off them.",
        "GANs of rendered faces, 16 × 16 and 24 × 24; 500 latents and 50 inverted images, moved to four random values "
        "each. Reach: share of edits that change the judge's probability by half or more; identity: their mean cosine "
        "similarity to the unedited image.",
        ("self_conditioned_gan",),
        _on("attribute_rebalancing", "faces-gan", "faces-gan-pair", "rendered-gan", "rendered-gan-pair",
            "rendered-gan-triple"),
        (*CONTROLS, "balanced_finetune", "latent_shift", "boundary_walk", "conditional_walk", "pca_directions",
         "weight_factorisation"),
        {"m:edit_reach": "reach", "m:edited_identity": "identity", "m:real_identity": "identity, real images",
         "m:fairness_discrepancy": "fairness discrepancy", **COMMON},
    ),
    Paper(
        "distribution_guidance", "Balancing Act: Distribution-Guided Debiasing",
        "Parihar, Bhat, Basu, Mallick, Kundu and Babu, CVPR 2024, arXiv 2402.18206",
        "Brings the shares to the target, balanced or skewed, of one attribute or several, at little loss of quality.",
        "A diffusion model of CelebA-HQ and Stable Diffusion 1.5; batches of 100 (released code).",
        UNREAD, "Diffusion models of rendered faces, 16 × 16 and 24 × 24; glasses, smile, skin tone.",
        ("distribution_guidance",),
        _on("attribute_rebalancing", "faces-diffusion", "faces-diffusion-pair", "faces-diffusion-uneven",
            "rendered-diffusion", "rendered-diffusion-smile-20", "rendered-diffusion-skin-tone",
            "rendered-diffusion-pair", "rendered-diffusion-triple"),
        (*CONTROLS, "balanced_finetune", "sample_guidance", "universal_guidance"),
        {"m:fairness_discrepancy": "fairness discrepancy", "m:spillover": "spill-over",
         "m:downstream_worst": "downstream, worst class", **COMMON},
    ),
    Paper(
        "diversity_weights", "Towards Mode Balancing via Diversity Weights",
        "Berns, Colton and Guckelsberger, ICCC 2023, arXiv 2304.11961",
        "A higher Vendi score than uniform sampling, paid for in precision; no labels are needed.",
        "WGAN-GP from scratch on pairs of MNIST digits, 0-1, 3-8 and 4-9 (released code).", UNREAD,
        "Digits, 8 × 8, filled unevenly; `uniform` is the same training without the weights. Vendi scores are taken in "
        "an encoder that the weights never see.",
        ("diversity_weights", "diversity_weights_scratch", "diversity_weights_wgan_gp"),
        _on("output_diversity", "digits-gan", "digits-flow", "digits-diffusion"),
        (*CONTROLS, "inverse_frequency"),
        {"m:vendi": "Vendi score", "m:fd": "FD", "m:precision": "precision", "m:recall": "recall", **COMMON},
    ),
)  # fmt: skip
