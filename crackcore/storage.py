"""Every write, sync, rename and lock of the program goes through here.

So that one place holds the rules (write beside, sync, check, swap, sync the folder) and tests can
make call n fail or record what is durable. `Disk` is the seam: the functions below use the
module's `disk`, which tests replace.
"""

from __future__ import annotations
