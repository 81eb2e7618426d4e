"""Scores the files of a batch: one line a file."""
import os


def init() -> None:
    """Called once in each process."""


def run(mini_batch: list[str]) -> list[str]:
    """Called with the paths of some files."""
    return [f"{os.path.basename(path)},{os.path.getsize(path)}" for path in mini_batch]
