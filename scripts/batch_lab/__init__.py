"""Batches that meet bad files and are killed: the files, the runs, and what must hold then."""

from batch_lab.checks import check_folder, half_files, result_lines
from batch_lab.files import BAD_WAYS, Expected, make_files, write_sample
from batch_lab.runs import BatchRun, count_lines, run_command

__all__ = [
    "BAD_WAYS",
    "BatchRun",
    "Expected",
    "check_folder",
    "count_lines",
    "half_files",
    "make_files",
    "result_lines",
    "run_command",
    "write_sample",
]
