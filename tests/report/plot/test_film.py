"""A film shows the network after steps of a fit, and costs neither the fit nor its numbers."""

import stat

import numpy as np
import pytest
import torch
from PIL import Image

import splinework as sw
from splinework.errors import ConfigError, DataError, FileError, ShapeError
from splinework.nn.frame import Frame, FramedKAN
from splinework.report.plot import Film, film, plot
from splinework.train.callbacks import Step

X = torch.linspace(-1, 1, 60, dtype=torch.float64)[:, None]
Y = torch.sin(4 * X)
SETTINGS = {"steps": 12, "progress": False, "starts": 1, "grids": [3], "degree": "keep", "validation": None}


def network(width: int = 2) -> sw.KAN:
    return sw.KAN([1, width, 1], grid=3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def curves(ax) -> list[np.ndarray]:
    return [each for artist in ax.collections if artist.get_gid() == "curves" for each in artist.get_segments()]


def boxes(ax) -> list[np.ndarray]:
    return [path.vertices for artist in ax.collections if artist.get_gid() == "boxes" for path in artist.get_paths()]


def in_boxes(ax) -> list[np.ndarray]:
    return [(c - b.min(0)) / np.ptp(b, axis=0) for c, b in zip(curves(ax), boxes(ax), strict=True)]


def test_frames_are_the_networks_after_the_steps_and_a_gif_has_all_of_them(tmp_path):
    states = []

    class Copies:
        def watch(self, step, model):
            states.append((step.number, {name: value.clone() for name, value in model.state_dict().items()}))

        def __call__(self, step):
            pass

    path = tmp_path / "fit.gif"
    made, other = Film(path, X, most=5, seconds=2.0, dpi=30), Copies()
    watched = sw.fit(network(), X, Y, callbacks=[made, other], **SETTINGS).model
    plain = sw.fit(network(), X, Y, **SETTINGS).model
    assert all(torch.equal(one, two) for one, two in zip(watched.parameters(), plain.parameters(), strict=True))
    assert 3 <= len(made) <= 6
    numbers = [frame.step.number for frame in made._shown()]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == states[-1][0]
    for place, (number, frame) in enumerate(zip(numbers, made._shown(), strict=True)):
        assert all(torch.equal(value, dict(states)[number][name]) for name, value in frame.model.state_dict().items())
        if place in (0, len(numbers) - 1):
            drawn = zip(in_boxes(made.figure(place).axes[0]), in_boxes(plot(frame.model, X)), strict=True)
            assert all(np.allclose(one, two, atol=1e-9) for one, two in drawn)
    with Image.open(path) as image:
        assert image.format == "GIF"
        seconds = 0
        for n in range(image.n_frames):
            image.seek(n)
            seconds += image.info["duration"]
        assert image.n_frames >= len(made)
        assert 2000 <= seconds <= 6000
    sw.fit(network(), X, Y, callbacks=[made], **{**SETTINGS, "steps": 3})
    assert made._shown()[-1].number == numbers[-1] + 3
    assert made._shown()[-1].step.number == 3


def test_a_film_of_a_sparse_fit_and_of_a_frame():
    framed = FramedKAN(sw.KAN([2, 1], names=["a*a", "a"], dtype=torch.float64), Frame(("a",), ("a*a", "a"), ("y",)))
    made = Film(None, framed.inside(X))
    sw.fit(framed, X, Y, callbacks=[made], **SETTINGS)
    assert len(curves(made.figure().axes[0])) == 2
    with pytest.raises(ShapeError, match=r"model\.inside"):
        sw.fit(framed, X, Y, callbacks=[Film(None, X)], **SETTINGS)
    with pytest.raises(ConfigError, match="no path"):
        made.save()
    with pytest.raises(ConfigError, match="frames 0 to"):
        made.figure(99)


def test_a_film_goes_to_ffmpeg_and_without_it_says_what_to_do(tmp_path, monkeypatch):
    """A stand-in for the program records what it is given: the size and the number of frames."""
    monkeypatch.setattr(film.FFMpegWriter, "isAvailable", classmethod(lambda kind: False))
    with pytest.raises(ConfigError, match=r"ffmpeg.*fit\.gif"):
        Film(tmp_path / "fit.mp4", X)
    monkeypatch.setattr(film.FFMpegWriter, "isAvailable", classmethod(lambda kind: True))
    program = tmp_path / "ffmpeg"
    program.write_text('#!/bin/sh\nfor last; do :; done\nwc -c > "$last"\necho "$@" >> "$last"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(film.FFMpegWriter, "bin_path", classmethod(lambda kind: str(program)))
    made = Film(tmp_path / "fit.mp4", X, most=4, dpi=40)
    for n in range(3):
        step = Step(n + 1, "grid 3", 3, 0.1, 0.3, 0.4, 0.01)
        made.watch(step, network())
        made(step)
    made.save()
    count, words = (tmp_path / "fit.mp4").read_text().split("\n")[:2]
    width, height = map(int, words.split("-s ")[1].split()[0].split("x"))
    assert "rawvideo" in words
    assert width % 2 == height % 2 == 0
    assert int(count) == width * height * 4 * (3 + 2)


def test_wrong_films_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"\.gif or \.mp4"):
        Film("fit.avi", X)
    with pytest.raises(FileError, match="no folder"):
        Film(tmp_path / "none" / "fit.gif", X)
    with pytest.raises(ConfigError, match="at least 2"):
        Film(None, X, most=1)
    with pytest.raises(ConfigError, match="length of the film"):
        Film(None, X, seconds=0)
    with pytest.raises(DataError, match="no network"):
        Film(None, X).figure()
    with Film(tmp_path / "fit.gif", X):
        pass  # a fit that took no step writes none
    assert not (tmp_path / "fit.gif").exists()
