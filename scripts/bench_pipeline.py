"""`vidcache run` against the composition that a user writes today, with the same weights, in turns.

    python scripts/bench_pipeline.py VIDEO --detector PATH [--encoder NAME]
        [--encoder-weights PATH] [--frames N] [--rounds N] [--json OUT] [--reuse] [--profile OUT]

It is `vidcache bench pipeline`; the composition itself is vidcache/bench/composition.py.
"""

import sys

from vidcache.cli import main

sys.argv[1:1] = ["bench", "pipeline"]
main()
