import numpy as np
import pytest
import torch

from vidcache.errors import ConfigError, InputError, ModelError
from vidcache.tracking import Detector, UltralyticsDetector
from vidcache.tracking._bfloat16 import use_bfloat16


def picture(height=96, width=128, seed=0):
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), np.uint8)


def test_a_checkpoint_is_loaded_by_path_with_its_labels(untrained_model):
    detector = UltralyticsDetector(untrained_model)
    assert isinstance(detector, Detector)
    assert detector.labels == ("person", "dog")
    assert detector.name == "untrained.pt"
    assert detector.detect(picture()) == ()


def test_it_sees_the_picture_in_the_order_that_it_was_given(untrained_model):
    """RGB goes in, and the network itself is given RGB."""
    detector = UltralyticsDetector(untrained_model, precision="fp32", engine="torch")
    seen = []
    detector._predictors[0].model.backend.model.register_forward_pre_hook(
        lambda _module, inputs: seen.append(inputs[0])
    )
    image = np.zeros((128, 128, 3), np.uint8)
    image[..., 0] = 255
    detector.detect(image)
    assert seen[0].amax(dim=(0, 2, 3)).tolist() == [1.0, 0.0, 0.0]


def test_classes_restrict_what_is_found(untrained_dense_model):
    everything = UltralyticsDetector(untrained_dense_model, confidence=1e-4).detect(picture())
    (there,) = {found.label for found in everything}  # an untrained model knows one kind
    (absent,) = {"person", "dog"} - {there}
    for label, expected in ((there, everything), (absent, ())):
        detector = UltralyticsDetector(untrained_dense_model, confidence=1e-4, classes=[label])
        assert detector.detect(picture()) == expected


def test_detections_come_best_first(untrained_dense_model):
    found = UltralyticsDetector(untrained_dense_model, confidence=1e-4).detect(picture())
    scores = [detection.score for detection in found]
    assert len(scores) > 1
    assert scores == sorted(scores, reverse=True)


def test_an_unknown_class_is_refused_with_the_nearest_name(untrained_model):
    with pytest.raises(ConfigError, match=r"no class 'persn'; did you mean 'person'\?"):
        UltralyticsDetector(untrained_model, classes=["persn"])


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_a_confidence_outside_0_to_1_is_refused(untrained_model, value):
    with pytest.raises(ConfigError, match="expected a number between 0 and 1"):
        UltralyticsDetector(untrained_model, confidence=value)


@pytest.mark.parametrize("suffix", [".pt", ".onnx", ".torchscript", ".xyz"])
def test_a_file_that_is_no_model_is_one_line(tmp_path, suffix):
    path = tmp_path / f"text{suffix}"
    path.write_text("this is no model")
    with pytest.raises(ModelError, match="cannot be read as a model") as caught:
        UltralyticsDetector(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


class Harmful:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        import os

        return os.mkdir, (self.target,)


def test_a_checkpoint_that_would_run_code_is_refused_and_does_not_run_it(tmp_path):
    target = tmp_path / "made-by-the-checkpoint"
    path = tmp_path / "harmful.pt"
    torch.save({"model": Harmful(str(target))}, path)
    with pytest.raises(ModelError, match="cannot be read as a model"):
        UltralyticsDetector(path)
    assert not target.exists()


def test_a_model_for_another_task_is_refused(tmp_path):
    from ultralytics.nn.tasks import ClassificationModel

    path = tmp_path / "classifier.pt"
    model = ClassificationModel("yolo26n-cls.yaml", verbose=False)
    torch.save({"model": model, "train_args": {"task": "classify"}}, path)
    with pytest.raises(
        ModelError, match="for the task 'classify', expected one that detects objects or"
    ):
        UltralyticsDetector(path)


def test_bfloat16_finds_the_same_boxes(untrained_dense_model):
    image = picture(256, 256)
    exact, quick = (
        UltralyticsDetector(
            untrained_dense_model, precision=precision, confidence=1e-4, image_size=512
        )
        for precision in ("fp32", "bf16")
    )
    assert (exact.precision, quick.precision) == ("fp32", "bf16")
    with torch.inference_mode():
        pixels = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
        one = exact._predictors[0].model.backend.model(pixels)[0]
        two = quick._predictors[0].model.backend.model(pixels)[0]
    assert two.dtype == torch.float32
    # Boxes of this untrained model are a few cells wide; half a pixel is what may differ.
    assert (one[:, :4] - two[:, :4]).abs().max() < 1.0


def test_bfloat16_leaves_another_kind_of_model_alone():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 3, 1))
    assert not use_bfloat16(model)
    assert model[0].weight.dtype == torch.float32


def test_exported_models_of_both_layouts_find_the_people(assets):
    av = pytest.importorskip("av")
    with av.open(str(assets / "videos" / "pedestrians_cctv.mp4")) as video:
        image = next(video.decode(video=0)).to_ndarray(format="rgb24")
    for name in ("nanodet416_coco.onnx", "centernet512_coco.onnx"):
        detector = UltralyticsDetector(assets / "models" / name, confidence=0.3)
        people = [d for d in detector.detect(image) if d.label == "person"]
        assert len(people) >= 3
        fast = detector.engine.name == "openvino" and detector.precision == "bf16"
        assert fast or detector.precision in ("as exported", "fp32")


def test_pictures_given_together_are_seen_as_alone(untrained_dense_model):
    detector = UltralyticsDetector(untrained_dense_model, confidence=1e-4, precision="fp32")
    pictures = [picture(seed=seed) for seed in range(3)]
    together = detector.observe(pictures)
    for image, seen in zip(pictures, together, strict=True):
        (alone,) = detector.observe([image])
        assert len(alone.rows) > 0
        np.testing.assert_allclose(seen.rows, alone.rows, atol=1e-3)
        np.testing.assert_array_equal(seen.image_rgb, image)
    with pytest.raises(InputError, match="one size"):
        detector.observe([pictures[0], picture(height=64)])
