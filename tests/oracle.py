"""A camera head written frame by frame from its description, slowly and with rules of its own."""

import math

import torch

from vidcache import Composed, LogSpaced, SinkWindow, SlidingWindow, TimeWindow


def may_see(policy, t, s, seconds):
    """Whether frame t may see frame s, said again in plain Python."""
    if s > t:
        return False
    if isinstance(policy, SlidingWindow):
        return s in range(t - policy.window + 1, t + 1)
    if isinstance(policy, SinkWindow):
        return s in range(policy.sink_frames) or s in range(t - policy.window + 1, t + 1)
    if isinstance(policy, TimeWindow):
        young = float(seconds[t]) - float(seconds[s]) < policy.seconds
        return young and s in range(t - policy.max_frames + 1, t + 1)
    if isinstance(policy, LogSpaced):
        oldest = {level: t + 1 - policy.window * 2**level for level in range(policy.levels + 1)}
        return any(s >= first and s % 2**level == 0 for level, first in oldest.items())
    if isinstance(policy, Composed):
        return any(may_see(part, t, s, seconds) for part in policy.parts)
    raise AssertionError(f"no rule for {policy}")


def norm(x, weight=None, bias=None, eps=1e-5):
    x = (x - x.mean(-1, keepdim=True)) / (x.var(-1, keepdim=True, unbiased=False) + eps).sqrt()
    return x if weight is None else x * weight + bias


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


class Oracle:
    def __init__(self, head, seconds):
        self.config = head.config
        self.weights = {name: w.detach() for name, w in head.named_parameters()}
        self.seconds = seconds
        self.keys = {}
        """(iteration, layer, frame) → keys and values of the frame, (nh, N, hd) each."""

    def linear(self, name, x):
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def normed(self, name, x):
        return norm(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def mlp(self, name, x):
        return self.linear(f"{name}.fc2", gelu(self.linear(f"{name}.fc1", x)))

    def turned(self, x, t):
        """Rotates neighbouring pairs by the frame's position."""
        if self.config.positions == "none":
            return x
        in_seconds = self.config.positions == "seconds"
        position = float(self.seconds[t]) * 30.0 if in_seconds else t
        pairs = x.shape[-1] // 2
        out = torch.empty_like(x)
        for j in range(pairs):
            frequency = self.config.rotary_base ** (-j / pairs)
            # The head's frequencies are whole numbers of 2^-32 turns a position.
            turn = round(frequency / (2 * math.pi) * 2**32) / 2**32
            cos, sin = (
                math.cos(2 * math.pi * turn * position),
                math.sin(2 * math.pi * turn * position),
            )
            out[..., 2 * j] = x[..., 2 * j] * cos - x[..., 2 * j + 1] * sin
            out[..., 2 * j + 1] = x[..., 2 * j] * sin + x[..., 2 * j + 1] * cos
        return out

    def attend(self, t, iteration, layer, query):
        seen = []
        for s in range(t + 1):
            if not may_see(self.config.eviction, t, s, self.seconds):
                continue
            shared = self.config.cache_scope == "first_iteration" and s < t
            seen.append(self.keys[0 if shared else iteration, layer, s])
        keys = torch.cat([key for key, _ in seen], dim=1)
        values = torch.cat([value for _, value in seen], dim=1)
        scores = query @ keys.transpose(1, 2) / math.sqrt(query.shape[-1])
        return scores.softmax(-1) @ values

    def block(self, t, iteration, layer, x):
        name = f"trunk.{layer}"
        qkv = self.linear(f"{name}.attn.qkv", self.normed(f"{name}.norm1", x))
        query, key, value = (
            part.view(len(x), self.config.num_heads, -1).transpose(0, 1)
            for part in qkv.chunk(3, -1)
        )
        self.keys[iteration, layer, t] = self.turned(key, t), value
        out = self.attend(t, iteration, layer, self.turned(query, t))
        out = self.linear(f"{name}.attn.proj", out.transpose(0, 1).reshape(len(x), -1))
        x = x + out * self.weights[f"{name}.ls1.gamma"]
        hidden = self.mlp(f"{name}.mlp", self.normed(f"{name}.norm2", x))
        return x + hidden * self.weights[f"{name}.ls2.gamma"]

    def frame(self, t, tokens):
        tokens = self.normed("token_norm", tokens)
        if "project.weight" in self.weights:
            tokens = self.linear("project", tokens)
        prediction, passes = None, []
        for iteration in range(self.config.num_iterations):
            shown = self.weights["empty_prediction"] if prediction is None else prediction
            embedded = self.linear("embed_prediction", shown)
            shift, scale, gate = self.linear(
                "modulation", embedded * torch.sigmoid(embedded)
            ).chunk(3, -1)
            x = gate * (norm(tokens, eps=1e-6) * (1 + scale) + shift) + tokens
            for layer in range(self.config.depth):
                x = self.block(t, iteration, layer, x)
            delta = self.mlp("prediction_branch", self.normed("trunk_norm", x[0]))
            prediction = delta if prediction is None else prediction + delta
            passes.append(prediction)
        return torch.stack(passes)


def oracle_predictions(head, features, seconds):
    """Predictions of one stream after each pass, (iterations, T, num_outputs)."""
    oracle = Oracle(head, seconds)
    return torch.stack([oracle.frame(t, tokens) for t, tokens in enumerate(features)], dim=1)
