"""`python -m infra.deploy`: see cli.py."""

import sys

from infra.deploy.cli import main

sys.exit(main())
