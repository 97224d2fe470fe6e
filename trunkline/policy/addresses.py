"""Which addresses are behind segment ports at this moment, from what is stored and what hypervisors hear."""

from __future__ import annotations

from functools import cache

from trunkline.dialects.nsx import discovery, effective
from trunkline.dialects.nsx.discovery import Bindings, Owners, Profile
from trunkline.dialects.nsx.realized import Realiser
from trunkline.dialects.nsx.tree import Tree
from trunkline.dialects.nsx.view import Body, Entry


class Addresses:
    """Answers for one request: what it has found once it finds again.  `now_ms` is since the epoch."""

    def __init__(self, tree: Tree, realiser: Realiser, now_ms: int) -> None:
        self._tree, self._realiser, self._now_ms = tree, realiser, now_ms
        self._profile, self._alone, self._owners = cache(self._profile_of), cache(self._found), cache(self._owners_on)

    def bindings(self, port: Entry) -> Bindings:
        """The bindings of a segment port."""
        own = self._alone(port.path)
        if not self._profile(port.path).duplicates:
            return own
        return discovery.without_duplicates(port.path, own, self._owners(port.path.rpartition("/ports/")[0]))

    def containers(self, port: Entry) -> list[Body]:
        """What is behind the tags of a segment port that are bound to child segments."""
        tagged = [each for each in self._realiser.heard(port.path) if each.binding]
        return discovery.containers([(each, self._profile(discovery.child(each))) for each in tagged], self._now_ms)

    def behind(self, binding: Entry) -> Body:
        """What is behind the tag of a binding map."""
        rules = self._profile(binding.path.rsplit("/", 2)[0])
        return discovery.binding_state(self._realiser.heard(binding.path), rules, self._now_ms)

    def _found(self, port: str) -> Bindings:
        heard = [each for each in self._realiser.heard(port) if not each.binding]
        return discovery.bindings(self._tree.body(port) or {}, heard, self._profile(port), self._now_ms)

    def _owners_on(self, segment: str) -> Owners:
        return discovery.owners({path: self._alone(path) for path in self._tree.members(f"{segment}/ports")})

    def _profile_of(self, holder: str) -> Profile:
        entry = self._tree.entry(holder)
        return discovery.profile(effective.profile("IPDiscoveryProfile", entry, self._tree) if entry else {})
