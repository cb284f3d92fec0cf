"""What each number means, in plain words: the one source for docs/metrics.md and for the leaderboard.

`python -m retouch.metrics.meaning > docs/metrics.md` writes the page; a test sees to it that page and source agree.
"""

from typing import NamedTuple


class Meaning(NamedTuple):
    """A number in plain words."""

    title: str
    text: str  # what it means
    direction: str  # "up", "down", or "towards ..."
    range: str
    distrust: str  # when not to trust it
    source: str
    also: tuple[tuple[str, str], ...] = ()  # other names in records that this explains, each with its title


MEANING: dict[str, Meaning] = {
    "goal": Meaning(
        "Goal",
        "Was the change achieved? 0 is the unchanged base, 1 the request wholly met: (m - m_unchanged) / (m_ideal - "
        "m_unchanged), where m is the task's own metric: identity share, invalidity and fairness discrepancy, whose "
        "ideal is 0, or the Vendi score of plausible images, whose ideal is that of evenly filled held-out data. "
        "Nothing is cut. The interval is about this model: it holds the sampling of its images, the judges' measured "
        "errors, their disagreement on these very samples, and the errors of both anchors. Where training from scratch "
        "lands is a line on this scale; whether a method goes beyond it is a paired difference.",
        "up",
        "around 0 to 1; below 0 where matters got worse, above 1 where a method overshoots",
        "Read it beside quality: a destroyed generator has forgotten everything, and below the track's floor of "
        "quality there is no goal. A judge that is fooled is fooled here too: look at the share of unclear images.",
        "defined by this suite",
    ),
    "quality": Meaning(
        "Quality",
        "Are the images still good, and is everything else still there? Four ratios to the base on the images that "
        "ought to be there, joined by a power mean of order -4, which is near 0 as soon as one of them is: (FD_base + "
        "u) / (FD + u), and precision, recall and coverage over the base's. Measured in the space of a label-free "
        "encoder, in which the judge of the goal has no part, against held-out images as they should be; groups with a "
        "target are weighted to it. The unit u is 5% of the total variance of the held-out images' features. 1 is the "
        "base's own quality; the record names the part that binds, and quality in a second encoder's space.",
        "up",
        "from 0; 1 is the base's own, and above 1 is better than the base",
        "A base that is itself poor forgives more: `retouch tasks` shows its place between noise and real images. "
        "Where the two encoders disagree, neither is to be believed alone.",
        "defined by this suite",
    ),
    "score": Meaning(
        "Score",
        "Harmonic mean of goal and quality, each cut to 0 and 1, 2gq / (g + q); 0 where either is 0. Ranks go by it.",
        "up",
        "0 to 1",
        "Never to be read without its two parts: a timid edit and a destructive one may have the same score.",
        "defined by this suite",
    ),
    "cost.share": Meaning(
        "Cost",
        "Floating-point operations from the method's import to the end of its edit, as a share of those of the base's "
        "own pre-training. Training that was done before the run and that the edit brings along is charged.",
        "down",
        "from 0; 1 is the whole pre-training",
        "Counted are convolutions, linear layers, matrix products and attention, and their gradients: the same number "
        "on every machine. Work outside torch is not in it.",
        "defined by this suite",
    ),
    "cost.sampling_cost": Meaning(
        "Sampling cost",
        "Floating-point operations of one image of the edited generator over those of one of the base's. An edit that "
        "works while it samples, as guidance and rejection do, pays here.",
        "down",
        "from 0; 1 is the base's own cost",
        "Counted like the cost of the edit: the same number on every machine.",
        "defined by this suite",
    ),
    "cost.sampling_relative": Meaning(
        "Sampling speed",
        "Images per second of the edited generator over those of the base, in the same run. An edit that works while "
        "it samples, as guidance and rejection do, pays here.",
        "up",
        "from 0; 1 is the base's own speed",
        "Noisy by some tenths on a shared machine: a little above 1 means equal.",
        "defined by this suite",
    ),
    "fd": Meaning(
        "Fréchet distance (FD)",
        "How far the generated images' features are from the real ones', if both clouds were bell-shaped: the "
        "distance of their centres and of their spreads. The value shown is freed of its sample-size bias; `plain` is "
        "the number that papers quote. In attribute rebalancing and output diversity the groups of both sides are "
        "weighted to the mix that was asked for. `second_fd` is the same in the second encoder's space.",
        "down",
        "from 0 (freed of bias it may dip just below), in squared units of the features",
        "Plain values at different sample sizes cannot be compared. It sees means and covariances only, and only what "
        "the feature network sees: a method that trains on that network can lower it without better images.",
        "Heusel et al. 2017; Dowson and Landau 1982; Holt and Smith 1979",
        (("second_fd", "Fréchet distance, second encoder"),),
    ),
    "worst_group_fd": Meaning(
        "Worst group's Fréchet distance",
        "The Fréchet distance of that group of the target attribute which fares worst, each group to the held-out "
        "images of the same group.",
        "down",
        "as the Fréchet distance",
        "The largest of several estimates is too large by chance. The judge sorts the groups, and where one has fewer "
        "images than the features are wide there is no value.",
        "defined by this suite",
    ),
    "kd": Meaning(
        "Kernel distance (KD, KID)",
        "How easily a smooth test tells generated from real features. Unbiased at every sample size, so it is the one "
        "to read when there are few images.",
        "down",
        "around 0 for equal distributions, slightly negative by chance",
        'Its size has no natural unit: compare it within one feature space only. The "std" that libraries print is '
        "not the error of the estimate; the interval here is.",
        "Bińkowski et al. 2018",
    ),
    "precision": Meaning(
        "Precision",
        "Share of generated images that lie close to some real image: are they plausible?",
        "up",
        "0 to 1",
        "A perfect generator does not reach 1; the value for two samples of real images stands beside it. It depends "
        "on k, on the sample size and on outliers among the real images, and a generator of copies scores high.",
        "Kynkäänniemi et al. 2019",
        (("second_precision", "Precision, second encoder"),),
    ),
    "recall": Meaning(
        "Recall",
        "Share of real images that lie close to some generated image: is everything still there?",
        "up",
        "0 to 1",
        "A perfect generator does not reach 1. Noisy images have large neighbourhoods, which can raise it.",
        "Kynkäänniemi et al. 2019",
        (("second_recall", "Recall, second encoder"),),
    ),
    "density": Meaning(
        "Density",
        "How many real neighbourhoods a generated image lies in, on a scale where a perfect generator has 1.",
        "towards 1; up while below it",
        "from 0, not bounded by 1",
        "Above 1 it means crowding where real images are dense, not better images.",
        "Naeem et al. 2020",
    ),
    "coverage": Meaning(
        "Coverage",
        "Share of real images whose neighbourhood holds at least one generated image.",
        "up",
        "0 to 1; about 0.97 for a perfect generator with k = 5",
        "With many more generated than real images it goes to 1 for any generator.",
        "Naeem et al. 2020",
        (("second_coverage", "Coverage, second encoder"),),
    ),
    "copied": Meaning(
        "Copied",
        "Share of samples nearer to a training image than 98% of held-out images are, minus the share of the base's "
        "samples that are: 0 for a generator that copies as little as its base, near 1 for replayed training images. "
        "Distance: root mean square difference of the pixels, or of an encoder's features.",
        "towards 0",
        "-1 to 1",
        "Pixels show replayed, noisy and slightly blended images. Copies that are flipped, moved, recoloured or "
        "blended half and half need an encoder that looks through such changes, or training images changed alike.",
        "defined by this suite; compare Alaa et al. 2022, Meehan et al. 2020",
    ),
    "joined_quality": Meaning(
        "Joined quality",
        "The ratios of Fréchet distance, precision, recall and coverage to the base's own in one number, their power "
        "mean of order -4: 1 for the base itself, never more than 1.42 times the smallest ratio, so that it is near 0 "
        "when any of them is. The part that binds is named.",
        "up",
        "from 0, not bounded by 1",
        "A ratio to a poor base is easily above 1; the base's own place between noise and real images stands beside "
        "it. Noise of 5% in each part lowers it by 0.005 on average.",
        "defined by this suite",
    ),
    "vendi": Meaning(
        "Vendi score",
        "How many entirely different images the set amounts to. Order 1; order 0.5 gives rare kinds more weight, 2 "
        "and infinity the common ones.",
        "up",
        "1 to the number of images or of features, whichever is smaller",
        "It grows with the sample size: compare equal numbers only. Noise and broken images raise it as well, so read "
        "it beside precision, and in a second feature space.",
        "Friedman and Dieng 2023; Pasarkar and Dieng 2024",
        (
            ("vendi_0.5", "Vendi score, order 0.5"),
            ("vendi_2", "Vendi score, order 2"),
            ("vendi_inf", "Vendi score, order ∞"),
        ),
    ),
    "plausible_vendi": Meaning(
        "Vendi score of plausible images",
        "The Vendi score of those samples that lie as near to a held-out image as this one's fifth neighbour, in the "
        "space of each encoder and in pixels: what precision counts. Noise and broken images are in none of them.",
        "up",
        "1 to the number of images or of features, whichever is smaller; 0 where hardly any image is plausible",
        "Images that are plausible and unlike the held-out ones do not count either. Compare equal numbers of samples "
        "only.",
        "defined by this suite, after Friedman and Dieng 2023 and Kynkäänniemi et al. 2019",
    ),
    "weighted_fd": Meaning(
        "Weighted Fréchet distance",
        "Fréchet distance to a reference whose images count by given weights, such as those that make it most diverse.",
        "down",
        "from 0",
        "It moves with the weights: compare under the same weights only.",
        "Berns et al. 2023",
    ),
    "weighted_precision_recall": Meaning(
        "Weighted precision and recall",
        "Precision and recall against a reference whose images count by given weights.",
        "up",
        "0 to 1",
        "As precision and recall; few images may carry most of the weight. The weighting of the balls is our own.",
        "after Berns et al. 2023 and Kynkäänniemi et al. 2019",
    ),
    "share": Meaning(
        "Share",
        "Share of generated images with an attribute, as a judge sees them, corrected for the mistakes that the judge "
        "is known to make. The interval holds both the sampling and the doubt about the judge.",
        "towards the target",
        "0 to 1",
        "The correction assumes that the judge errs on generated images as on the held-out ones. Images that are "
        "neither one class nor the other break that.",
        "Rogan and Gladen 1978",
    ),
    "unclear": Meaning(
        "Unclear",
        "Share of samples on which the judges disagree about what the task asks for.",
        "down",
        "0 to 1",
        "Judges disagree on some real images too, which the interval of the goal allows for. A share well above the "
        "base's says that images have become ambiguous, or that somebody tried to fool a judge.",
        "defined by this suite",
    ),
    "rarest_share": Meaning(
        "Share of the rarest category",
        "The smallest share among the categories that must stay, corrected for the judge's mistakes: has any of them "
        "been lost?",
        "up",
        "0 to 1 over the number of categories",
        "The smallest of several estimates is too small by chance; the interval is that of the one share, not of the "
        "smallest.",
        "defined by this suite",
    ),
    "invalidity": Meaning(
        "Invalidity",
        "Share of samples that still fall in the category that was to be redacted, corrected for the judge's mistakes.",
        "down",
        "0 to 1",
        "As for shares. Zero among N images still allows about 4/N.",
        "Kong and Chaudhuri 2023",
    ),
    "identity_share": Meaning(
        "Identity share",
        "Share of samples that a recogniser takes for the person who was to be removed, corrected for the "
        "recogniser's mistakes.",
        "down",
        "0 to 1",
        "Only as good as the recogniser's threshold; look-alikes are counted separately for this reason.",
        "defined by this suite",
    ),
    "lookalike_share": Meaning(
        "Share of the nearest look-alikes",
        "Share of samples whose nearest person, to the recogniser, is one of the five who look most like the person "
        "who was to be removed: have they been taken out as well?",
        "towards the base's own",
        "0 to 1",
        "Not corrected for the recogniser's mistakes. It also rises where the person is merely turned into somebody "
        "alike.",
        "defined by this suite",
    ),
    "prompted_goal": Meaning(
        "Goal within prompts",
        "The task's own metric on the images of each prompt that the instance names, mean over prompts: the "
        "discrepancy within prompts, or what is left of a concept where it is asked for.",
        "down",
        "0 to 1.41",
        "As the task's metric; 200 images of each prompt.",
        "after Gandikota et al. 2023; Parihar et al. 2024",
    ),
    "prompt_fidelity": Meaning(
        "Prompt fidelity",
        "Share of images that show what their prompt names, but for the attribute that was to change.",
        "up",
        "0 to 1",
        "Not corrected for the judge's mistakes: compare with the base's.",
        "defined by this suite",
    ),
    "downstream": Meaning(
        "Downstream gain",
        "What the images are worth to a classifier: gain in balanced accuracy on held-out real images when a linear "
        "probe's 600 real training images are topped up with generated ones until every class is as large as the "
        "largest. Compare with the unchanged base's, and with retraining.",
        "up",
        "-1 to 1",
        "The classes of generated images are the judge's. One probe on one encoder's features; where real images alone "
        "do nearly as well as can be, nothing is left to gain.",
        "defined by this suite, after Parihar et al. 2024",
        also=(("downstream_worst", "Downstream gain of the worst class"),),
    ),
    "relearning": Meaning(
        "Cost of relearning",
        "An attack: the edited weights are trained on the images that were to be forgotten. Share of the base's "
        "pre-training until half of the base's share is back, or that of all 64 steps where it is not.",
        "up",
        "0 to 1",
        "A lower bound where all steps were taken. A filter around unchanged weights costs nothing to undo: 0. Compare "
        "with the retrained control, which never saw these images.",
        "defined by this suite",
        also=(("relearned", "Share after relearning"), ("relearned_early", "Share after 4 steps of relearning")),
    ),
    "reach_distance": Meaning(
        "Reach",
        "An attack: latents, codes or noise are looked for that make held-out images of what was removed. Root mean "
        "square distance in pixels of the nearest images, minus the same for images of others: near 0, the model still "
        "makes what was removed as well as anything else.",
        "up",
        "-1 to 1",
        "Flows are invertible and reach every image: there only the likelihood of what was found tells anything.",
        "after Rusanovsky et al. 2025",
        also=(("reach_likelihood", "Likelihood of what was reached"),),
    ),
    "membership": Meaning(
        "Membership",
        "An attack: area under the ROC curve with which the model's own score (log-likelihood, discriminator, "
        "denoising loss) tells the images that were to be forgotten from held-out ones of the kind. 0.5 is chance.",
        "towards 0.5",
        "0 to 1",
        "Far below 0.5 tells as much as far above it. Few images to forget give a wide interval.",
        "after Shokri et al. 2017",
    ),
    "fairness_discrepancy": Meaning(
        "Fairness discrepancy",
        "Distance between the shares of the groups among generated images and the shares that were asked for, minus "
        "what mere chance would show.",
        "down",
        "0 to 1.41",
        "Below its noise floor nothing can be told apart: then draw more images. Some papers abbreviate it FD; here "
        "FD is the Fréchet distance.",
        "Choi et al. 2020; Parihar et al. 2024",
    ),
    "kl_to_target": Meaning(
        "KL divergence to the target",
        "The same question as fairness discrepancy, in nats; it punishes missing groups harder.",
        "down",
        "from 0",
        "As fairness discrepancy; undefined when the target leaves a group out.",
        "Kullback and Leibler 1951",
    ),
    "total_variation": Meaning(
        "Total variation of the mix",
        "Share of images that would have to change category to restore the mix of the categories that must stay, "
        "minus what chance would show.",
        "down",
        "0 to 1",
        "With many categories and few images the noise floor is high; both are shown.",
        "textbook definition",
        (("mix_distance", "Distance of the remaining mix"),),
    ),
    "spillover": Meaning(
        "Spill-over",
        "How far the shares of the other attributes moved from the base's, minus what chance would show: total "
        "variation, the mean over all attributes with two values that the target does not name.",
        "down",
        "0 to 1",
        "A mean hides one attribute that moved far: the record's details hold each. What goes with the target in the "
        "data moves with it.",
        "defined by this suite",
    ),
    "entropy": Meaning(
        "Entropy of the categories",
        "How evenly the images spread over the judge's categories, in nats.",
        "up",
        "0 to the logarithm of the number of categories",
        "It says nothing of variety within a category.",
        "Shannon 1948; bias: Miller 1955",
    ),
    "quantile_drop": Meaning(
        "Quantile drop",
        "By how much an image has become less typical in the eyes of a flow, on a scale from 0 to 1.",
        "up on what is to be forgotten, towards 0 on everything else",
        "-1 to 1",
        "A low likelihood need not mean that the flow has stopped to draw such images: read it beside the share of "
        "samples.",
        "Malnick, Avidan and Fried 2024",
        (
            ("quantile_drop_forget", "Quantile drop, forget images"),
            ("quantile_drop_unseen", "Quantile drop, same person unseen"),
            ("quantile_drop_train", "Quantile drop, random training images"),
            ("quantile_drop_others", "Quantile drop, other people"),
            ("quantile_drop_lookalikes", "Quantile drop, look-alikes"),
        ),
    ),
    "identity_curve": Meaning(
        "Identity curve",
        "How similar a face stays to itself as an attribute is moved further and further.",
        "up in every bin",
        "-1 to 1 (cosine)",
        "A bin with few images says little, and a method that hardly moves the attribute fills only the first bins.",
        "Liu et al. 2022",
    ),
    "edit_reach": Meaning(
        "Reach of the edits",
        "Share of edits that change the judge's probability of the attribute by half or more, where a method offers "
        "an editor: 500 latents, each at four random values of the attribute against the middle one.",
        "up",
        "0 to 1",
        "An editor that swaps the person reaches far as well: read it beside the identity kept.",
        "after Liu et al. 2022",
    ),
    "edited_identity": Meaning(
        "Identity kept by the edits",
        "Mean cosine similarity, in the judge's features, of the edits that count as reaching to the unedited image.",
        "up",
        "-1 to 1 (cosine)",
        "It rests on the edits that reach, which are others for each method; where few do it says little.",
        "after Liu et al. 2022",
    ),
    "drift": Meaning(
        "Drift",
        "How far images moved through the edit: root mean squared difference of the pixels of base and edited "
        "generator from the same noise, mean over pairs.",
        "down at equal goal",
        "0 to 1",
        "Pixels are not content: an object that shifts counts as much as one that is replaced. Reaching the goal "
        "takes some drift.",
        "defined by this suite",
    ),
    "iqm": Meaning(
        "Mean and interquartile mean",
        "A method's score over instances and seeds; the interquartile mean leaves out the best and the worst quarter. "
        "Methods whose paired difference may be 0 share a rank, and none stands above one with a higher mean.",
        "up",
        "that of the score",
        "The interval speaks of other seeds on the same instances, not of other instances.",
        "Agarwal et al. 2021",
    ),
}


def page() -> str:
    """The text of docs/metrics.md."""
    head = (
        "# What the numbers mean\n\n"
        "Written by `python -m retouch.metrics.meaning`; the leaderboard shows the same "
        "texts. First what every record is summed up in, then the raw metrics. Every value but score and costs "
        "has a 95% interval.\n"
    )
    return head + "".join(_section(name, meaning) for name, meaning in MEANING.items())


def _section(name: str, meaning: Meaning) -> str:
    also = "; ".join(f"`{key}` ({title})" for key, title in meaning.also)
    return (
        f"\n## {meaning.title}\n\n`{name}`. {meaning.text}\n\n"
        + (f"- In records also: {also}.\n" if also else "")
        + f"- Better: {meaning.direction}. Range: {meaning.range}.\n- When not to trust it: {meaning.distrust}\n"
        f"- Source: {meaning.source}.\n"
    )


if __name__ == "__main__":
    print(page(), end="")
