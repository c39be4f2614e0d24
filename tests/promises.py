"""The promises: what a user may rely on, each with the id by which tests name it.

    @pytest.mark.promise("P5")
    def test_retrying_an_append_stores_it_once(): ...

``tests/test_promises.py`` fails when a promise has no test, or a test names none of these.
"""

from __future__ import annotations

from typing import Final

PROMISES: Final[dict[str, str]] = {
    "P1": "contiguous: within an epoch a viewer applies offset n+1 right after n; no gap, "
    "duplicate or swap",
    "P2": "visible ⇒ durable: nobody is shown an event that the crash of a process can take back; "
    "what the crash of a machine takes back is announced by a gap, exactly",
    "P3": "emitted ⇒ kept: once emit returns, kill -9 of the kernel, the server or both loses "
    "nothing; held pieces and events marked not durable are the only, visible, exceptions",
    "P4": "never partial, never silent: a cursor that can't be honoured gets an explicit gap with "
    "its reason and range before anything else",
    "P5": "exactly-once append: retrying an append with the same event id stores it once",
    "P6": "one ending: every started task gets exactly one terminal event, also when its runner "
    "is killed; a runner that was declared lost is fenced off",
    "P7": "viewers never touch tasks: none, one stalled or a thousand viewers, the task runs at "
    "the same speed",
    "P8": "isolation: a stalled viewer costs the others nothing and the server bounded memory",
    "P9": "one truth: folding the log gives the same state in Python and in TypeScript "
    "(shared golden cases)",
    "P10": "quiet is fine: resuming after any idle time works and says that nothing was missed",
    "P11": "let in only who belongs: every route and socket authenticates, authorises, checks "
    "origin and XSRF, bounds sizes and rates; replay like live; no output runs as script",
    "P12": "old and new together: unknown event types and unknown fields are kept, passed on and "
    "shown plainly",
}
