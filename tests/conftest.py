"""What tests of several packages share: a small action model and small real videos."""

import os
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

LABELS = ("nobody", "stand", "walk", "wave")

_ERRORS = pytest.StashKey[dict[str, float]]()


def pytest_configure(config):
    config.stash[_ERRORS] = {}
    # What is measured and traced here stays out of the user's own cache.
    folder = tempfile.TemporaryDirectory(prefix="vidcache-tests-")
    config.add_cleanup(folder.cleanup)
    os.environ.setdefault("VIDCACHE_CACHE", folder.name)


@pytest.fixture
def largest_error(request) -> Callable[[str, float], None]:
    """Notes an error under a name; the largest of each name is printed at the end of the run."""
    errors = request.config.stash[_ERRORS]

    def note(name: str, error: float) -> None:
        errors[name] = max(error, errors.get(name, 0.0))

    return note


def pytest_terminal_summary(terminalreporter, config):
    errors = config.stash[_ERRORS]
    if errors:
        terminalreporter.section("largest relative errors, stream against clip")
        for name, error in errors.items():
            terminalreporter.write_line(f"{error:.1e}  {name}")


@pytest.fixture(scope="session")
def assets():
    folder = os.environ.get("VIDCACHE_TEST_ASSETS")
    path = Path(folder) if folder else Path(__file__).parents[2] / "shared" / "assets"
    if not path.is_dir():
        pytest.skip("needs the videos and models that VIDCACHE_TEST_ASSETS points to")
    return path


@pytest.fixture(scope="session")
def small_model_path(tmp_path_factory) -> Path:
    """An action model with random weights that is quick to load and to run."""
    import torch

    from vidcache.cache import SlidingWindow
    from vidcache.head import HeadConfig
    from vidcache.model import ActionModel, ActionModelConfig

    head = HeadConfig(
        in_features=192,
        width=32,
        depth=2,
        num_heads=2,
        num_iterations=2,
        num_outputs=len(LABELS),
        num_tokens=1,
        eviction=SlidingWindow(8),
    )
    config = ActionModelConfig(
        "vit_tiny_patch16_224",
        LABELS,
        head,
        image_size=(32, 32),
        num_tokens=1,
        fit="pad",
        model_args={"depth": 2},
        temperature=0.05,
        threshold=0.4,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = ActionModel(config, precision="fp32")
        with torch.no_grad():
            for parameter in model.head.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
    path = tmp_path_factory.mktemp("model") / "small.safetensors"
    model.save(path)
    return path


def moving_square(index: int, size: tuple[int, int] = (96, 64)) -> np.ndarray:
    """A picture with a bright square that moves to the right, on a background that changes."""
    width, height = size
    image = np.full((height, width, 3), 40 + 5 * (index % 20), np.uint8)
    left = (3 * index) % (width - 16)
    image[20:36, left : left + 16] = (250, 240, 230)
    return image


def write_video(
    path: Path, num_frames: int = 24, rate: int = 12, size: tuple[int, int] = (96, 64)
) -> Path:
    """Encodes ``num_frames`` pictures of a moving square as H.264."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, rate)
        stream.options = {"crf": "20", "preset": "ultrafast"}
        for index in range(num_frames):
            frame = av.VideoFrame.from_ndarray(moving_square(index, size), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def make_video() -> Callable[..., Path]:
    """Writes a small real video: ``make_video(path, num_frames=…, rate=…, size=…)``."""
    return write_video


@pytest.fixture(scope="session")
def small_video(tmp_path_factory) -> Path:
    """Two seconds of a moving square: 24 frames, 12 a second, 96x64."""
    return write_video(tmp_path_factory.mktemp("video") / "square.mp4")


@pytest.fixture(scope="session")
def small_model(small_model_path):
    """The model of `small_model_path`, in fp32."""
    from vidcache.model import ActionModel

    return ActionModel.load(small_model_path, precision="fp32")
