"""What of a completion is shown: how far it goes, and whether it fits its surroundings."""

from codeface_jupyter.trials.completing.bounds import Bounds
from codeface_jupyter.trials.completing.fitting import misfit
from codeface_jupyter.trials.completing.indentation import settled

__all__ = ["Bounds", "misfit", "settled"]
