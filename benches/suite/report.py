"""What is printed: Markdown tables that can be read as they are, and whether goals are reached."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Goal:
    """What a figure should be; `aim` is what would be better still."""

    limit: float
    aim: float | None = None
    at_most: bool = False

    def verdict(self, value):
        if not self.meets(value, self.limit):
            return "no"
        if self.aim is None:
            return "yes"
        return "yes, and the aim" if self.meets(value, self.aim) else "yes, not the aim"

    def meets(self, value, bound):
        return value <= bound if self.at_most else value >= bound

    def __str__(self):
        sign = "<=" if self.at_most else ">="
        aim = "" if self.aim is None else f" (aim {self.aim:g})"
        return f"{sign} {self.limit:g}{aim}"


class Report:
    """Prints, and keeps a copy in a file if there is to be one."""

    def __init__(self, file=None):
        self.file = file
        if file:
            file.write_text("")

    def say(self, text):
        print(text, end="\n\n", flush=True)
        if self.file:
            with self.file.open("a") as file:
                file.write(f"{text}\n\n")

    def table(self, header, rows):
        widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
        lines = [line(header, widths), line(["-" * width for width in widths], widths)]
        self.say("\n".join(lines + [line(row, widths) for row in rows]))

    def goals(self, rows):
        """Each row: what, its value in every round, its goal or none."""
        self.table(["figure", "median (range)", "goal", "reached"], [goal_row(*row) for row in rows])


def line(cells, widths):
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths)) + " |"


def goal_row(what, values, goal=None):
    if goal is None:
        return [what, spread(values), "", ""]
    return [what, spread(values), str(goal), goal.verdict(median(values))]


def spread(values, digits=2):
    """The median, and how far the rounds lie apart."""
    middle = f"{median(values):,.{digits}f}"
    if len(values) == 1:
        return middle
    return f"{middle} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def ratios(ours, theirs):
    """Round by round, so that both sides of a ratio come from the same minute."""
    return [one / other for one, other in zip(ours, theirs)]
