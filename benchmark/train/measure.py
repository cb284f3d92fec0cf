"""What a card says was measured, of anything that has one; `retouch measure NAME` brings an older card up to date."""

import json
from pathlib import Path
from typing import Any

from retouch.benchmark import weights
from retouch.benchmark.encoders import Encoder
from retouch.benchmark.ensemble import Judges
from retouch.benchmark.judges import Judge
from retouch.benchmark.support.files import write_json
from retouch.benchmark.train.bring import write_judge_card
from retouch.benchmark.train.card import operations
from retouch.benchmark.train.measure_base import measure_base
from retouch.benchmark.train.measure_encoder import measure_encoder
from retouch.benchmark.train.measure_ensemble import measure_ensemble
from retouch.benchmark.train.measure_judge import measure_judge


def measure(folder: Path, device: str = "cpu") -> dict[str, Any]:
    """Measure the weights in FOLDER by the recipe in their card: judge, guide, ensemble, encoder, generator."""
    plan = weights.card(folder)["recipe"]
    if plan["kind"] == "classifier":
        return measure_judge(Judge.load(folder).to(device), plan)
    if plan["kind"] == "ensemble":
        return measure_ensemble(Judges.load(folder).to(device), plan)
    if plan["kind"] == "encoder":
        return measure_encoder(Encoder.read(folder, device), plan)
    generator = weights.load(folder, device)
    return measure_base(generator, plan, folder) | operations(generator, plan["batch"])


def remeasure(folder: Path, device: str = "cpu") -> dict[str, Any]:
    """`measure`, written into the card in FOLDER; weights and all else that it says stay. Returns what was measured.

    Raises:
        WeightsError: no card, or weights that are not the card's.
    """
    if (folder / "judge.toml").is_file():  # from outside: the card is made of it
        write_judge_card(folder)
    measured = measure(folder, device)
    file = folder / "card.json"
    write_json(file, {**json.loads(file.read_text()), "measured": measured})
    return measured
