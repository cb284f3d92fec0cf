"""What the numbers about images as such mean: how good, how varied, how new they are."""

from retouch.metrics.meaning.entry import Meaning

IMAGES: dict[str, Meaning] = {
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
        "not the error of the estimate; the interval here is. Of a lost mode with 15 images in the reference it held "
        "the truth 82 times in 100, with 30 and more 95 times.",
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
}
