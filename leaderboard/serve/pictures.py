"""Answers `pictures/...`: the contact sheets beside the records, and nothing else of the folder."""

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from retouch.leaderboard.draw import sheets
from retouch.leaderboard.rank.board import shared
from retouch.leaderboard.read import frame
from retouch.leaderboard.views import shell


def answer(request: Request) -> Response:
    """A contact sheet; 404 for anything that is none."""
    root = shared(shell.source()).view.records.root.resolve()
    file = root / request.path_params["path"]
    inside = file.resolve() == file and file.is_relative_to(root) and "records" in file.parts
    inside = inside and frame.pictured(file.relative_to(root).parts[2])
    if not inside or file.suffix != ".png" or sheets.size(file) is None:
        return Response(status_code=404)
    headers = {"cache-control": "max-age=60", "x-content-type-options": "nosniff"}
    return FileResponse(file, media_type="image/png", headers=headers)
