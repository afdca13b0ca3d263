"""`python -m services.messaging`"""

import os
import sys

from services.messaging.service import serve
from services.messaging.settings import MessagingSettings
from warren.chassis.lifecycle import main
from warren.chassis.settings import load_or_exit

if __name__ == "__main__":
    settings = load_or_exit(MessagingSettings, "messaging", os.environ, sys.argv[1:])
    main(lambda: serve(settings))
