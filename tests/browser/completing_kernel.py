"""Run in a kernel's namespace: it completes what ``texts`` says, and keeps what it is asked."""

import time

from codeface_jupyter.frontend import protocol

# By the line before the cursor.
texts = {}
silence = ""
seconds = 0.0
asked = []
# The cells above, of the last request.
above = []
warmed = []
# The jobs of requests, and how many were wanted at once; one that was cancelled takes a moment.
in_progress = []
at_once = [0]


def _complete(wanted, job):
    asked.append(wanted["prefix"])
    above[:] = wanted["above"]
    in_progress.append(job)
    at_once.append(sum(not other.is_cancelled for other in in_progress))
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            job.check()
            time.sleep(0.002)
        line = wanted["prefix"].split("\n")[-1]
        return {"text": "" if silence else texts.get(line, ""), "silence": silence}
    finally:
        in_progress.remove(job)


def _warm_up(wanted, job):
    warmed.append(wanted["prefix"])
    return {"silence": silence}


_magics = get_ipython().magics_manager.registry.values()  # noqa: F821
_bridge = next(magics.extension.bridge for magics in _magics if hasattr(magics, "extension"))
_bridge.handle(protocol.COMPLETE, _complete, in_thread=True)
_bridge.handle(protocol.WARM_UP, _warm_up, in_thread=True)
