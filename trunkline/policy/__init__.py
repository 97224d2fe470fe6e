"""The NSX-Policy-compatible manager: the API server, and the control program of the fabric."""
