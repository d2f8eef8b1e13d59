"""Eight-bit floating point and a scale a frame and head."""

import torch
from torch import Tensor

from vidcache.cache.formats.base import EncodedFrames, StorageFormat, register_format
from vidcache.cache.formats.scales import scaled_to

__all__ = ["Fp8Format"]

_MANTISSA_BITS, _EXPONENT_BIAS = 3, 7
# Of each type: an integer as wide, bits of the mantissa, bias of the exponent.
_WIDER = {
    torch.float16: (torch.int16, 10, 15),
    torch.bfloat16: (torch.int16, 7, 127),
    torch.float32: (torch.int32, 23, 127),
    torch.float64: (torch.int64, 52, 1023),
}


class Fp8Format(StorageFormat):
    """Stores a frame's keys or values of one head as float8 (e4m3fn), scaled to its whole range.

    The scale is that of the very frame, so a sudden change of range costs no accuracy. The bytes
    lie in an integer type, which every device can index.
    """

    name = "fp8"
    dtype = torch.int8
    scaled = True

    def encode(self, frames: Tensor) -> EncodedFrames:
        """Rounds frames (…, N, hd) to four significant bits."""
        largest = torch.finfo(torch.float8_e4m3fn).max
        scaled, scales = scaled_to(largest, frames)
        return EncodedFrames(scaled.to(torch.float8_e4m3fn).view(torch.int8), scales)

    def decode(self, stored: EncodedFrames, out: Tensor) -> None:
        """Widens frames (…, N, hd) and multiplies them by their scales."""
        assert stored.scales is not None
        # A float8 is a wider float whose exponent has another bias. Moving its bits to where they
        # belong costs a fifth of what the conversion of float8 tensors does on a CPU.
        integer, mantissa_bits, bias = _WIDER[out.dtype]
        shift = mantissa_bits - _MANTISSA_BITS
        sign = torch.iinfo(integer).min
        bits = out.view(integer).copy_(stored.data)
        bits.bitwise_left_shift_(shift).bitwise_and_(sign | ((1 << (7 + shift)) - 1))
        out.mul_(2.0 ** (bias - _EXPONENT_BIAS)).mul_(stored.scales[..., None, None])


register_format(Fp8Format())
