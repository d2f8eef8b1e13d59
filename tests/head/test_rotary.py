import torch

from vidcache.head.rotary import RotaryTime, rotate


def rotated(vectors, positions):
    rotary = RotaryTime(head_dim=16, base=10_000.0)
    whole = torch.tensor([positions])
    return rotate(vectors, rotary.rotations(whole, None, vectors)[0, :, 0, 0])


def test_scores_depend_on_distance_only_up_to_frame_10_to_the_15():
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 16, dtype=torch.float64)
    near = rotated(query, [5]) @ rotated(key, [2]).T
    for start in (10**3, 10**8, 10**15):
        far = rotated(query, [start + 5]) @ rotated(key, [start + 2]).T
        torch.testing.assert_close(far, near, rtol=1e-12, atol=1e-12)


def test_rotation_keeps_length_and_dtype():
    for dtype in (torch.float64, torch.float32, torch.bfloat16):
        vectors = torch.randn(3, 16).to(dtype)
        turned = rotated(vectors, [1, 2, 3])
        assert turned.dtype == dtype
        torch.testing.assert_close(
            turned.float().norm(dim=-1), vectors.float().norm(dim=-1), rtol=2e-2, atol=0
        )


def test_queries_and_keys_turn_alike_and_values_stay_as_they_are():
    rotary = RotaryTime(head_dim=8, base=100.0)
    like = torch.zeros(1, dtype=torch.float64)
    fraction = torch.tensor([[0.25, 0.5]], dtype=torch.float64)
    turns = rotary.rotations(torch.tensor([[3, 10**15]]), fraction, like)
    of_queries, of_keys, of_values = turns.unbind(2)
    assert torch.equal(of_queries, of_keys)
    assert torch.equal(of_values, torch.ones_like(of_values))
    assert not torch.equal(of_keys, of_values)


def test_fractions_lie_between_whole_positions():
    rotary = RotaryTime(head_dim=8, base=100.0)
    like = torch.zeros(1, dtype=torch.float64)
    whole = torch.tensor([[7]])
    half = rotary.rotations(whole, torch.tensor([[0.5]], dtype=torch.float64), like)
    one = rotary.rotations(torch.tensor([[1]]), None, like)
    torch.testing.assert_close(half * half, rotary.rotations(2 * whole, None, like) * one)
