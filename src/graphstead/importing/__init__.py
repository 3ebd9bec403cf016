"""Copy what another Agent Server holds into the database of a project."""

from graphstead.importing.importer import KINDS, Importer, Report
from graphstead.importing.source import Source, SourceFault

__all__ = ["KINDS", "Importer", "Report", "Source", "SourceFault"]
