"""`python -m vonggac_agent`: the command, for services that name the interpreter."""

import sys

from .cli import main

sys.exit(main())
