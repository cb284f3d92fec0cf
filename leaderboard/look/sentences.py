"""Sentences made from numbers: what a comparison says, and what rules a method out."""

from collections.abc import Mapping

import pandas as pd

from retouch.leaderboard.look import words
from retouch.leaderboard.look.numbers import number, percent
from retouch.leaderboard.rank.paired import clear


def comparison(goal: pd.DataFrame, quality: pd.DataFrame, a: str, b: str) -> str:
    """What the paired differences of a and b say, in words; plain text, not markup.

    Args:
        goal, quality: `rank.paired.pairs` of the two axes.
    """
    if goal.empty:
        return f"{a} and {b} have no instance in common that both ran with the same seed, so nothing can be compared."
    wins: dict[str, list[str]] = {a: [], b: []}
    even: list[str] = []
    single: list[str] = []
    for task, part in goal.groupby("task", sort=False):
        above, below, total = clear(part)
        for name, count in ((a, above), (b, below)):
            if count:
                wins[name].append(f"{words.ahead(str(task))} on {_of(count, total)}")
        if above == below == 0:
            group = even if part["low"].notna().any() else single
            group.append(words.task_title(str(task)).lower())
    parts = [f"{name} {_list(wins[name])} than {other}" for name, other in ((a, b), (b, a)) if wins[name]]
    if even:
        parts.append(f"in {_list(even)} they are not distinguishable")
    if single:
        parts.append(f"in {_list(single)} they have one seed in common, too few to tell")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}. {_quality(quality, a, b)}"


def _of(count: int, total: int) -> str:
    return "the one instance" if total == 1 else f"{count} of {total} instances"


def _list(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def _quality(quality: pd.DataFrame, a: str, b: str) -> str:
    above, below, total = clear(quality)
    parts = [f"with {name} on {_of(count, total)}" for name, count in ((a, above), (b, below)) if count]
    if parts:
        return f"Quality is higher {_list(parts)}."
    return "Quality is not distinguishable." if quality["low"].notna().any() else "One seed cannot tell quality apart."


def leader(rows: pd.DataFrame, titles: Mapping[str, str]) -> str:
    """Who leads a task and family, who cannot be told apart from it, and where retraining lands; plain text.

    Args:
        rows: `rank.tables.cohort` with ties.
    """
    leads, claims = (rows[rows["lead"] & (rows["standing"] == kind)] for kind in ("ranked", "claimed"))
    retrained = rows.loc[rows["submission"] == "retrained", "goal"].dropna()
    control = f" Training from scratch reaches goal {retrained.iloc[0]:.2f}." if len(retrained) else ""
    if leads.empty and len(claims):
        best = claims.loc[claims["score"].idxmax()]
        says = f"{titles[best['submission']]}, goal {best['goal']:.2f}, quality {best['quality']:.2f}"
        return (
            f"Nothing is verified here yet, so nothing is ranked. The highest score that is claimed: {says}.{control}"
        )
    if leads.empty:
        return f"No method has run all instances with all seeds here, so none is ranked.{control}"
    best = leads.iloc[0]
    level = [titles[name] for name in leads.loc[leads["place"] == best["place"], "submission"]][1:]
    says = f"{titles[best['submission']]} leads: goal {best['goal']:.2f}, quality {best['quality']:.2f}"
    if len(level) > 3:
        return f"{says}; {len(level)} others cannot be told apart from it.{control}"
    return f"{says}{f'; {_list(level)} cannot be told apart from it' if level else ''}.{control}"


def beside_retraining(goal: pd.DataFrame, name: str) -> str:
    """How far a method goes beside retraining, by the paired differences of their goals; plain text."""
    if goal.empty or goal["low"].isna().all():
        return ""
    beyond, short, total = clear(goal)
    parts = [f"goes beyond retraining on {_of(beyond, total)}"] * (beyond > 0)
    parts += [f"falls short of {'it' if parts else 'retraining'} on {_of(short, total)}"] * (short > 0)
    return f" {name} {_list(parts) if parts else 'cannot be told apart from retraining'}."


def resolution(goal: float, quality: float) -> str:
    """The smallest differences that a table can show, in a sentence."""
    parts = [f"{value:.2f} in {axis}" for axis, value in (("goal", goal), ("quality", quality)) if pd.notna(value)]
    if not parts:
        return "Too few rows are complete to say which difference would show."
    return (f"With these instances and seeds, a true difference of {_list(parts)} is found in four cases of five; "
            "smaller ones may be there and not show.")  # fmt: skip


def ruled_out(obstacles: Mapping[str, object]) -> str:
    """Why a method does not fit a wish, from `rank.choose.obstacles`; empty where nothing stands against it."""
    return "; ".join(OBSTACLES[kind](value) for kind, value in obstacles.items())


OBSTACLES = {
    "access": lambda needs: "needs " + ", ".join(words.need(name) for name in needs),
    "access unknown": lambda _: "what it needs is not known: no submission.toml here",
    "run": lambda problems: f"no valid run: {problems or 'none yet'}",
    "cost unknown": lambda _: "cost not recorded",
    "cost": lambda share: f"costs {percent(share)} of pre-training",
    "sampling unknown": lambda _: "cost of sampling not counted",
    "sampling": lambda cost: f"an image costs as much as {number(cost)} of the base’s",
    "quality": lambda values: f"quality {values[0]:.2f} is below {values[1]:.2f}",
}
