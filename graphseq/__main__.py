"""``python -m graphseq``."""

import sys

from graphseq.cli.main import main

sys.exit(main())
