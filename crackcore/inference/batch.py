"""Many pictures one after another: the next one is decoded while the network looks at this one."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from crackcore.domain.prediction import Prediction, PredictSettings
from crackcore.errors import Cancelled, CrackError, NotAnalysed
from crackcore.imaging.reading import Photo, read_photo
from crackcore.inference.predictor import Predictor
from crackcore.names import shown_name
from crackcore.progress import Progress, unheard

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Analysed:
    """One picture's answer: photo and prediction, or the error that stands in their place."""

    path: Path
    photo: Photo | None = None
    prediction: Prediction | None = None
    error: CrackError | None = None


def predict_many(
    paths: Sequence[Path],
    predictor: Predictor,
    settings: PredictSettings = PredictSettings(),
    progress: Progress = unheard,
    *,
    read: Callable[[Path], Photo] = read_photo,
) -> Iterator[Analysed]:
    """Analyse pictures in order; one that fails gives its error and the rest goes on.

    `progress` counts in thousandths of a picture, so that a single large one moves too. At most two
    decoded pictures are in memory at a time. Lets Cancelled fly through.
    """
    whole = len(paths) * 1000

    with ThreadPoolExecutor(1, "read-ahead") as ahead:
        coming = ahead.submit(read, paths[0]) if paths else None
        try:
            for i, path in enumerate(paths):
                assert coming is not None
                here, name = i * 1000, shown_name(path)

                def within(
                    done: int, total: int, note: str = "", *, at: int = here, name: str = name
                ) -> None:
                    progress(at + (1000 * done // total if total else 0), whole, note or name)

                within(0, 1)
                reading = coming
                try:
                    photo = reading.result()
                    coming = ahead.submit(read, paths[i + 1]) if i + 1 < len(paths) else None
                    answer = Analysed(path, photo, predictor.predict(photo.pixels, settings, within))
                except Cancelled:
                    raise
                except Exception as error:  # noqa: BLE001  one picture's bug must not cost the other thousand
                    if coming is reading:
                        coming = ahead.submit(read, paths[i + 1]) if i + 1 < len(paths) else None
                    answer = Analysed(path, error=_as_problem(path, error))
                yield answer
            progress(whole, whole)
        finally:
            if coming is not None:
                coming.cancel()


def _as_problem(path: Path, error: Exception) -> CrackError:
    if isinstance(error, CrackError):
        return error
    log.error("unexpected error with a picture", exc_info=error)
    return NotAnalysed(
        f"{shown_name(path)} was not analysed: an unexpected error ({type(error).__name__}).",
        hint="The other pictures are not affected.",
    )
