"""Every refusal has a code, a sentence in every language, and leaves no value out."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from board_parts import LANGUAGES
from test_board_languages import places, strings

from hub.refusals import REFUSALS, RefusalError

HUB = Path(__file__).parents[2] / "hub"
RAISED = {"RefusalError", "ActionError", "MuteError", "AccountError"}


def calls() -> Iterator[tuple[str, int, ast.Call]]:
    """Everywhere in the hub that makes a refusal: file, line, call."""
    for path in HUB.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", None))
            inherits = name == "__init__" and path.name == "sessions.py"
            if name in RAISED or inherits:
                yield path.name, node.lineno, node


def test_the_code_makes_every_refusal_and_no_other_with_all_its_values() -> None:
    used = set()
    for file, line, call in calls():
        [code] = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
        values = {keyword.arg for keyword in call.keywords} - {"retry_s"}
        assert code in REFUSALS, f"{file}:{line}"
        assert values == set(re.findall(r"\{(\w+)\}", REFUSALS[code].sentence)), f"{file}:{line}"
        used.add(code)
    assert used == set(REFUSALS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_says_every_refusal_with_all_its_values(language: str) -> None:
    own = strings(language)
    for code, refusal in REFUSALS.items():
        assert places(own[f"refused_{code}"]) == places(refusal.sentence), code
    said = {key.removeprefix("refused_") for key in own if key.startswith("refused_")}
    assert said == {*REFUSALS, "unsure"}


def test_an_answer_holds_the_sentence_and_what_another_language_needs() -> None:
    error = RefusalError("mute_longest", role="nurse", minutes=60)
    assert error.status == 403
    assert error.answer() == {
        "detail": "a nurse mutes a bed for at most 60 minutes",
        "code": "mute_longest",
        "values": {"role": "nurse", "minutes": 60},
    }
