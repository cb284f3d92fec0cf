"""What each metric means, in plain words: the one source for docs/metrics.md and for the leaderboard.

`python -m metrics.meaning > docs/metrics.md` writes the page; a test sees to it that page and source agree.
"""
from typing import NamedTuple


class Meaning(NamedTuple):
    """A metric in plain words."""

    title: str
    text: str  # what it means
    direction: str  # "up", "down", or "towards ..."
    range: str
    distrust: str  # when not to trust it
    source: str


MEANING: dict[str, Meaning] = {
    "fd": Meaning(
        "Fréchet distance (FD)",
        "How far the generated images' features are from the real ones', if both clouds were bell-shaped: the "
        "distance of "
        "their centres and of their spreads. The value shown is freed of its sample-size bias; `plain` is the number "
        "that "
        "papers quote.",
        "down", "from 0 (freed of bias it may dip just below), in squared units of the features",
        "Plain values at different sample sizes cannot be compared. It sees means and covariances only, and only what "
        "the "
        "feature network sees: a method that trains on that network can lower it without better images.",
        "Heusel et al. 2017; Dowson and Landau 1982"),
    "kd": Meaning(
        "Kernel distance (KD, KID)",
        "How easily a smooth test tells generated from real features. Unbiased at every sample size, so it is the one "
        "to read "
        "when there are few images.",
        "down", "around 0 for equal distributions, slightly negative by chance",
        "Its size has no natural unit: compare it within one feature space only. The \"std\" that libraries print is "
        "not the "
        "error of the estimate; the interval here is.",
        "Bińkowski et al. 2018"),
    "precision": Meaning(
        "Precision",
        "Share of generated images that lie close to some real image: are they plausible?",
        "up", "0 to 1",
        "A perfect generator does not reach 1; the value for two samples of real images stands beside it. It depends "
        "on k, on "
        "the sample size and on outliers among the real images, and a generator of copies scores high.",
        "Kynkäänniemi et al. 2019"),
    "recall": Meaning(
        "Recall",
        "Share of real images that lie close to some generated image: is everything still there?",
        "up", "0 to 1",
        "A perfect generator does not reach 1. Noisy images have large neighbourhoods, which can raise it.",
        "Kynkäänniemi et al. 2019"),
    "density": Meaning(
        "Density",
        "How many real neighbourhoods a generated image lies in, on a scale where a perfect generator has 1.",
        "towards 1; up while below it", "from 0, not bounded by 1",
        "Above 1 it means crowding where real images are dense, not better images.",
        "Naeem et al. 2020"),
    "coverage": Meaning(
        "Coverage",
        "Share of real images whose neighbourhood holds at least one generated image.",
        "up", "0 to 1; about 0.97 for a perfect generator with k = 5",
        "With many more generated than real images it goes to 1 for any generator.",
        "Naeem et al. 2020"),
    "vendi": Meaning(
        "Vendi score",
        "How many entirely different images the set amounts to. Order 1; order 0.5 gives rare kinds more weight, 2 "
        "and infinity "
        "the common ones.",
        "up", "1 to the number of images or of features, whichever is smaller",
        "It grows with the sample size: compare equal numbers only. Noise and broken images raise it as well, so read "
        "it beside "
        "precision, and in a second feature space.",
        "Friedman and Dieng 2023; Pasarkar and Dieng 2024"),
    "weighted_fd": Meaning(
        "Weighted Fréchet distance",
        "Fréchet distance to a reference whose images count by given weights, such as those that make it most diverse.",
        "down", "from 0", "It moves with the weights: compare under the same weights only.", "Berns et al. 2023"),
    "weighted_precision_recall": Meaning(
        "Weighted precision and recall",
        "Precision and recall against a reference whose images count by given weights.",
        "up", "0 to 1", "As precision and recall; few images may carry most of the weight. The weighting of the balls "
                        "is our own.",
        "after Berns et al. 2023 and Kynkäänniemi et al. 2019"),
    "share": Meaning(
        "Share",
        "Share of generated images with an attribute, as a judge sees them, corrected for the mistakes that the judge "
        "is known "
        "to make. The interval holds both the sampling and the doubt about the judge.",
        "towards the target", "0 to 1",
        "The correction assumes that the judge errs on generated images as on the held-out ones. Images that are "
        "neither one "
        "class nor the other break that.",
        "Rogan and Gladen 1978"),
    "invalidity": Meaning(
        "Invalidity", "Share of samples that still fall in the category that was to be redacted, corrected for the "
                      "judge's "
        "mistakes.", "down", "0 to 1", "As for shares. Zero among N images still allows about 4/N.", 
        "Kong and Chaudhuri 2023"),
    "identity_share": Meaning(
        "Identity share", "Share of samples that a recogniser takes for the person who was to be removed, corrected "
                          "for the "
        "recogniser's mistakes.", "down", "0 to 1",
        "Only as good as the recogniser's threshold; look-alikes are counted separately for this reason.",
        "defined by this suite"),
    "fairness_discrepancy": Meaning(
        "Fairness discrepancy",
        "Distance between the shares of the groups among generated images and the shares that were asked for, minus "
        "what mere "
        "chance would show.",
        "down", "0 to 1.41",
        "Below its noise floor nothing can be told apart: then draw more images. Some papers abbreviate it FD; here "
        "FD is the "
        "Fréchet distance.",
        "Choi et al. 2020; Parihar et al. 2024"),
    "kl_to_target": Meaning(
        "KL divergence to the target", "The same question as fairness discrepancy, in nats; it punishes missing "
                                       "groups harder.",
        "down", "from 0", "As fairness discrepancy; undefined when the target leaves a group out.",
        "Kullback and Leibler 1951"),
    "total_variation": Meaning(
        "Total variation of the mix", "Share of images that would have to change category to restore the mix of the "
                                      "categories "
        "that must stay, minus what chance would show.", "down", "0 to 1",
        "With many categories and few images the noise floor is high; both are shown.", "textbook definition"),
    "entropy": Meaning(
        "Entropy of the categories", "How evenly the images spread over the judge's categories, in nats.",
        "up", "0 to the logarithm of the number of categories",
        "It says nothing of variety within a category.", "Shannon 1948; bias: Miller 1955"),
    "quantile_drop": Meaning(
        "Quantile drop", "By how much an image has become less typical in the eyes of a flow, on a scale from 0 to 1.",
        "up on what is to be forgotten, towards 0 on everything else", "-1 to 1",
        "A low likelihood need not mean that the flow has stopped to draw such images: read it beside the share of "
        "samples.",
        "Malnick, Avidan and Fried 2024"),
    "identity_curve": Meaning(
        "Identity curve", "How similar a face stays to itself as an attribute is moved further and further.",
        "up in every bin", "-1 to 1 (cosine)",
        "A bin with few images says little, and a method that hardly moves the attribute fills only the first bins.",
        "Liu et al. 2022"),
    "iqm": Meaning(
        "Mean and interquartile mean", "A method's score over instances and seeds; the interquartile mean leaves out "
                                       "the best and "
        "the worst quarter. Methods whose paired difference may be 0 share a rank, and none stands above one with a "
        "higher mean.",
        "up", "that of the score",
        "The interval speaks of other seeds on the same instances, not of other instances.", "Agarwal et al. 2021"),
}


def page() -> str:
    """The text of docs/metrics.md."""
    head = ("# What the metrics mean\n\nWritten by `python -m metrics.meaning`; the leaderboard shows the same texts. "
            "Every value comes with a 95% interval.\n")
    parts = [f"\n## {m.title}\n\n`{name}`. {m.text}\n\n- Better: {m.direction}. Range: {m.range}.\n"
             f"- When not to trust it: {m.distrust}\n- Source: {m.source}.\n" for name, m in MEANING.items()]
    return head + "".join(parts)


if __name__ == "__main__":
    print(page(), end="")
