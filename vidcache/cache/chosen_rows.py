"""Which rows of a state a step is for, in the form in which they are indexed cheapest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from vidcache.errors import InputError

__all__ = ["ALL_ROWS", "ChosenRows", "chosen_rows", "put_rows", "row_numbers", "take_rows"]

ChosenRows: TypeAlias = slice | Tensor
"""Rows that follow each other as a slice, whose tensors are views; others as int64 (K,)."""

ALL_ROWS = slice(None)
"""Every row, in order."""


def chosen_rows(rows: Sequence[int] | Tensor | None, batch_size: int) -> ChosenRows:
    """Checks rows and brings them into the form in which they are indexed.

    Args:
        rows: Distinct row numbers in any order, a sequence or an int64 tensor (K,); None means
            all rows.
        batch_size: Number of rows B.

    Returns:
        ``ALL_ROWS`` for all of them in order, however they were given; a slice for rows that
        follow each other; else an int64 tensor (K,) on the CPU.

    Raises:
        InputError: A row comes twice or does not exist, or they are not row numbers.
    """
    if rows is None:
        return ALL_ROWS
    if isinstance(rows, Tensor):
        if rows.ndim != 1 or rows.dtype != torch.int64:
            raise InputError(
                f"rows are {rows.dtype} of shape {tuple(rows.shape)}: give numbers of rows, "
                "int64 of shape (K,)"
            )
        numbers: list[int] = rows.cpu().numpy().tolist()
    else:
        numbers = list(rows)
        if any(isinstance(number, bool) for number in numbers):
            raise InputError(f"rows are {numbers}: give numbers of rows, not a mask")
    if any(not 0 <= number < batch_size for number in numbers):
        raise InputError(f"rows are {numbers}, of a state of {batch_size} rows: count from 0")
    if len(set(numbers)) != len(numbers):
        raise InputError(f"rows are {numbers}: give each row once")
    first, count = (numbers or [0])[0], len(numbers)
    if numbers == list(range(first, first + count)):
        return ALL_ROWS if count == batch_size else slice(first, first + count)
    return torch.tensor(numbers, dtype=torch.int64)


def take_rows(tensor: Tensor, rows: ChosenRows) -> Tensor:
    """Returns rows of a tensor, without an operation where all are taken.

    Args:
        tensor: (B, …).
        rows: The rows.
    """
    return tensor if rows is ALL_ROWS else tensor[rows]


def put_rows(tensor: Tensor, rows: ChosenRows, new: Tensor) -> Tensor:
    """Returns a tensor in which rows are replaced; the one that is given stays as it is.

    Args:
        tensor: (B, …).
        rows: The rows.
        new: What they become, (K, …); all rows are taken over without a copy.
    """
    if rows is ALL_ROWS:
        return new
    copy = tensor.clone()
    copy[rows] = new
    return copy


def row_numbers(rows: ChosenRows, batch_size: int) -> list[int]:
    """Returns the numbers of rows.

    Args:
        rows: The rows.
        batch_size: Number of rows B there are.
    """
    return torch.arange(batch_size)[rows].numpy().tolist()
