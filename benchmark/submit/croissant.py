"""The exported records in formats of the field: Croissant 1.0 for the table, a model card's results."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retouch.benchmark.support.files import write_atomically

if TYPE_CHECKING:
    import pandas

CONTEXT = {"@vocab": "https://schema.org/", "sc": "https://schema.org/", "cr": "http://mlcommons.org/croissant/",
           "dct": "http://purl.org/dc/terms/", "conformsTo": "dct:conformsTo", "recordSet": "cr:recordSet",
           "field": "cr:field", "dataType": {"@id": "cr:dataType", "@type": "@vocab"}, "source": "cr:source",
           "fileObject": "cr:fileObject", "extract": "cr:extract", "column": "cr:column"}  # fmt: skip
TYPES = {"b": "sc:Boolean", "i": "sc:Integer", "u": "sc:Integer", "f": "sc:Float"}  # numpy's kinds
FORMATS = {".csv": "text/csv", ".parquet": "application/vnd.apache.parquet"}


def croissant(frame: pandas.DataFrame, files: list[Path]) -> dict[str, Any]:
    """Croissant metadata of a table of runs that lies in `files`: each file's hash, each column's type."""
    objects = [{"@type": "cr:FileObject", "@id": file.name, "name": file.name, "contentUrl": file.name,
                "encodingFormat": FORMATS[file.suffix], "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
               for file in files]  # fmt: skip
    fields = [{"@type": "cr:Field", "@id": f"runs/{name}", "name": name, "dataType": TYPES.get(kind.kind, "sc:Text"),
               "source": {"fileObject": {"@id": files[0].name}, "extract": {"column": name}}}
              for name, kind in frame.dtypes.items()]  # fmt: skip
    return {
        "@context": CONTEXT, "@type": "sc:Dataset", "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": "retouch-records", "license": "https://spdx.org/licenses/MIT",
        "description": "Runs of the Retouch benchmark: a method on an instance with a seed, one a row.",
        "distribution": objects,
        "recordSet": [{"@type": "cr:RecordSet", "@id": "runs", "name": "runs", "field": fields}],
    }  # fmt: skip


def model_index(frame: pandas.DataFrame, name: str) -> str:
    """The front matter of a model card (`model-index` with `eval_results`) for a submission: means over its seeds.

    Raises:
        ValueError: no run of the submission counts.
    """
    runs = frame[(frame["submission"] == name) & (frame["status"] == "ok") & ~frame["stale"] & ~frame["tuning"]]
    if runs.empty:
        raise ValueError(f"no run of {name!r} counts, so its model card has no results")
    results = [_result(keys, part) for keys, part in runs.groupby(["track", "instance", "point"])]
    return "---\n" + json.dumps({"model-index": [{"name": name, "results": results}]}, indent=1) + "\n---\n"


def _result(keys: tuple[str, str, str], runs: pandas.DataFrame) -> dict[str, Any]:
    track, instance, point = keys
    means = {axis: round(float(runs[axis].mean()), 6) for axis in ("goal", "quality")}
    metrics = [{"type": axis, "name": f"{axis}, {len(runs)} seeds", "value": mean} for axis, mean in means.items()]
    return {"task": {"type": instance.split("/")[0]}, "metrics": metrics,
            "dataset": {"type": "retouch", "name": f"Retouch {track}/{instance}", "config": point}}  # fmt: skip


def write(frame: pandas.DataFrame, files: list[Path]) -> Path:
    """Write `croissant.json` beside the files."""
    target = files[0].with_name("croissant.json")
    write_atomically(target, (json.dumps(croissant(frame, files), indent=1) + "\n").encode())
    return target
