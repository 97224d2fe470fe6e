"""YAML that people wrote or pasted: read with positions, judged, repaired where possible, and made typed.

text --load--> documents --convert--> structs
"""

from trunkline.kit.manifests.document import Document, Path, Place, dotted
from trunkline.kit.manifests.reading import DamagedText, load, single
from trunkline.kit.manifests.typed import convert

__all__ = ["DamagedText", "Document", "Path", "Place", "convert", "dotted", "load", "single"]
