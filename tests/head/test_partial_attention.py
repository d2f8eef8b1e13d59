"""Attention to parts of the keys, merged: the same as attention to all of them."""

from itertools import pairwise

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from vidcache.head.partial_attention import attend_partially, merge_attention


def random_attention(num_keys=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((2, 3, 2, 8), (2, 3, num_keys, 8), (2, 3, num_keys, 8), (2, 1, 2, num_keys))
    query, keys, values, bias = (
        torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes
    )
    return query, keys, values, bias.masked_fill(bias > 1, -torch.inf)


def parts_of(query, keys, values, bias, cuts):
    edges = [0, *cuts, keys.shape[2]]
    for start, end in pairwise(edges):
        part = slice(start, end)
        yield attend_partially(query, keys[:, :, part], values[:, :, part], bias[..., part])


@pytest.mark.parametrize("cuts", [[], [5], [0], [12], [3, 3, 7], range(1, 12), [1, 2, 12, 12]])
def test_any_partition_gives_attention_to_all_keys(cuts):
    query, keys, values, bias = random_attention()
    whole = attend_partially(query, keys, values, bias)
    merged = merge_attention(list(parts_of(query, keys, values, bias, cuts)))
    expected = scaled_dot_product_attention(query, keys, values, attn_mask=bias)
    torch.testing.assert_close(merged.out, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(merged.out, whole.out, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(merged.log_sum, whole.log_sum, rtol=1e-12, atol=1e-12)


def test_queries_that_see_nothing_of_a_part_take_nothing_from_it():
    query, keys, values, bias = random_attention()
    bias[0, :, 1, :6] = -torch.inf
    first, second = parts_of(query, keys, values, bias, [6])
    assert torch.equal(first.out[0, :, 1], torch.zeros(3, 8, dtype=torch.float64))
    assert bool((first.log_sum[0, :, 1] == -torch.inf).all())
    merged = merge_attention([first, second])
    torch.testing.assert_close(merged.out[0, :, 1], second.out[0, :, 1], rtol=1e-12, atol=1e-12)


def test_queries_that_see_nothing_at_all_get_zeros():
    query, keys, values, bias = random_attention()
    nothing = torch.full_like(bias, -torch.inf)
    merged = merge_attention(list(parts_of(query, keys, values, nothing, [4])))
    assert torch.equal(merged.out, torch.zeros_like(merged.out))
    assert bool((merged.log_sum == -torch.inf).all())


def test_large_scores_neither_overflow_nor_vanish():
    query, keys, values, bias = random_attention()
    merged = merge_attention(list(parts_of(query * 1e4, keys, values, bias, [5])))
    expected = scaled_dot_product_attention(query * 1e4, keys, values, attn_mask=bias)
    torch.testing.assert_close(merged.out, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_merged_in_float32(dtype):
    query, keys, values, bias = (part.to(dtype) for part in random_attention())
    merged = merge_attention(list(parts_of(query, keys, values, bias, [5])))
    assert merged.out.dtype == torch.float32
    expected = scaled_dot_product_attention(query, keys, values, attn_mask=bias)
    torch.testing.assert_close(merged.out, expected.float(), rtol=0.03, atol=0.03)
