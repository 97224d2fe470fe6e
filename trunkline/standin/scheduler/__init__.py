"""A plain scheduler: unbound pods onto nodes."""
