"""What goal, quality, score and costs mean: what every record is summed up in."""

from retouch.metrics.meaning.entry import Meaning

AXES: dict[str, Meaning] = {
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
}
