"""What tests.mutants changes: one thing each time, code alone, and it is known again when its line has moved."""

from __future__ import annotations

import ast

from tests.mutants.mutations import mutants
from tests.mutants.run import every, listed

SOURCE = '''
"""A docstring."""
import logging
LIMIT = 3
__all__ = ["f"]


@dataclass(frozen=True)
class A:
    """Another."""

    def f(self, n: int = 1) -> int | None:
        log.info("n is %d", n)
        if n <= 0 and not self.over:
            raise ValueError("a text for people")
        self.n = n + LIMIT  # ä
        self.g()
        return self.n
'''


def changed(source: str = SOURCE) -> dict[str, str]:
    """By what it becomes, what it was, for each mutant."""
    return {one.after: one.before for one in mutants("a.py", source)}


def test_each_kind_of_change_is_made() -> None:
    wanted = {
        "LIMIT = 4", "if (n < 0) and not self.over:", "if (n > 0) and not self.over:", "if n <= 1 and not self.over:",
        "if (n <= 0 or not self.over):", "if n <= 0 and (self.over):", "pass", "self.n = (n - LIMIT)", "return None",
        "def f(self, n: int = 2) -> int | None:",
    }  # fmt: skip
    assert set(changed()) == wanted
    removed = [one.before for one in mutants("a.py", SOURCE) if one.after == "pass"]
    assert removed == ['raise ValueError("a text for people")', "self.n = n + LIMIT", "self.g()"]


def test_each_is_code_that_differs_from_the_source_and_from_the_others() -> None:
    found = [one.source(SOURCE) for one in mutants("a.py", SOURCE)]
    assert all(one.is_code(SOURCE) for one in mutants("a.py", SOURCE))
    assert len({ast.dump(ast.parse(one)) for one in [SOURCE, *found]}) == len(found) + 1


def test_a_mutant_has_the_same_key_when_its_line_has_moved() -> None:
    before, after = mutants("a.py", SOURCE), mutants("a.py", "\n# more\n" + SOURCE)
    assert [one.key for one in before] == [one.key for one in after]
    assert [one.line for one in before] != [one.line for one in after]


def test_each_that_is_listed_as_equivalent_is_one_still_and_has_its_reason() -> None:
    assert all(why.strip() for why in listed().values())
    assert set(listed()) <= {one.key for one in every("")}
