"""`python -m services.gateway`"""

import os
import sys

from services.gateway.service import serve
from services.gateway.settings import GatewaySettings
from warren.chassis.lifecycle import main
from warren.chassis.settings import load_or_exit

if __name__ == "__main__":
    settings = load_or_exit(GatewaySettings, "gateway", os.environ, sys.argv[1:])
    main(lambda: serve(settings))
