"""What the numbers about the change that a task asks for mean, and those of attacks on it."""

from retouch.metrics.meaning.entry import Meaning

CHANGES: dict[str, Meaning] = {
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
        "As the task's metric; 100 images of each prompt.",
        "after Gandikota et al. 2023; Parihar et al. 2024",
        also=(("rephrased_goal", "Goal within prompts that only imply what was removed, held out from the method"),),
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
        "A lower bound where all steps were taken. Its interval is wider than need be. A filter around unchanged "
        "weights costs nothing to undo: 0. Compare with the retrained control, which never saw these images.",
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
            ("unseen_quantile", "Quantile left, same person unseen"),
            ("others_quantile", "Quantile left, all other people"),
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
        "an editor: 500 latents, each at four random values of an attribute against the middle one.",
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
    "moved_share": Meaning(
        "Share of images that changed",
        "Share of samples that differ from the base's image of the same noise by half or more in the judge's "
        "probability of the attribute, or of the attributes jointly.",
        "neither: a target asks for so many changes and no more",
        "0 to 1",
        "A method that hands out other images, as a filter does, changes many without editing any.",
        "defined by this suite, after Liu et al. 2022",
    ),
    "moved_identity": Meaning(
        "Identity kept where the attribute changed",
        "Mean cosine similarity, in the judge's features, of those samples to the base's image of the same noise. The "
        "curve of all samples, in bins of equal change, is `moved_curve` in a record's details.",
        "up",
        "-1 to 1 (cosine)",
        "It compares methods at equal change alone: read the curve. Features of a judge know the attribute as well, so "
        "that even the best edit stays below 1.",
        "defined by this suite, after Liu et al. 2022",
    ),
    "real_identity": Meaning(
        "Identity kept by edits of real images",
        "Of 50 held-out images a latent of the base is searched for (Adam on the pixels), which the editor moves. Mean "
        "cosine similarity of the edits that reach to the real image.",
        "up",
        "-1 to 1 (cosine)",
        "What the inversion loses is lost before any edit: read it beside the identity of the inverted images.",
        "after Liu et al. 2022",
        (
            ("real_reach", "Reach of the edits of real images"),
            ("inverted_identity", "Identity of the inverted images"),
        ),
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
