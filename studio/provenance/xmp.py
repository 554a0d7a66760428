"""The digital source type of a picture, as IPTC and XMP have it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from studio.domain.request import GenerationRequest

KEYWORD = "XML:com.adobe.xmp"
"""Of a PNG's iTXt chunk."""
DRAWN = "trainedAlgorithmicMedia"
EDITED = "compositeWithTrainedAlgorithmicMedia"
"""Terms of IPTC's NewsCodes: a model drew all of it; a model drew into a picture."""
VOCABULARY = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_TERM = re.compile(re.escape(VOCABULARY).replace("http:", "https?:") + r"(\w{1,60})")


def term(request: GenerationRequest) -> str:
    """The digital source type of what it makes: what begins with a picture is made of both."""
    return EDITED if getattr(request.task, "image", None) else DRAWN


def together(terms: Iterable[str | None]) -> str | None:
    """That of a picture put together from others, of which each has one, or none that is known;
    None: nothing can be said of any."""
    found = set(terms)
    if found <= {None}:
        return None
    return DRAWN if found == {DRAWN} else EDITED


def packet(term: str) -> str:
    """An XMP packet that says `term`."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" '
        'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" '
        f'Iptc4xmpExt:DigitalSourceType="{VOCABULARY}{term}"/>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    )


def term_in(text: str) -> str | None:
    """The first that stands in a text."""
    found = _TERM.search(text)
    return found and found[1]
