"""Which of a session's exchanges go along with a request."""

from __future__ import annotations

import pytest

from codeface_jupyter.context import Cell
from codeface_jupyter.session.conversation import Conversation, Exchange, count_own_cells

DATA = Cell(source="sales = load()")
ASKS = Cell(source="%%codeface\nplot it")
LOOKS = Cell(source="sales.head()")


@pytest.fixture
def conversation() -> Conversation:
    talk = Conversation()
    answer = "```python\nsales.plot()\n```"
    talk.add(Exchange("plot it", answer, code="sales.plot()", cells_above=count_own_cells([DATA])))
    return talk


def test_a_request_just_below_follows_up(conversation: Conversation) -> None:
    question, answer = conversation.before("by month", count=1, cells=[DATA, ASKS])

    assert question["content"] == "plot it"
    assert "sales.plot()" in answer["content"]


def test_the_code_that_it_goes_on_from_is_what_was_offered(conversation: Conversation) -> None:
    conversation.add(
        Exchange("by month", "Only a part.", code="sales.plot(); months", cells_above=1)
    )
    below = [DATA, ASKS]
    assert conversation.code_before("and by year", cells=below) == "sales.plot(); months"
    assert conversation.code_before("and by year", cells=[*below, LOOKS]) == ""
    assert Conversation().code_before("anything") == ""


def test_so_it_does_without_any_cells() -> None:
    talk = Conversation()
    talk.add(Exchange("plot it", "Done."))

    assert len(talk.before("by month", count=1)) == 2


@pytest.mark.parametrize(
    "below",
    [[LOOKS], [Cell(source="sales.plot()")], [ASKS, LOOKS]],
    ids=["other code", "the answer itself", "below a request"],
)
def test_code_that_follows_an_exchange_takes_its_place(
    conversation: Conversation, below: list[Cell]
) -> None:
    assert conversation.before("by month", count=1, cells=[DATA, ASKS, *below]) == ()


def test_notes_between_change_nothing(conversation: Conversation) -> None:
    note = Cell(source="## Plots", cell_type="markdown")

    assert conversation.before("by month", count=1, cells=[DATA, ASKS, note])


def test_what_a_model_here_was_told_does_not_leave() -> None:
    talk = Conversation()
    talk.add(Exchange("here", "yes"))
    talk.add(Exchange("elsewhere", "yes", is_local=False))

    assert len(talk.before("now", count=2)) == 4
    assert [m["content"] for m in talk.before("now", count=2, is_leaving=True)] == [
        "elsewhere",
        "yes",
    ]
