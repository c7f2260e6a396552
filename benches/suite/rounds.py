"""Rounds: every contestant once in each, so that a machine that changes changes for all of them."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from .prerequisites import Programs


@dataclass(frozen=True)
class Bench:
    """What every benchmark gets."""

    programs: Programs
    folder: Path
    seconds: int
    rounds: int

    def play(self, contestants):
        """Results by name, one for each round. A contestant is a function that runs once and returns its result."""
        names = list(contestants)
        results = {name: [] for name in names}
        for number in range(self.rounds):
            # Another one begins each round, so that nobody always follows the same neighbour.
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                print(f"  round {number + 1}/{self.rounds}: {name}", file=sys.stderr, flush=True)
                results[name].append(contestants[name]())
        return results

    def fresh_folder(self, name):
        """Empty, whatever was in it before."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder
