"""Write what follows from spec and settings; with --check only tell what is stale."""

import sys
from pathlib import Path

from graphstead.derive.files import derive

faults = derive(Path.cwd(), check="--check" in sys.argv)
sys.exit("\n".join(faults) if faults else 0)
