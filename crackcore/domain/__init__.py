"""Facts as frozen dataclasses, no doing. numpy at most."""
