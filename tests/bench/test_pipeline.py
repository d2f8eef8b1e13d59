"""Both programs are really run, on the same weights, and what they say is compared."""

import pytest

from vidcache.bench import Job, compare
from vidcache.errors import MissingExtraError, VidcacheError


@pytest.fixture
def job(assets):
    for package in ("transformers", "cv2", "ultralytics"):
        pytest.importorskip(package)
    return Job(
        video=assets / "videos" / "pedestrians_cctv.mp4",
        detector=assets / "models" / "nanodet416_coco.onnx",
        encoder="vit_tiny_patch16_224",
        image_size=64,
        window=8,
        num_frames=24,
        num_rounds=1,
    )


def test_both_say_the_same_in_full_precision(job, tmp_path):
    figures = compare(
        Job(**{**vars(job), "flags": ("--precision", "fp32", "--engine", "torch")}), tmp_path
    ).to_dict()
    assert figures["frames"] == 24
    assert figures["agreement"] == 1.0
    assert figures["box_agreement"] > 0.95
    assert figures["fps"] > 0
    assert figures["peer_fps"] > 0
    assert set(figures["peer_stages"]) == {"decode", "preprocess", "encode", "head", "track"}
    assert {"encode", "head", "detect"} <= set(figures["stages"])


def test_what_went_wrong_is_said(job, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no network")
    with pytest.raises(VidcacheError, match="failed: "):
        compare(Job(**{**vars(job), "detector": broken}), tmp_path)


def test_a_missing_package_is_named(monkeypatch):
    from vidcache.bench import pipeline

    with pytest.raises(MissingExtraError, match=r"pip install 'vidcache\[bench\]'"):
        pipeline._explain("ModuleNotFoundError: No module named 'transformers'", ["-m", "x"])


def test_a_profile_names_the_threads_and_what_they_do(job, tmp_path):
    from vidcache.bench.pipeline import profile_run

    stacks = tmp_path / "stacks.txt"
    profile = profile_run(job, tmp_path, stacks)
    assert {"work", "actions"} <= {name for name, _ in profile.threads}
    assert sum(share for _, share in profile.threads) == pytest.approx(1)
    assert sum(share for _, share in profile.places) == pytest.approx(1)
    assert any(" > " in place for place, _ in profile.places)
    assert stacks.stat().st_size > 0


def test_a_profile_without_py_spy_says_what_to_install(monkeypatch, tmp_path):
    from vidcache.bench import profile

    monkeypatch.setattr(profile.shutil, "which", lambda *_, **__: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'vidcache\[bench\]'"):
        profile.profiled(["python"], tmp_path / "stacks.txt")
