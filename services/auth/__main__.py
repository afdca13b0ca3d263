"""`python -m services.auth`"""

import os
import sys

from services.auth.service import serve
from services.auth.settings import AuthSettings
from warren.chassis.lifecycle import main
from warren.chassis.settings import load_or_exit

if __name__ == "__main__":
    settings = load_or_exit(AuthSettings, "auth", os.environ, sys.argv[1:])
    main(lambda: serve(settings))
