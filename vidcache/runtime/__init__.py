"""Ways to run a finished network: OpenVINO and ONNX Runtime, and which of them is fastest here."""

from vidcache.runtime.arithmetic import describe_arithmetic
from vidcache.runtime.engines import ENGINES, Engine, EngineName
from vidcache.runtime.fastest import Choice, choose_fastest

__all__ = ["ENGINES", "Choice", "Engine", "EngineName", "choose_fastest", "describe_arithmetic"]
