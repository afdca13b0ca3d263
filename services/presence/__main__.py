"""`python -m services.presence`"""

import os
import sys

from services.presence.service import serve
from services.presence.settings import PresenceSettings
from warren.chassis.lifecycle import main
from warren.chassis.settings import load_or_exit

if __name__ == "__main__":
    settings = load_or_exit(PresenceSettings, "presence", os.environ, sys.argv[1:])
    main(lambda: serve(settings))
