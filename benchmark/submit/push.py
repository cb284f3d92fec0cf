"""Push a kept or applied generator to a hub, with a card for people: `retouch push FOLDER --to OWNER/NAME`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from retouch.benchmark import weights

KNOWN = ("mit", "apache-2.0", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "openrail")  # licences of the hub
PAGE = """---
license: {licence}
tags: [retouch, image-generation]{more}
---

# {name}

A {family} model, edited with Retouch by `{method}`; not trained again.

```python
from pathlib import Path
from retouch.benchmark import weights

generator = weights.load(Path("FOLDER"))  # the downloaded folder; its hash is checked
```

How it was made (card.json has all of it):

```json
{edited}
```
"""


def push(folder: Path, to: str, licence: str = "", private: bool = True) -> str:
    """Upload a weights folder whose card is checked first; returns its address.

    Args:
        to: OWNER/NAME; licence: of the weights, where the card states none.

    Raises:
        ValueError: no licence is stated, a folder that is not the card's, a hub that refuses, huggingface_hub missing.
    """
    card = weights.card(folder)
    licence = licence or card.get("licence", "")
    if not licence:
        raise ValueError(f"{folder / 'card.json'} states no licence; --licence says under which it may be passed on")
    try:
        from huggingface_hub import CommitOperationAdd, HfApi
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError
    except ImportError:
        raise ValueError("retouch push needs huggingface_hub: pip install huggingface_hub") from None
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and "__pycache__" not in file.parts]
    added = [CommitOperationAdd(file.relative_to(folder).as_posix(), str(file)) for file in files]
    added.append(CommitOperationAdd("README.md", page(card, licence, files).encode()))
    api = HfApi()
    try:
        api.create_repo(to, private=private, exist_ok=True)
        made = api.create_commit(to, added, commit_message=f"{card['name']}, edited with Retouch")
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        raise ValueError(f"{to}: the hub refuses: {str(error).strip().splitlines()[0]}; `hf auth login` signs "
                         "in, HF_ENDPOINT names another hub") from None  # fmt: skip
    return str(made.repo_url)


def page(card: dict[str, Any], licence: str, files: list[Path]) -> str:
    """README.md for the hub: front matter, what it is, how it was made, how to load it."""
    known = licence.lower() in KNOWN
    more = "" if known else f"\nlicense_name: {json.dumps(licence)}"
    more += "\nlibrary_name: diffusers" if any(file.name == "model_index.json" for file in files) else ""
    by = card.get("edited", {})
    return PAGE.format(
        licence=licence.lower() if known else "other", more=more, name=card["name"], family=card["family"],
        method=by.get("method", "nobody"), edited=json.dumps(by, indent=1),
    )  # fmt: skip
