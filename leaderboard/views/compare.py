"""Compare: submissions side by side, paired differences with intervals, a sentence for each pair."""

import itertools

import pandas as pd
import streamlit as st

from retouch.leaderboard.draw import overview_table, portraits
from retouch.leaderboard.draw.differences import differences
from retouch.leaderboard.look import markup, sentences, words
from retouch.leaderboard.rank import paired, tables
from retouch.leaderboard.views import shell, state

view, look = shell.begin(
    "Compare",
    "Differences are paired: the same instances, the same seeds. A filled mark has an interval "
    "that leaves out 0; an open one could be chance.",
)
titles = view.titles()
with st.container(horizontal=True, vertical_alignment="bottom"):
    track = shell.track(view)
    tasks = state.many("Task", "tasks", view.tasks(track), show=words.task_title) or view.tasks(track)
here = view.scores[(view.scores["track"] == track) & view.scores["task"].isin(tasks)]
rows = {
    f"{n}/{p}": (str(n), str(p)) for n, p in here[["submission", "point"]].drop_duplicates().itertuples(index=False)
}
ranked = here[~here["control"]].groupby(["submission", "point"], observed=True)["score"].agg(["size", "mean"]).dropna()
best = [f"{n}/{p}" for n, p in ranked.sort_values(["size", "mean"], ascending=False).index]
first = list(dict.fromkeys([*best[:1], *[b for b in best if b.split("/")[0] != best[0].split("/")[0]][:1]]))
chosen = state.many(
    "Submissions and operating points; the first is compared with each of the others",
    "with",
    sorted(rows),
    show=lambda key: f"{titles[rows[key][0]]} · {rows[key][1]}",
    pills=False,
    default=first,
)
if len(chosen) < 2:
    st.html(markup.empty("Choose two or more to see where they differ."))
    st.stop()
several = len({rows[key][0] for key in chosen}) < len(chosen)
called = {key: titles[rows[key][0]] + (f" ({rows[key][1]})" if several else "") for key in chosen}
differing = []
for i, other in enumerate(chosen[1:]):
    a, b = rows[chosen[0]], rows[other]
    goal, quality = (paired.pairs(view.runs, track, a, b, axis, tasks) for axis in ("goal", "quality"))
    says = sentences.comparison(goal, quality, called[chosen[0]], called[other])
    st.html(f'<div class="rt"><h2>{markup.esc(called[chosen[0]])} against {markup.esc(called[other])}</h2>'
            f'<p class="say">{markup.esc(says)}</p></div>')  # fmt: skip
    both = pd.concat([goal, quality], ignore_index=True)
    both["row"] = [
        f"{words.task_title(t)} · {i.split('/')[-1]}" for t, i in zip(both["task"], both["instance"], strict=True)
    ]
    if both.empty:
        continue
    ahead = (markup.esc(f"← {called[other][:28]} is ahead"), markup.esc(f"{called[chosen[0]][:28]} is ahead →"))
    figure = differences(both, dark=look.dark).update_xaxes(title={"text": "<br>".join(ahead)})
    shell.chart(figure, f"compare-{i}", f"Paired differences: {says}")
    differing.append(both.assign(a=chosen[0], b=other))
if differing:
    st.html(
        '<div class="rt dim">Blue dots: goal. Orange diamonds: quality. Lines: 95% intervals of the paired '
        "difference.</div>"
    )
    table = pd.concat(differing, ignore_index=True)[["a", "b", "instance", "axis", "value", "low", "high", "seeds"]]
    shell.downloads("retouch-compare", table, figures=True)
mine = view.runs[(view.runs["track"] == track) & view.runs["task"].isin(tasks)]
marks = shell.marks(view, look)
two = itertools.cycle(st.columns(2, gap="large"))
for instance, part in tables.counted(mine).groupby("instance", observed=True):
    curves = []
    for key in chosen:
        own = part[(part["submission"] == rows[key][0]) & (part["point"] == rows[key][1])].sort_values("seed")
        record = view.records.record(own.iloc[0].to_dict()) if len(own) else None
        if record and "identity_curve" in record.details:
            curves.append((called[key], marks[rows[key][0]], record.details))
    figure = portraits.identity_curves(curves, look.dark)
    if figure is not None:
        with next(two):
            st.html(f'<div class="rt"><h3>Identity kept on {markup.esc(instance)}, first seed</h3></div>')
            says = f"Identity similarity against the change of the attribute on {instance}"
            shell.chart(figure, f"curve-{instance}", says)
st.html('<div class="rt"><h2>Side by side</h2></div>')
keys = pd.MultiIndex.from_tuples([rows[key] for key in chosen])
side = tables.add_ties(view.scores).loc[here.index]
side = side[pd.MultiIndex.from_frame(side[["submission", "point"]].astype(str)).isin(keys)]
wide = tables.overview(side)
st.html(markup.key())
st.html(overview_table.table(wide, [t for t in tasks if (t, "goal") in wide], view.records, marks, track))
