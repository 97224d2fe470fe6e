"""A client of the NSX Policy API: `Nsx`, and what it can be refused with in `errors`."""

from trunkline.adapters.nsx.client import Document, Nsx, Realized, escaped, tls_context
from trunkline.adapters.nsx.credentials import Basic, Bearer, Secret, Session, in_file

__all__ = [
    "Basic",
    "Bearer",
    "Document",
    "Nsx",
    "Realized",
    "Secret",
    "Session",
    "escaped",
    "in_file",
    "tls_context",
]
