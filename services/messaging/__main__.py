"""`python -m services.messaging`, and with `dead-letters` or `queues` for operators."""

import os
import sys

from services.messaging import dead_letters_cli, queues_cli
from services.messaging.settings import MessagingSettings
from warren.chassis.lifecycle import main
from warren.chassis.settings import load_or_exit

if __name__ == "__main__":
    if sys.argv[1:2] == ["dead-letters"]:
        sys.exit(dead_letters_cli.main(sys.argv[2:], os.environ))
    if sys.argv[1:2] == ["queues"]:
        sys.exit(queues_cli.main(sys.argv[2:], os.environ))
    also = f"For operators:\n  {dead_letters_cli.PROGRAM} --help\n  {queues_cli.PROGRAM} --help"
    settings = load_or_exit(MessagingSettings, "messaging", os.environ, sys.argv[1:], also)
    from services.messaging.service import serve  # here: operators do not wait for what only the service needs

    main(lambda: serve(settings))
