"""A client of the lab's policy API, as its administrator."""

from __future__ import annotations

from trunkline.adapters import nsx
from trunkline.lab.fabric import access
from trunkline.lab.state import Lab


def connect(lab: Lab) -> nsx.Nsx:
    """The client, over the port on this machine; the lab must be up.

    Raises:
        IntentError: the authority's certificate cannot be read.
    """
    secret = nsx.in_file(str(access.password_file(lab)))
    return nsx.Nsx(access.url(lab), nsx.tls_context(str(access.authority_file(lab))), nsx.Basic(access.USER, secret))
