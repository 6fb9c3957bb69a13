"""Frames into the bytes of a film: H.264 in MP4, or GIF. Equal frames give equal bytes."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.spatial import cKDTree

from netsparse.errors import NetsparseError

# One thread and no dates or names of programs: equal bytes. The index before the frames: browsers begin at once.
_X264 = "-threads 1 -preset medium -crf 24 -fflags +bitexact -flags:v +bitexact -map_metadata -1 -movflags +faststart"


def mp4(frames: Iterable[np.ndarray], size: tuple[int, int], fps: float) -> bytes:
    """Encode frames as H.264 by the encoder that imageio-ffmpeg brings.

    Parameters
    ----------
    frames : iterable of numpy.ndarray of uint8, shape (height, width, 3)
    size : (int, int)
        Width and height, even.
    fps : float

    Raises
    ------
    NetsparseError
        If there is no encoder, or it fails.

    Examples
    --------
    >>> mp4([np.zeros((16, 32, 3), np.uint8)] * 2, (32, 16), 24)[4:8]
    b'ftyp'
    """
    import imageio_ffmpeg

    with tempfile.TemporaryDirectory() as folder:
        aside = Path(folder) / "film.mp4"
        try:
            writer = imageio_ffmpeg.write_frames(
                str(aside),
                size,
                fps=fps,
                codec="libx264",
                quality=None,
                macro_block_size=2,
                ffmpeg_log_level="error",
                output_params=_X264.split(),
            )
            writer.send(None)
            try:
                for frame in frames:
                    writer.send(np.ascontiguousarray(frame))
            finally:
                writer.close()
            return aside.read_bytes()
        except (OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise NetsparseError(f"the MP4 encoder failed ({reason}); a film can be a .gif as well") from error


def gif(frames: Iterable[np.ndarray], palette: np.ndarray, milliseconds: Sequence[int]) -> bytes:
    """Encode frames as a GIF that repeats for ever.

    Parameters
    ----------
    frames : iterable of numpy.ndarray of uint8, shape (height, width, 3)
    palette : numpy.ndarray of uint8, shape (n, 3)
        At most 255 colours, for all frames: one place is kept for "as before". A pixel gets the nearest.
    milliseconds : sequence of int
        How long each frame stands.

    Examples
    --------
    >>> black, white = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    >>> Image.open(io.BytesIO(gif([black, white], np.array([[0] * 3, [255] * 3], np.uint8), [100, 200]))).n_frames
    2
    """
    places = _nearest(palette)
    few = (_indexed(places[tuple(np.moveaxis(frame >> 2, 2, 0))], palette) for frame in frames)
    buffer = io.BytesIO()
    next(few).save(
        buffer, "GIF", save_all=True, append_images=few, duration=list(milliseconds), loop=0, optimize=False, disposal=1
    )
    return buffer.getvalue()


def _nearest(palette: np.ndarray) -> np.ndarray:
    """Return the place of the nearest colour for every colour of 6 bits a channel; Pillow's search takes others."""
    middles = np.arange(64) * 4 + 1.5
    grid = np.stack(np.meshgrid(middles, middles, middles, indexing="ij"), axis=-1)
    return cKDTree(palette.astype(float)).query(grid)[1].astype(np.uint8)


def _indexed(places: np.ndarray, palette: np.ndarray) -> Image.Image:
    image = Image.fromarray(places)
    image.putpalette(palette.tobytes())
    return image
