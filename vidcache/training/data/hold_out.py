"""Choosing videos to hold out of training, so that no label is lost to it."""

from collections import Counter, deque
from collections.abc import Mapping
from hashlib import blake2b
from heapq import heapify, heappop, heappush

__all__ = ["hold_out"]

# Videos that show nothing are shared out as if that were a label.
_NOTHING = ""


def hold_out(labels_of: Mapping[str, frozenset[str]], share: float, seed: int) -> set[str]:
    """Choose videos so that every label stays in training and, where it can, is held out as well.

    First each label that occurs in two videos or more gets a video, the rarest first; then videos
    are added until the share is reached, each for the label that is furthest behind its own share.
    So more are held out than the share says where there are many labels in few videos. A video is
    never taken if it is the last that shows one of its labels. The same videos, share and seed
    give the same choice on every machine.

    Args:
        labels_of: What each video shows.
        share: Part of the videos to hold out, 0 or more and less than 1; 0 holds out none.
        seed: What breaks ties.

    Returns:
        The names of the videos held out.

    Example:
        >>> clips = {f"{label}{n}": frozenset([label]) for label in ("run", "walk") for n in "1234"}
        >>> sorted(name[:-1] for name in hold_out(clips, 0.25, seed=0))
        ['run', 'walk']
    """
    if not share:
        return set()
    shown = {name: labels or frozenset([_NOTHING]) for name, labels in labels_of.items()}
    order = sorted(shown, key=lambda name: blake2b(f"{seed}:{name}".encode()).digest())
    queues: dict[str, deque[str]] = {}
    for name in order:
        for label in shown[name]:
            queues.setdefault(label, deque()).append(name)
    counts = {label: len(names) for label, names in queues.items()}
    choice = _Choice(shown, Counter(counts))
    for label in sorted(counts, key=lambda label: (counts[label], label)):
        if label != _NOTHING and not choice.held_of[label]:
            options = [name for name in queues[label] if choice.can_spare(name)]
            if options:
                choice.take(max(options, key=choice.num_new_labels))
    wanted = max(1, round(share * len(shown)))
    # What cannot be spared now never can be later, so each label's videos are gone through once.
    behind = [(choice.held_of[label] - share * counts[label], label) for label in counts]
    heapify(behind)
    while len(choice.held) < wanted and behind:
        known, label = heappop(behind)
        now = choice.held_of[label] - share * counts[label]
        if known < now:
            # Videos taken for other labels show this one too.
            heappush(behind, (now, label))
            continue
        while queues[label]:
            name = queues[label].popleft()
            if name not in choice.held and choice.can_spare(name):
                choice.take(name)
                break
        if queues[label]:
            heappush(behind, (choice.held_of[label] - share * counts[label], label))
    return choice.held


class _Choice:
    """What is held out so far, and what that leaves."""

    def __init__(self, shown: Mapping[str, frozenset[str]], left: Counter[str]) -> None:
        self._shown = shown
        self._left = left
        self.held: set[str] = set()
        self.held_of: Counter[str] = Counter()

    def can_spare(self, name: str) -> bool:
        """Whether each label of a video stays in another one."""
        return all(self._left[label] > 1 for label in self._shown[name])

    def num_new_labels(self, name: str) -> int:
        """How many labels of a video no video held out shows yet."""
        return sum(not self.held_of[label] for label in self._shown[name])

    def take(self, name: str) -> None:
        self.held.add(name)
        self._left.subtract(self._shown[name])
        self.held_of.update(self._shown[name])
