"""The controller's cluster, for commands that ask one."""

from tests.controller.conftest import cluster, hand  # noqa: F401  (fixtures)
from tests.standin.conftest import eventually  # noqa: F401  (fixture)
