"""The verbs for what is one's own: `base add`, `scale` for a track, `apply` and `push` for models."""

from __future__ import annotations

import argparse
from pathlib import Path

from retouch.benchmark.support.places import submissions_folder


def base(verbs: argparse._SubParsersAction) -> None:
    """`retouch base add SOURCE --into TRACK`."""
    parser = verbs.add_parser("base", help="bring a trained generator of your own into a track")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser("add", help="copy it, write its card, measure what can be measured")
    add.add_argument("source", type=Path, metavar="SOURCE", help="a folder: of diffusers, or with a base.toml")
    add.add_argument("--into", type=Path, required=True, metavar="TRACK", help="the folder of a track")
    add.add_argument("--name", help="of the base")
    add.add_argument("--data", help="a table of the track's data.toml")
    add.add_argument("--licence", help="of the weights")
    add.add_argument("--encoder", help="in whose space quality is measured")
    add.add_argument("--steps", type=int, help="of the pre-training, where known")
    add.add_argument("--batch", type=int, help="images of a training step")
    add.add_argument("--sampling-steps", type=int, help="of a diffusion model")
    add.add_argument("--samples", type=int, help="images that are drawn to measure it; default: 2000")
    add.add_argument("--lr", type=float, help="step size of further training")
    add.add_argument(
        "--trust", action="store_true", help="open pickled weights, in the sandbox, and keep their tensors"
    )
    add.add_argument("--device", default="cpu")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark.support import machine
        from retouch.benchmark.train.bring import Facts, add_base

        flags = {key: value for key, value in vars(args).items() if key in Facts.model_fields and value is not None}
        folder = add_base(args.source, args.into, flags, machine.usable(args.device), args.trust)
        print(f"{folder} holds the base and its card")

    add.set_defaults(verb=verb)


def scale(verbs: argparse._SubParsersAction) -> None:
    """`retouch scale TRACK`."""
    parser = verbs.add_parser("scale", help="measure what a track's bases and controls score: its scale.json")
    parser.add_argument("track", metavar="TRACK", help="a name, or a track's folder")
    parser.add_argument("instance", nargs="*", metavar="INSTANCE", help="only these, as task/base; default: all")
    parser.add_argument("--device", default="cpu")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark import tracks
        from retouch.benchmark.support import machine
        from retouch.benchmark.train.anchors import main

        main(tracks.at(args.track), *args.instance, device=machine.usable(args.device))
        tracks.scale.cache_clear()

    parser.set_defaults(verb=verb)


def apply(verbs: argparse._SubParsersAction) -> None:
    """`retouch apply METHOD --base FOLDER --out FOLDER`."""
    parser = verbs.add_parser("apply", help="edit a model of your own with a method: no track, no score")
    parser.add_argument("method", metavar="METHOD", help="a submission's name, or a path to its folder")
    parser.add_argument("--base", type=Path, required=True, help="its weights folder, or one of diffusers")
    parser.add_argument("--out", type=Path, required=True, help="a new folder for the edited model")
    parser.add_argument("--forget", type=Path, metavar="IMAGES", help="a folder of what must not be drawn any more")
    parser.add_argument("--retain", type=Path, metavar="IMAGES", help="a folder of what stays")
    parser.add_argument("--guide", type=Path, help="a guide's weights folder, for methods that need a classifier")
    parser.add_argument("--target", default="{}", metavar="JSON", help="as in a track file, as a JSON object")
    parser.add_argument("--task", default="", help="what is asked; default: the first that the method can do")
    parser.add_argument("--point", default="default", help="the operating point")
    parser.add_argument("--steps", type=int, default=1000, help="budget, in training steps of the base (1000)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")

    def verb(args: argparse.Namespace) -> None:
        import json

        from retouch.benchmark import submission
        from retouch.benchmark.submit.apply import apply
        from retouch.benchmark.support import machine

        folder = submission.find(args.method, submissions_folder())
        images = {name: getattr(args, name) for name in ("forget", "retain") if getattr(args, name)}
        out = apply(
            folder, submission.read(folder), args.base, args.out, images, args.guide, point=args.point, kind=args.task,
            target=json.loads(args.target), steps=args.steps, seed=args.seed, device=machine.usable(args.device),
        )  # fmt: skip
        print(f"{out} holds the edited model and its card")

    parser.set_defaults(verb=verb)


def push(verbs: argparse._SubParsersAction) -> None:
    """`retouch push FOLDER --to OWNER/NAME`."""
    parser = verbs.add_parser("push", help="upload an edited generator to a hub (huggingface_hub)")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="that `run --keep` or `apply` has left")
    parser.add_argument("--to", required=True, metavar="OWNER/NAME", help="the hub's repository; made if missing")
    parser.add_argument("--licence", default="", help="of the weights; default: the card's")
    parser.add_argument("--public", action="store_true", help="a new repository is for everybody; default: private")

    def verb(args: argparse.Namespace) -> None:
        from retouch.benchmark.submit.push import push

        print(push(args.folder, args.to, args.licence, private=not args.public))

    parser.set_defaults(verb=verb)


VERBS = (base, scale, apply, push)
