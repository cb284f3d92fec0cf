"""The pages of the site, each from the builders that the app draws with."""

from collections.abc import Iterator, Mapping

import pandas as pd

from retouch.leaderboard.draw import answers, method_card, overview, runs_table, sheets, task_card, wall
from retouch.leaderboard.draw.history import history as draw_history
from retouch.leaderboard.draw.tradeoff import key, tradeoff
from retouch.leaderboard.look import markup, numbers, theme, words
from retouch.leaderboard.look.markup import esc
from retouch.leaderboard.rank import history, scores, tables
from retouch.leaderboard.rank.board import View
from retouch.leaderboard.read import frame
from retouch.leaderboard.read.sweeps import sweeps
from retouch.leaderboard.site.links import file
from retouch.leaderboard.site.page import Page

KINDS = {"overview": "Table", "tradeoffs": "Trade-offs", "task": "Task"}  # pages that each task has
TASK = ("goal", "quality", frame.AFTER, "share", "sampling_cost")


def pages(view: View) -> Iterator[Page]:
    """Every page but the comparison; the first stands for the site."""
    marks = theme.marks(view.by_age(), view.records.controls, theme.look())
    for track in view.tracks():
        newest, *older = view.editions(track)
        for task in view.at(newest).tasks(track):
            yield from _of_task(view.at(newest), track, task, marks)
        yield _across(view.at(newest), track, marks)
        for edition in older:
            for task in view.at(edition).tasks(track):
                yield _older(view.at(edition), track, task, edition, marks)
    for name in view.submissions():
        yield _method(view, name, marks)
    yield _methods(view, marks)
    yield _questions(view)


def _across(view: View, track: str, marks: Mapping[str, theme.Mark]) -> Page:
    """The order across tasks."""
    body = "".join(overview.across(view, track, family, marks) for family in view.families(track))
    return Page(file("overview", track, words.ALL), words.task_title(words.ALL),
                f'{body}<p class="dim">{esc(words.ACROSS)}</p>', tabs=_tasks(view, "overview", track))  # fmt: skip


def _older(view: View, track: str, task: str, edition: str, marks: Mapping[str, theme.Mark]) -> Page:
    """A task's table of an older version."""
    note = f'<p class="dim">{esc(words.OLDER.format(edition))}</p>'
    others = [(file("overview", track, name, edition), words.task_title(name)) for name in view.tasks(track)]
    return Page(file("overview", track, task, edition), f"{words.task_title(task)}: {edition}",
                note + _overview(view, track, task, marks), tabs=others, find=True)  # fmt: skip


def _tasks(view: View, kind: str, track: str) -> list[tuple[str, str]]:
    """The same page of all tasks; of tables, the order across them too."""
    names = [*view.tasks(track), *([words.ALL] if kind == "overview" else [])]
    return [(file(kind, track, name), words.task_title(name)) for name in names]


def _of_task(view: View, track: str, task: str, marks: Mapping[str, theme.Mark]) -> Iterator[Page]:
    """A task's table, its figures, what it is, and a wall for each of its instances."""
    walls = _walls(view, track, task)
    titles = {"overview": words.task_title(task), "tradeoffs": f"{words.task_title(task)}: trade-offs",
              "task": f"{words.task_title(task)}: the task and every run"}  # fmt: skip
    bodies = {"overview": _overview, "tradeoffs": _tradeoffs, "task": _task}
    links = [(name, f"Wall: {instance.split('/')[1]}") for name, instance in walls.items()]
    siblings = [*((file(kind, track, task), title) for kind, title in KINDS.items()), *links]
    edition = (view.editions(track) or [""])[0]
    note = f'<p class="dim">{esc(words.OLDER.format(edition))}</p>' if edition else ""
    for kind, body in bodies.items():
        yield Page(file(kind, track, task), titles[kind], _siblings(siblings) + note + body(view, track, task, marks),
                   tabs=_tasks(view, kind, track), find=kind != "tradeoffs")  # fmt: skip
    lead = f"<p>{words.WALL}</p>"
    for name, instance in walls.items():
        whole = wall.wall(view, track, instance, _seed(view, track, instance), _points(view, track, instance))
        yield Page(name, f"{words.task_title(task)}: wall of {instance.split('/')[1]}",
                   _siblings(siblings) + lead + whole, find=True, tabs=links)  # fmt: skip


def _siblings(files: list[tuple[str, str]]) -> str:
    links = " · ".join(f'<a href="{esc(name)}">{esc(text)}</a>' for name, text in files)
    return f'<nav class="dim" aria-label="Of this task">{links}</nav>'


def _walls(view: View, track: str, task: str, family: str = "") -> dict[str, str]:
    """File -> instance, of the task's walls, or of those of a family."""
    runs = view.runs[(view.runs["track"] == track) & (view.runs["task"] == task) & ~view.runs["tuning"]]
    runs = runs[runs["family"] == family] if family else runs
    return {file("wall", track, name): name for name in sorted(runs["instance"].astype(str).unique())}


def _seed(view: View, track: str, instance: str) -> int:
    return int(view.runs.loc[(view.runs["track"] == track) & (view.runs["instance"] == instance), "seed"].min())


def _points(view: View, track: str, instance: str) -> list[wall.Row]:
    """Every row of an instance, in the board's order: the site has a place for each."""
    runs = view.runs[(view.runs["track"] == track) & (view.runs["instance"] == instance)]
    rows = runs[scores.ROW].astype(str).drop_duplicates()
    leads = wall.order(view, track, instance, runs.astype({name: str for name in scores.ROW}), [], [])
    place = {name: i for i, (name, _) in reversed(list(enumerate(leads)))}
    rows = rows[rows["submission"] != "unchanged"]
    return sorted(rows.itertuples(index=False, name=None), key=lambda row: (place.get(row[0], len(place)), row))


def _overview(view: View, track: str, task: str, marks: Mapping[str, theme.Mark]) -> str:
    here = view.scores[view.scores["track"] == track]
    text = overview.sections(view, here, task, view.families(track, task), marks)
    return (
        text + markup.key() + _versions(view, track, task) + _details("What these numbers mean", markup.explain(TASK))
    )


def _versions(view: View, track: str, task: str) -> str:
    """Where the tables of the task's other versions are; empty where there are none."""
    every = view.whole or view
    newest, *older = every.editions(track)
    files = {file("overview", track, task): newest or "now"}
    files |= {file("overview", track, task, name): name for name in older if task in every.at(name).tasks(track)}
    links = " · ".join(f'<a href="{esc(name)}">{esc(text)}</a>' for name, text in files.items())
    return f'<nav class="dim" aria-label="Versions">Versions: {links}</nav>' if len(files) > 1 else ""


def _tradeoffs(view: View, track: str, task: str, marks: Mapping[str, theme.Mark]) -> str:
    """A figure a family, for each pair of numbers that the task's records have."""
    here = view.scores[(view.scores["track"] == track) & (view.scores["task"] == task)]
    runs = view.runs[(view.runs["track"] == track) & (view.runs["task"] == task)]
    attacked = {frame.AFTER} if here[frame.AFTER].notna().any() else set()
    known = {*scores.AXES, *frame.COSTS, *frame.metrics_of(runs), *attacked}
    parts = []
    for title, (x, y) in words.presets().items():
        if not x or not {x, y} <= known:
            continue
        rows = tables.with_numbers(here, view.runs, [x, y])
        panels = [_panel(view, rows, family, (x, y), marks) for family in view.families(track, task)]
        parts.append(f'<h2>{esc(title)}</h2><div class="panels">{"".join(panels)}</div>')
    whose = markup.whose(set(here["submission"]), marks, view.titles()) + key(here)
    meaning = _details("What these numbers mean", markup.explain(["goal", "quality", words.primary(task)]))
    return f"<p>{words.TRADEOFFS}</p>{whose}{''.join(parts)}{meaning}"


def _panel(view: View, over: pd.DataFrame, family: str, pair: tuple[str, str], marks: Mapping[str, theme.Mark]) -> str:
    """The trade-off of a family, drawn by the page's script."""
    part = over[(over["family"] == family) & over[pair[0]].notna() & over[pair[1]].notna()]
    if part.empty:
        return ""
    first = part.iloc[0]
    walls = _walls(view, str(first["track"]), str(first["task"]), family)
    figure = tradeoff(
        part, *pair, view.records.controls, marks=marks, titles=view.titles(), over=over, panels=3,
        sweeps=sweeps(view.records.manifests), title=words.family_title(family), height=380,
    )  # fmt: skip
    says = f"{words.family_title(family)}: {numbers.title(pair[1])} against {numbers.title(pair[0])}"
    return (f'<div class="panel" role="img" aria-label="{esc(says)}" data-wall="{esc(next(iter(walls), ""))}" '
            f'data-figure="{esc(figure.to_json())}"></div>')  # fmt: skip


def _task(view: View, track: str, task: str, marks: Mapping[str, theme.Mark]) -> str:
    """What is asked and revealed, the instances, what the table resolves, every run."""
    runs = tables.instances(view.runs, track, task)
    parts = [task_card.task(task)]
    for family in view.families(track, task):
        mine = runs[runs["family"] == family]
        cohort = view.scores[(view.scores["track"] == track) & (view.scores["task"] == task)]
        says = overview.resolution(cohort[cohort["family"] == family])
        parts.append(f'<h2 id="{esc(family)}">{esc(words.family_title(family))}</h2><p class="say">{esc(says)}</p>')
        parts.append(_history(view, track, task, family, marks))
        for instance in dict.fromkeys(mine["instance"].astype(str)):
            parts.append(f"<h3>{esc(instance)}</h3>" + task_card.instance(view, track, instance))
        raw = [words.primary(task)] if words.primary(task) in mine else []
        parts.append(f"<h3>Every run</h3>{runs_table.table(view, track, mine, raw)}")
    return "".join(parts)


def _history(view: View, track: str, task: str, family: str, marks: Mapping[str, theme.Mark]) -> str:
    """A family's scores over time."""
    rows = history.history(view, track, task, family)
    if rows.empty:
        return ""
    figure = draw_history(rows, marks=marks, titles=view.titles())
    says = f"Score of each submission by the day of its newest record, {words.family_title(family)}"
    return (f'<h3>Scores over time</h3><p class="dim">{esc(words.HISTORY)}</p><div class="panel low" role="img" '
            f'aria-label="{esc(says)}" data-figure="{esc(figure.to_json())}"></div>')  # fmt: skip


def _methods(view: View, marks: Mapping[str, theme.Mark]) -> Page:
    """All submissions with a line each."""
    lines = []
    for name, title in sorted(view.titles().items(), key=lambda pair: pair[1].lower()):
        manifest = view.records.manifests.get(name)
        families = ", ".join(map(words.family_title, manifest.families)) if manifest else markup.DASH
        lines.append([f"{markup.symbol(marks[name])} {markup.link('method', title, name=name)}",
                      markup.wrapped(manifest.summary if manifest else ""), esc(families)])  # fmt: skip
    body = markup.table(("method", "what it does", "families"), lines, caption="All methods")
    return Page("methods.html", "Methods", body, find=True)


def _method(view: View, name: str, marks: Mapping[str, theme.Mark]) -> Page:
    """A method's card, its results beside the controls', and its pictures on each instance; track by track."""
    parts, pictures = [method_card.method(name, view)], ["<h2>Before and after</h2>"]
    for track in view.tracks():
        newest = view.newest(track)
        here = newest.scores[newest.scores["track"] == track]
        rows = tables.beside_controls(here, name, view.records.controls)
        if len(rows):
            table = overview.selection(newest, rows, marks)
            parts.append(f"<h2>Results on {esc(track)}, beside the controls</h2>{table}")
            pictures += _before_and_after(newest, here[here["submission"] == name], track, name)
    parts += [markup.key(), *pictures]
    manifest = view.records.manifests.get(name)
    return Page(file("method", name), view.records.title(name), "".join(parts),
                lead=manifest.summary if manifest and manifest.summary else Page.lead)  # fmt: skip


def _before_and_after(view: View, own: pd.DataFrame, track: str, name: str) -> Iterator[str]:
    """The first run of the best point on each instance of a track, with the command that makes it again."""
    runs = view.runs[(view.runs["submission"] == name) & (view.runs["track"] == track) & ~view.runs["tuning"]]
    leads = {(str(row.task), str(row.family)): str(row.point) for row in own[own["lead"]].itertuples()}
    for instance, part in runs.groupby("instance", observed=True):
        point = leads.get((instance.split("/")[0], frame.family(track, instance)))
        for run in part[part["point"] == point].sort_values("seed").head(1).to_dict("records"):
            if images := sheets.html(view.records, run):
                yield (f'<h3 id="{esc(instance.replace("/", "."))}">{esc(instance)} <span class="dim">{esc(point)}'
                       f"</span></h3>{images}<code>{esc(markup.command(run))}</code>")  # fmt: skip


def _questions(view: View) -> Page:
    raw = frame.metrics_of(view.runs) if len(view.runs) else []
    parts = [_details(question, f"<p>{esc(text)}</p>") for question, text in answers.ANSWERS]
    parts += [answers.versions(view), answers.log(view.runs), answers.rejected(view.records.rejected)]
    parts += ["<h2>Every number</h2>", markup.explain([*numbers.FIELDS, *numbers.COUNTS, *raw])]
    return Page("questions.html", "Questions", "".join(parts))


def _details(title: str, body: str) -> str:
    return f"<details><summary>{esc(title)}</summary>{body}</details>"
