import numpy as np
import pytest
import torch
from PIL import Image

from vidcache.encoder import Preprocessing
from vidcache.errors import ConfigError, InputError

_GREY_LEVELS = {"mean": (0.0, 0.0, 0.0), "std": (1 / 255, 1 / 255, 1 / 255)}


def _make_picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth shapes with noise on them, like a camera's picture."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 255, (9, 12, 3), np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    return np.clip(smooth + random.integers(-20, 20, smooth.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(576, 768), (300, 200), (1080, 1920), (100, 90)])
@pytest.mark.parametrize(
    ("size", "crop_pct", "interpolation"),
    [((224, 224), 0.9, "bicubic"), ((128, 128), 0.875, "bilinear"), ((96, 160), 1.0, "bicubic")],
)
def test_crop_agrees_with_timm(shape, size, crop_pct, interpolation) -> None:
    from timm.data import create_transform

    picture = _make_picture(*shape)
    settings = {"interpolation": interpolation, "crop_pct": crop_pct, **_GREY_LEVELS}
    theirs = create_transform((3, *size), is_training=False, **settings)(Image.fromarray(picture))
    ours = Preprocessing(size, "crop", **settings)(picture[None])[0]
    difference = (ours - theirs).abs()
    assert difference.max() <= 2.01
    assert difference.mean() < 0.05


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_pictures_of_different_sizes_equal_one_by_one(fit) -> None:
    pictures = [_make_picture(*shape, seed) for seed, shape in enumerate([(80, 60), (50, 90)] * 2)]
    prepare = Preprocessing((32, 48), fit)
    together = prepare(pictures)
    assert together.shape == (4, 3, 32, 48)
    assert together.dtype == torch.float32
    for index, picture in enumerate(pictures):
        assert torch.equal(prepare(picture[None])[0], together[index])


@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_a_batch_equals_its_list_and_torch_equals_numpy(fit) -> None:
    batch = np.stack([_make_picture(60, 100, seed) for seed in range(3)])
    prepare = Preprocessing((48, 48), fit, crop_pct=0.9)
    expected = prepare(batch)
    assert torch.equal(prepare(list(batch)), expected)
    assert torch.equal(prepare(torch.from_numpy(batch)), expected)
    assert torch.equal(prepare(list(torch.from_numpy(batch))), expected)


@pytest.mark.parametrize("shape", [(40, 100), (100, 40), (64, 64)])
def test_pad_shows_the_whole_picture_in_the_middle(shape) -> None:
    white = np.full((1, *shape, 3), 255, np.uint8)
    result = Preprocessing((64, 64), "pad", mean=(0.5, 0.4, 0.3))(white)[0]
    is_fill = (result.abs() < 1e-6).all(dim=0)
    rows, columns = (~is_fill).any(dim=1).sum(), (~is_fill).any(dim=0).sum()
    assert int(rows) == round(64 * shape[0] / max(shape))
    assert int(columns) == round(64 * shape[1] / max(shape))
    assert not is_fill[32, 32]
    first = [int((~is_fill).any(dim=axis).nonzero()[0]) for axis in (1, 0)]
    assert first == [(64 - int(rows)) // 2, (64 - int(columns)) // 2]


def test_stretch_shows_the_whole_picture() -> None:
    halves = np.zeros((1, 50, 200, 3), np.uint8)
    halves[:, :, 100:] = 255
    result = Preprocessing((32, 32), "stretch", **_GREY_LEVELS)(halves)[0]
    assert result[:, :, :14].max() < 5
    assert result[:, :, 18:].min() > 250


def test_a_picture_of_the_right_size_is_only_normalised() -> None:
    picture = _make_picture(32, 32)
    mean, std = (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    result = Preprocessing((32, 32), "crop", mean, std)(picture[None])[0]
    expected = (picture / 255 - mean) / std
    np.testing.assert_allclose(result.permute(1, 2, 0), expected, atol=1e-5)


def test_pictures_are_not_written_to() -> None:
    pictures = np.stack([_make_picture(32, 32)])
    before = pictures.copy()
    Preprocessing((32, 32))(pictures)
    np.testing.assert_array_equal(pictures, before)


def test_views_and_read_only_pictures_are_taken() -> None:
    picture = _make_picture(40, 60)
    prepare = Preprocessing((32, 32))
    expected = prepare(picture[None])
    turned = np.ascontiguousarray(picture[:, :, ::-1])[:, :, ::-1]
    assert turned.strides[-1] < 0
    assert torch.equal(prepare(turned[None]), expected)
    picture.flags.writeable = False
    assert torch.equal(prepare(picture[None]), expected)
    padded = np.zeros((40, 70, 3), np.uint8)
    padded[:, 5:65] = picture
    assert torch.equal(prepare([padded[:, 5:65]]), expected)


def test_no_pictures_give_no_pixels() -> None:
    prepare = Preprocessing((32, 48))
    assert prepare([]).shape == (0, 3, 32, 48)
    assert prepare(np.zeros((0, 10, 10, 3), np.uint8)).shape == (0, 3, 32, 48)


@pytest.mark.parametrize("shape", [(1, 400), (400, 1), (1, 1)])
@pytest.mark.parametrize("fit", ["crop", "pad", "stretch"])
def test_slivers_are_taken(shape, fit) -> None:
    result = Preprocessing((32, 32), fit)(np.full((1, *shape, 3), 7, np.uint8))
    assert result.shape == (1, 3, 32, 32)
    assert bool(torch.isfinite(result).all())


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((2, 8, 8, 3), np.float32), "float32, but must be uint8"),
        (torch.zeros(2, 8, 8, 3), "float32, but must be uint8"),
        (np.zeros((8, 8, 3), np.uint8), r"images\[None\]"),
        (np.zeros((2, 3, 8, 8), np.uint8), r"\(B, height, width, 3\)"),
        (np.zeros((2, 0, 8, 3), np.uint8), "no pixels"),
        ([np.zeros((2, 8, 8, 3), np.uint8)], r"must have \(height, width, 3\)"),
        ([[1, 2, 3]], "is a list"),
    ],
)
def test_other_input_is_refused(images, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Preprocessing((32, 32))(images)


@pytest.mark.parametrize(
    "settings",
    [
        {"fit": "zoom"},
        {"interpolation": "lanczos"},
        {"crop_pct": 0.0},
        {"crop_pct": 1.2},
        {"std": (1.0, 0.0, 1.0)},
        {"mean": (0.5,)},
    ],
)
def test_settings_out_of_range_are_refused(settings) -> None:
    with pytest.raises(ConfigError):
        Preprocessing((32, 32), **settings)
