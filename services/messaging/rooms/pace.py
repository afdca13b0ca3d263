"""How long gateways gather commands between two batches.

A write costs the database 6 to 10 ms of CPU whatever is in it, and a batch about 0.3 ms of broker and both ends. At
low load nothing waits. Under load, writes back to back would take all the CPU there is in small batches, and everybody
would wait for the CPU instead: so gateways gather for as long as the write before took, which leaves the machine half
of the time for everything else, and adjusts by itself to what writes cost there.
"""

BUSY_COMMANDS = 2
"""A write of fewer commands is not worth gathering for."""
MOST_SECONDS = 0.06
TOGETHER_SECONDS = 0.003
"""Gateways that gathered for the same time send at the same time; the owner gives the last of them so much longer."""


def gather_ms(commands: int, seconds: float) -> int:
    """How long to gather, after a write of so many commands that took so many seconds. ms; 0 = do not."""
    if commands < BUSY_COMMANDS:
        return 0
    return round(min(seconds, MOST_SECONDS) * 1000)
