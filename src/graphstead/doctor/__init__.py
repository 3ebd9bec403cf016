"""What `graphstead doctor` looks at: the project, its database, the machine."""

from graphstead.doctor.findings import Finding
from graphstead.doctor.looking import look

__all__ = ["Finding", "look"]
