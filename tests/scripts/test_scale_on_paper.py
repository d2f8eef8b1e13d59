"""What is computed follows from what was measured, and the document is what is printed."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from scale_on_paper import document
from scale_paper import ASSUMPTIONS, GPUS, Assumptions, FrameCost, carried

ROOT = Path(__file__).parents[2]
COST = FrameCost(
    read=2.0, encode=20.0, head=3.0, detect=15.0, track=1.0, encode_flops=4_000_000_000,
    head_flops=10_000_000,
)  # fmt: skip
ROOMY = Assumptions(ram_bytes=1 << 50, link_mbit=1e9)


def camera_row(cameras: int, reuse: bool, share: float) -> dict:
    stages = {"encode": 10.0 if reuse else 30.0, "head": 2.0, "detect": 20.0, "track": 8.0}
    return {
        "cameras": cameras, "reuse": reuse, "shown_share": share, "stages_ms": stages,
        "cpu_ms_a_frame": 34.0, "resident_bytes": cameras << 20,
    }  # fmt: skip


def test_processor_time_is_split_over_the_stages():
    rows = [camera_row(1, False, 1.0), camera_row(4, False, 0.5), camera_row(4, True, 1.0)]
    cameras = {"points": rows, "read_cpu_ms": 2.0, "flops": {"encode": 60, "head": 4}}
    cost = FrameCost.measured(cameras)
    # Of the 34 ms 4 went into reading two frames; 30 are half of what the stages say.
    assert (cost.encode, cost.head, cost.detect, cost.track) == (15.0, 1.0, 10.0, 4.0)
    assert cost.total == 32.0
    assert cost.flops_a_second == 4000.0
    assert FrameCost.measured(cameras, reuse=True).encode == 8.0
    with pytest.raises(ValueError, match="--reuse"):
        FrameCost.measured({**cameras, "points": rows[:2]}, reuse=True)


def test_processors_carry_what_their_time_allows():
    found = carried(COST, 10, ROOMY, process_bytes=1e9, camera_bytes=1e6)
    # 16 processors, 80 % of them, 41 ms a frame, 10 frames a second.
    assert found.cameras == int(16 * 0.8 / (10 * 0.041))
    assert found.first == "processors"
    slow = carried(COST, 30, ROOMY, process_bytes=1e9, camera_bytes=1e6)
    assert slow.cameras == found.cameras // 3
    sparse = carried(COST.sparse(3), 10, ROOMY, process_bytes=1e9, camera_bytes=1e6)
    assert sparse.cameras == int(16 * 0.8 / (10 * 0.031))


@pytest.mark.parametrize(
    ("given", "first", "cameras"),
    [
        (replace(ROOMY, ram_bytes=9 << 30), "memory", 18),
        (replace(ROOMY, link_mbit=100.0), "network", 17),
    ],
)
def test_what_runs_out_first_is_named(given, first, cameras):
    found = carried(COST, 10, given, process_bytes=1 << 30, camera_bytes=100 << 20)
    assert (found.first, found.cameras) == (first, cameras)


def test_a_gpu_leaves_the_processors_reading_and_tracking():
    memory = {"process_bytes": 1e9, "camera_bytes": 1e6}
    found = carried(COST, 10, ROOMY, gpu=GPUS[0], state_bytes=4e6, head_bytes=1e8, **memory)
    host = 2.0 + 1.0 + 0.1 * (20 + 3 + 15)
    assert found.limits["processors"] == int(16 * 0.8 / (10 * host / 1000))
    # The detector works as much for its 15 ms as the encoder for its 20.
    seconds = (4e9 * 35 / 20 + 1e7) / (0.2 * 121e12) + (4e6 + 1e8 / 32) / (0.5 * 300e9)
    assert found.limits["GPU"] == int(1 / (10 * seconds))
    assert found.limits["GPU memory"] == 6000
    assert found.cameras == min(found.limits.values())


def test_every_assumption_is_said():
    text = " ".join(ASSUMPTIONS.lines())
    for name, value in vars(ASSUMPTIONS).items():
        shown = {"ram_bytes": "64 GiB", "detect_every": "3rd"}.get(name, f"{value:g}")
        if isinstance(value, float) and value < 1:
            shown = f"{100 * value:.0f} %"
        assert shown in text, name


def test_the_document_is_what_the_script_prints():
    folder = ROOT / "docs" / "scale"
    found = [json.loads((folder / f"{name}.json").read_text()) for name in ("tiny", "small")]
    pipeline = json.loads((folder / "pipeline.json").read_text())
    text = (ROOT / "docs" / "SCALE.md").read_text(encoding="utf-8")
    assert "\n".join(document(found, pipeline)) in text
