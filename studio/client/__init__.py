"""A studio elsewhere, with the methods of the one in process.

>>> from studio import GenerationRequest
>>> from studio.client import Client
>>> with Client("http://127.0.0.1:7860") as studio:
...     [picture] = studio.generate(GenerationRequest(prompt="a red house"))

`AsyncClient` has the same methods to be awaited.
"""

from studio.client.asynchronous import AsyncClient, AsyncRemoteJob
from studio.client.synchronous import Client, RemoteJob

__all__ = ["AsyncClient", "AsyncRemoteJob", "Client", "RemoteJob"]
