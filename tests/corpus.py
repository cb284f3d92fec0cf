"""The tables of the corpus in docs/isolation.md: `python tests/corpus.py` writes them; a test compares."""

from __future__ import annotations

from pathlib import Path

from forgeries import BY_NOBODY, ELSEWHERE, GATE, ONE_FIELD, SECOND_RUN
from hostile import ATTEMPTS, NO, OPEN, RUNS, YES

DOCUMENT = Path(__file__).parents[1] / "docs/isolation.md"
BEGIN, END = "<!-- corpus: python tests/corpus.py -->", "<!-- end of the corpus -->"
RULE = "| --- | --- | --- |"
WORDS = {NO: "refused", YES: "**possible**", OPEN: "as the machine says"}


def tables() -> str:
    """The corpus as Markdown: hostile submissions with their outcomes, forgeries with their finder."""
    out = [
        f"### Hostile submissions: {len(ATTEMPTS) + len(RUNS)}",
        "",
        "| attempt | with bubblewrap | without |",
        "| --- | --- | --- |",
    ]
    out += [f"| {name} | {WORDS[inside]} | {WORDS[outside]} |" for name, (_, inside, outside) in ATTEMPTS.items()]
    out += ["", "| run | status, with bubblewrap as without |", "| --- | --- |"]
    out += [f"| {name} | `{status}` |" for name, (_, status, *_) in RUNS.items()]
    rows = [(assumption, name, "`retouch check`") for assumption, group in ONE_FIELD.items() for name in group]
    rows += [(assumption, name, "`retouch verify`") for assumption, group in SECOND_RUN.items() for name in group]
    rows += [("in tests of their own", name, f"`{test}`") for name, test in GATE.items()]
    rows += [("nobody", name, f"nobody: {why}") for name, (_, why) in BY_NOBODY.items()]
    rows += [("nobody", ELSEWHERE, "nobody: there is no code to run; never verified, never ranked")]
    broken = len(ONE_FIELD) + len(SECOND_RUN)
    out += ["", f"### Forged records: {len(rows)}, of {broken} broken assumptions and more", ""]
    out += ["| what it breaks | forgery | found by |", RULE]
    return "\n".join([*out, *(f"| {' | '.join(row)} |" for row in rows)])


def written(text: str) -> str:
    """The document with today's tables."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n\n{tables()}\n\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
