"""``python -m sparky_nb.worker``: a worker that ends with the server that started it."""

import sys

from sparky_nb.worker.kernel import run_worker

sys.exit(run_worker(with_parent=True))
