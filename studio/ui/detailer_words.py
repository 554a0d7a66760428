"""Words of the detailers' HTML."""

from __future__ import annotations

from studio.domain.detailers import ORDERS, Detailer
from studio.ui import record_words
from studio.ui.templates import text, word


@word
def detailer_title(name: str) -> str:
    return record_words.title(Detailer, name)


@word
def detailer_help(name: str) -> str:
    return record_words.help_of(Detailer, name)


@word
def detailer_number(name: str) -> str:
    """A slider with its box."""
    return record_words.number(Detailer, name)


@word
def detailer_order() -> str:
    """The menu of orders."""
    labels = {order: order[0].upper() + order[1:] for order in ORDERS}
    return record_words.menu(Detailer, "order", labels)


@word
def detailer_open(name: str, otherwise: str) -> str:
    """The box of a number that may be left open: `otherwise` is what acts then."""
    minimum, maximum, step = record_words.bounds(Detailer, name)
    return (
        f'<label class="detailer-open" data-open="{name}" title="{detailer_help(name)}">'
        f"<span>{detailer_title(name)}</span>"
        f'<input type="number" min="{minimum}" max="{maximum}" step="{step}" '
        f'placeholder="{text(otherwise)}"></label>'
    )


@word
def detailer_text(name: str, otherwise: str) -> str:
    """A box for words; `otherwise` is what acts where there are none."""
    return (
        f'<label class="detailer-text" data-text="{name}" title="{detailer_help(name)}">'
        f"<span>{detailer_title(name)}</span>"
        f'<textarea rows="1" spellcheck="false" placeholder="{text(otherwise)}"></textarea></label>'
    )


@word
def detailer_act(name: str, label: str, symbol: str) -> str:
    """A button that does something with the detailer."""
    return record_words.act(name, label, symbol)
